//! The networked backend: jobs, results, queue and dead letters in one Redis.
//!
//! - **One script a step** (`lua/`): what belongs together is written together. Submitting writes
//!   record, key and message; a transition writes status, result, message, dead letter and wake-up;
//!   acknowledging checks and deletes. Calls that come at the same time share a script (`batcher`).
//! - **The queue is a sorted set** by the time from which a message may be delivered (`queue`), and
//!   not a stream with a consumer group. Measured on Redis 7.0 with 100,000 messages, sent, received
//!   and acknowledged by hundreds: 6.7 µs of the server and 249 bytes of its log a message, against
//!   12.6 µs and 322 bytes. A stream also has one time-out for all, no delays, no way to take back or
//!   to find a message that waits (a second message about a job doubles it), a group that can be
//!   lost, and hides what a reader was given that went away meanwhile. `ZCARD` of `submitted` is the
//!   true backlog, which scalers can read.
//! - **Durable** as far as the server is told to be: `appendonly yes` with `appendfsync always` loses
//!   nothing that was acknowledged. [`RedisBackend::open`] refuses a server that evicts.
//! - **Connections heal** (`link`): any time-out or I/O error discards the connection on which it
//!   happened; the next is made after a capped back-off with jitter.
//! - **Events, not polling**: receivers are woken by a token (`wake`), watchers by a channel
//!   (`watch`); slow polls of a few seconds cover what may get lost with a connection.
//! - **Bounded**: every script handles at most 1,000 records; everything terminal has a time to live.

mod batcher;
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
mod wake;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use pssp_jobs::{Clock, JobId, StoreError};
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, Value};
use tokio::task::JoinSet;

use crate::batcher::Batcher;
use crate::codec::{NewJob, NewState};
use crate::link::Link;
use crate::queue::Ack;
use crate::script::{ACK, APPLY, CREATE, Script};
use crate::store::Read;
use crate::target::Target;
use crate::wake::WakeListener;
use crate::watch::Changes;

/// How the server is used. The defaults are what we ship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long to try to connect.
    pub connect_timeout: Duration,
    /// How long to wait for an answer before the connection is given up. The driver's own default of
    /// half a second is shorter than a save of a large server may stop it.
    pub response_timeout: Duration,
    /// Whose clock the queue goes by: the server's, the same for all machines, or the one given to
    /// [`RedisBackend::open`] (for tests that move time).
    pub queue_time: QueueTime,
    /// Most calls that share a round trip. 1 sends each on its own.
    pub max_group: usize,
}

/// Whose clock the queue goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueTime {
    /// The server's.
    Server,
    /// The one that the backend was opened with.
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

/// One Redis as a backend: fulfils every port of [`pssp_jobs`].
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
    /// Begins every receipt of this process; random.
    name: String,
    receipts: AtomicU64,
    /// Ends with the backend.
    _tasks: JoinSet<()>,
}

impl RedisBackend {
    /// Connects to `redis[s]://[user:password@]host[:port][/db][?prefix=pssp]` and checks that the
    /// server is fit to keep jobs.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the remedy where another try will not help: a bad URL, a wrong
    /// password, a server that evicts, is too old or in cluster mode. [`StoreError::Unavailable`]
    /// while it cannot be reached: try again.
    pub async fn open(url: &str, clock: Arc<dyn Clock>, options: Options) -> Result<Arc<Self>, StoreError> {
        let target = Target::parse(url, &options)?;
        let bad = |error: RedisError| StoreError::Refused(error.to_string().into());
        let link = Link::new(target.clone(), &options, Duration::ZERO).map_err(bad)?;
        let blocking = Link::new(target, &options, wake::BLOCK).map_err(bad)?;
        check::check(&link).await?;

        let (listener, changes) = (Arc::new(WakeListener::default()), Arc::new(Changes::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(listener.clone().listen(blocking));
        tasks.spawn(changes.clone().attend(link.clone(), options.response_timeout));
        let time = Time { clock: clock.clone(), whose: options.queue_time };
        Ok(Arc::new(Self {
            creates: batch_of(&options, &link, &time, &CREATE, NewJob::put),
            applies: batch_of(&options, &link, &time, &APPLY, NewState::put),
            reads: Batcher::start(options.max_group, {
                let link = link.clone();
                move |group| Self::read_group(link.clone(), group)
            }),
            acks: Batcher::start(options.max_group, {
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
            name: format!("{:016x}.", rand::random::<u64>()),
            receipts: AtomicU64::new(0),
            link,
            clock,
            options,
            _tasks: tasks,
        }))
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

    /// An answer as a value of ours.
    fn read<T: FromRedisValue>(&self, value: Value) -> Result<T, StoreError> {
        redis::from_redis_value(value).map_err(|error| error::corrupt("answer", error))
    }
}

impl fmt::Debug for RedisBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBackend").field("server", &self.link.target).finish_non_exhaustive()
    }
}

/// What the scripts are told of the time.
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

/// Groups of calls to a script that takes the time and then each call's arguments.
fn batch_of<C>(
    options: &Options,
    link: &Arc<Link>,
    time: &Time,
    script: &'static Script,
    put: fn(&C, &mut Cmd),
) -> Batcher<C>
where
    C: batcher::Call<Answer = String> + Sync,
{
    let (link, time) = (link.clone(), time.clone());
    Batcher::start(options.max_group, move |group: Vec<C>| {
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
