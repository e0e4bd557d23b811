//! Wake-ups of waiting receivers and watchers, by notifications on a connection of its own.
//!
//! The process listens from the first waiting receiver or watcher on. The connection is probed, and renewed when it
//! ends, or when another connection is given up. After every start all are woken once, because events may have been
//! missed before it. A pooler that gives every transaction another connection passes no notifications on, without an
//! error. So with each probe the process sends one to itself, and polls often while it does not hear it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::poll_fn;
use pssp_common::Backoff;
use pssp_jobs::hub::Hub;
use pssp_jobs::{JobId, JobWatch, Watcher};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};
use tokio_postgres::AsyncMessage;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::PostgresBackend;
use crate::announce::{ARRIVED, CHANGED, ID_DIGITS};
use crate::database::Database;
use crate::error::Fault;

/// Longest time until a receiver or a watcher looks, while no event comes through.
const DEAF_POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Time after which a silent connection is probed.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// Who waits in this process.
pub(crate) struct Listener {
    hub: Hub,
    arrived: Notify,
    wanted: Notify,
    /// Whether the last notification to itself came through.
    hears: AtomicBool,
    /// Whether the present one did.
    hello: AtomicBool,
    /// Number of connections so far. A change of it wakes every watcher.
    begun: watch::Sender<u64>,
    poll_interval: Duration,
}

impl Listener {
    pub(crate) fn new(poll_interval: Duration) -> Self {
        Self {
            hub: Hub::default(),
            arrived: Notify::new(),
            wanted: Notify::new(),
            hears: AtomicBool::new(false),
            hello: AtomicBool::new(false),
            begun: watch::Sender::new(0),
            poll_interval,
        }
    }

    /// Wakes the receivers of this process.
    pub(crate) fn message_arrived(&self) {
        self.arrived.notify_waiters();
    }

    /// Wakes the watchers of a job in this process.
    pub(crate) fn changed(&self, id: JobId) {
        self.hub.notify(id);
    }

    /// Completes when the next message arrives.
    pub(crate) fn arrival(&self) -> Notified<'_> {
        self.wanted.notify_one();
        self.arrived.notified()
    }

    /// Whether events come through.
    pub(crate) fn hears(&self) -> bool {
        self.hears.load(Ordering::Acquire)
    }

    /// How long a receiver may sleep without an event.
    pub(crate) fn poll_interval(&self) -> Duration {
        if self.hears() { self.poll_interval } else { DEAF_POLL_INTERVAL.min(self.poll_interval) }
    }

    /// Listens from the first wait on, for ever.
    pub(crate) async fn keep_listening(self: Arc<Self>, database: Arc<Database>, limit: Duration) {
        self.wanted.notified().await;
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2)).with_jitter();
        let mut failed = false;
        loop {
            let before = *self.begun.borrow();
            let ended = self.listen(&database, limit).await;
            self.hears.store(false, Ordering::Release);
            if *self.begun.borrow() != before {
                backoff.reset();
                failed = false;
            }
            if let Err(fault) = ended {
                if failed {
                    tracing::debug!(error = %fault, "listening for events failed: {fault}");
                } else {
                    tracing::warn!(error = %fault, "cannot listen for events; polls replace them until it works again: {fault}");
                }
                failed = true;
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    async fn listen(&self, database: &Database, limit: Duration) -> Result<(), Fault> {
        let mut given_up = database.given_up();
        let (client, mut connection) = database.own().await?;
        let channels = Channels::of(database);
        let mut messages = poll_fn(move |context| connection.poll_message(context));
        // The connection does its work while its messages are read.
        let listen = channels.listen();
        let mut answer = std::pin::pin!(tokio::time::timeout(limit, client.batch_execute(&listen)));
        loop {
            tokio::select! {
                message = messages.next() => self.hear(&next(message)?, &channels),
                done = &mut answer => {
                    done.map_err(|_| silent())?.map_err(|error| Fault::of(&error))?;
                    break;
                }
            }
        }
        self.begun.send_modify(|begun| *begun += 1);
        self.message_arrived();
        let mut warned = false;
        loop {
            self.hello.store(false, Ordering::Release);
            database.query("SELECT pg_notify($1, '')", &[(&channels.hello, Type::TEXT)]).await?;
            let probe = async {
                tokio::time::sleep(PROBE_INTERVAL).await;
                tokio::time::timeout(limit, client.batch_execute("")).await
            };
            let mut probe = std::pin::pin!(probe);
            loop {
                tokio::select! {
                    message = messages.next() => self.hear(&next(message)?, &channels),
                    probed = &mut probe => {
                        probed.map_err(|_| silent())?.map_err(|error| Fault::of(&error))?;
                        break;
                    }
                    _ = given_up.changed() => return Ok(()),
                }
            }
            let hears = self.hello.load(Ordering::Acquire);
            self.hears.store(hears, Ordering::Release);
            if !hears && !std::mem::replace(&mut warned, true) {
                tracing::warn!(
                    server = %database.target,
                    "no events come through, so receivers and watchers poll every quarter of a second: a pooler in \
                     transaction mode does not pass them on"
                );
            }
        }
    }

    fn hear(&self, message: &AsyncMessage, channels: &Channels) {
        let AsyncMessage::Notification(event) = message else { return };
        if event.channel() == channels.hello {
            self.hello.store(true, Ordering::Release);
            self.hears.store(true, Ordering::Release);
        } else if event.channel() == channels.arrived {
            self.message_arrived();
        } else {
            for id in event.payload().as_bytes().chunks(ID_DIGITS) {
                if let Ok(id) = Uuid::try_parse_ascii(id) {
                    self.hub.notify(JobId::from(id));
                }
            }
        }
    }
}

/// The channels of a process.
struct Channels {
    arrived: String,
    changed: String,
    /// On this one the process hears itself.
    hello: String,
}

impl Channels {
    fn of(database: &Database) -> Self {
        let own = Uuid::new_v4().simple().to_string();
        Self {
            arrived: database.target.channel(ARRIVED),
            changed: database.target.channel(CHANGED),
            hello: database.target.channel(&own[..10]),
        }
    }

    fn listen(&self) -> String {
        let Self { arrived, changed, hello } = self;
        format!("LISTEN \"{arrived}\"; LISTEN \"{changed}\"; LISTEN \"{hello}\"")
    }
}

fn next(message: Option<Result<AsyncMessage, tokio_postgres::Error>>) -> Result<AsyncMessage, Fault> {
    message.ok_or_else(silent)?.map_err(|error| Fault::of(&error))
}

fn silent() -> Fault {
    Fault::unavailable("the connection that listens has ended".to_owned())
}

impl JobWatch for PostgresBackend {
    fn prepare(&self) {
        self.listener.wanted.notify_one();
    }

    fn watch(&self, id: JobId) -> Box<dyn Watcher> {
        let begun = self.listener.begun.subscribe();
        let watcher = self.listener.hub.watch_renewed(id, self.listener.poll_interval(), begun);
        self.prepare();
        watcher
    }
}
