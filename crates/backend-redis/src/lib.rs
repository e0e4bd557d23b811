//! The networked backend: jobs, results, queue and dead letters in one Redis.
//!
//! - **One script for each step** (`lua/`): data that belongs together is written together. A submission writes
//!   the record, the key and the message. A transition writes the status, the result, the message, the dead
//!   letter and the wake-up. An acknowledgement checks and deletes. Calls at the same time share a script call
//!   (`batcher`).
//! - **The queue is a sorted set** by the time from which a message may be delivered (`queue`), not a stream
//!   with a consumer group. It is cheaper: on Redis 7.0 a message (of 100,000, sent, received and acknowledged
//!   in groups of a hundred) costs 6.7 µs of the server and 249 bytes of its log, against 12.6 µs and 322 bytes
//!   with a stream. A stream also has only one time-out for all messages and no delays. A waiting message
//!   cannot be withdrawn or found, so a second message about a job doubles it. The consumer group can be lost,
//!   and messages that were given to a vanished reader stay hidden. The `ZCARD` of `submitted` is the exact
//!   backlog, which autoscalers can read.
//! - **Durable**, as the server is configured: with `appendonly yes` and `appendfsync always` no acknowledged
//!   write is lost. [`RedisBackend::open`] refuses a server that evicts keys.
//! - **Connections are replaced** (`link`): after any time-out or I/O error the connection is discarded, and
//!   the next one is made after a back-off with a cap and jitter.
//! - **Events instead of polling**: a token wakes receivers (`wake`), and a channel wakes watchers (`watch`).
//!   Slow polls every few seconds find what was lost with a connection.
//! - **Bounded**: a script handles at most 1,000 records, and every terminal record has a time to live.

mod api_keys;
mod batches;
mod check;
mod codec;
mod dead;
mod error;
mod link;
mod notices;
mod queue;
mod script;
mod store;
mod target;
mod transfer;
mod wake;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use pssp_jobs::{Clock, JobId, StoreError};
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, Value};
use tokio::task::JoinSet;

use crate::codec::{NewJob, NewState};
use crate::link::Link;
use crate::queue::Ack;
use crate::script::{ACK, APPLY, CREATE, Script};
use crate::store::Read;
use crate::target::Target;
use crate::transfer::Owners;
use crate::wake::WakeListener;
use crate::watch::Changes;
use pssp_jobs::batcher::{Batcher, Call, IN_FLIGHT};

/// How the server is used. The defaults are right for production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Time-out for connecting.
    pub connect_timeout: Duration,
    /// Time-out for a response, after which the connection is discarded. The driver's own default of half a
    /// second is too short: a save can stop a large server for longer.
    pub response_timeout: Duration,
    /// The clock of the queue: that of the server, which is the same for all machines, or the one given to
    /// [`RedisBackend::open`] (for tests that move time).
    pub queue_time: QueueTime,
    /// Most calls that share a round trip. With 1 each call is sent on its own.
    pub max_group: usize,
}

/// The clock of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueTime {
    /// The clock of the server.
    Server,
    /// The clock that the backend was opened with.
    Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(5),
            queue_time: QueueTime::Server,
            max_group: 128,
        }
    }
}

/// One Redis as a backend: implements every port of [`pssp_jobs`].
pub struct RedisBackend {
    link: Arc<Link>,
    clock: Arc<dyn Clock>,
    options: Options,
    creates: Batcher<NewJob>,
    reads: Batcher<Read>,
    applies: Batcher<NewState>,
    acks: Batcher<Ack>,
    listener: Arc<WakeListener>,
    changes: Arc<Changes>,
    owners: Owners,
    /// A random text at the start of every receipt of this process.
    name: String,
    receipts: AtomicU64,
    /// Background tasks, which end when the backend is dropped.
    _tasks: JoinSet<()>,
}

impl RedisBackend {
    /// Connects to `redis[s]://[user:password@]host[:port][/db][?prefix=pssp]` and checks that the server can
    /// keep jobs.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the remedy where another try does not help: a bad URL, a wrong password, a
    /// server that evicts keys, is too old or is in cluster mode. [`StoreError::Unavailable`] while the server
    /// cannot be reached: try again.
    pub async fn open(url: &str, clock: Arc<dyn Clock>, options: Options) -> Result<Arc<Self>, StoreError> {
        let target = Target::parse(url, &options)?;
        let bad = |error: RedisError| StoreError::Refused(error.to_string().into());
        let link = Link::new(target.clone(), &options, Duration::ZERO).map_err(bad)?;
        let blocking = Link::new(target, &options, wake::BLOCK_TIMEOUT).map_err(bad)?;
        check::check(&link).await?;

        let (listener, changes) = (Arc::new(WakeListener::default()), Arc::new(Changes::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(listener.clone().listen(blocking));
        tasks.spawn(changes.clone().keep_listening(link.clone(), options.response_timeout));
        let time = Time { clock: clock.clone(), whose: options.queue_time };
        Ok(Arc::new(Self {
            creates: batch_of(&options, &link, &time, &CREATE, NewJob::put),
            applies: batch_of(&options, &link, &time, &APPLY, NewState::put),
            reads: Batcher::start(options.max_group, IN_FLIGHT, {
                let link = link.clone();
                move |group| Self::read_group(link.clone(), group)
            }),
            acks: Batcher::start(options.max_group, IN_FLIGHT, {
                let link = link.clone();
                move |group: Vec<Ack>| {
                    let link = link.clone();
                    async move {
                        let answer = link.eval(&ACK, |command| {
                            for Ack(held) in &group {
                                command.arg(&held.message).arg(&held.entry);
                            }
                        });
                        Ok(redis::from_redis_value(answer.await?)?)
                    }
                }
            }),
            listener,
            changes,
            owners: Owners::default(),
            name: format!("{:016x}.", rand::random::<u64>()),
            receipts: AtomicU64::new(0),
            link,
            clock,
            options,
            _tasks: tasks,
        }))
    }

    /// Deletes every key of the prefix, for a namespace that was made for a trial.
    ///
    /// # Errors
    /// As for any call. The user must be allowed to `SCAN`.
    pub async fn delete_prefix(&self) -> Result<(), StoreError> {
        let mut cursor = 0;
        loop {
            let (next, keys) = self.scan_names(cursor, "", 1000).await?;
            if !keys.is_empty() {
                self.query(redis::cmd("DEL").arg(keys)).await?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// Some names of keys that begin with `kind`, about `count`, and where the scan goes on: 0 at its end.
    async fn scan_names(
        &self,
        cursor: u64,
        kind: &str,
        count: usize,
    ) -> Result<(u64, Vec<String>), StoreError> {
        let mut scan = redis::cmd("SCAN");
        // A prefix has no character that a pattern would take for more than itself, apart from its braces.
        scan.arg(cursor).arg("MATCH").arg(self.key(format_args!("{kind}*"))).arg("COUNT").arg(count);
        self.read(self.query(&scan).await?)
    }

    /// The full name of a key.
    fn key(&self, name: impl fmt::Display) -> String {
        format!("{}{name}", self.link.target.prefix)
    }

    fn job_key(&self, id: JobId) -> String {
        self.key(format_args!("job:{id}"))
    }

    fn queue_time(&self) -> String {
        Time { clock: self.clock.clone(), whose: self.options.queue_time }.argument()
    }

    async fn query(&self, command: &Cmd) -> Result<Value, StoreError> {
        self.link.query(command).await.map_err(|error| self.link.error(&error))
    }

    async fn query_all(&self, commands: &Pipeline) -> Result<Vec<Value>, StoreError> {
        self.link.query_all(commands).await.map_err(|error| self.link.error(&error))
    }

    async fn eval(&self, script: &Script, fill: impl FnOnce(&mut Cmd)) -> Result<Value, StoreError> {
        self.link.eval(script, fill).await.map_err(|error| self.link.error(&error))
    }

    /// Converts a response to a Rust type.
    fn read<T: FromRedisValue>(&self, value: Value) -> Result<T, StoreError> {
        redis::from_redis_value(value).map_err(|error| pssp_jobs::error::corrupt("answer", error))
    }
}

impl fmt::Debug for RedisBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBackend").field("server", &self.link.target).finish_non_exhaustive()
    }
}

/// The time argument of the scripts.
#[derive(Clone)]
struct Time {
    clock: Arc<dyn Clock>,
    whose: QueueTime,
}

impl Time {
    fn argument(&self) -> String {
        match self.whose {
            QueueTime::Server => String::new(),
            QueueTime::Clock => self.clock.now().as_millis().to_string(),
        }
    }
}

/// A batcher for calls of a script. The arguments are the time and then those of each call.
fn batch_of<C>(
    options: &Options,
    link: &Arc<Link>,
    time: &Time,
    script: &'static Script,
    put: fn(&C, &mut Cmd),
) -> Batcher<C>
where
    C: Call<Answer = String, Error = RedisError> + Sync,
{
    let (link, time) = (link.clone(), time.clone());
    Batcher::start(options.max_group, IN_FLIGHT, move |group: Vec<C>| {
        let (link, now) = (link.clone(), time.argument());
        async move {
            let answer = link.eval(script, |command| {
                command.arg(now);
                for call in &group {
                    put(call, command);
                }
            });
            Ok(redis::from_redis_value(answer.await?)?)
        }
    })
}
