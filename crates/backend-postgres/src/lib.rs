//! The relational backend: jobs, results, queue and dead letters in one schema of a PostgreSQL database.
//!
//! - **One statement for each step** (`create`, `apply`, `queue`): what belongs together is written by one statement
//!   with several parts (`WITH … INSERT`), and a statement is a transaction. A submission writes the record, the key
//!   and the message; a transition writes the status, the result, the dead letter and the message.
//! - **Group commit over the network**: calls at the same time share a statement ([`Batcher`]), and so one flush of the
//!   server's log.
//! - **The queue is a table.** Receivers take rows with `FOR UPDATE SKIP LOCKED`, so they never wait for each other.
//! - **Durable**, as the server is configured: with `synchronous_commit = on`, its default, no acknowledged write is
//!   lost.
//! - **Events instead of polling** (`listen`): `NOTIFY` wakes receivers and watchers. It is sent after the
//!   transaction, since all transactions of a server that notify wait for each other. Slow polls find what was lost,
//!   and fast ones replace events where a pooler does not pass them on.
//! - **Connections are replaced** (`database`): after any time-out or I/O error the connection is discarded, and also
//!   when the server has become a standby.
//! - **Bounded**: a statement handles at most 1,000 records, and expired records are deleted in steps.

mod announce;
mod api_keys;
mod apply;
mod batches;
mod connect;
mod create;
mod database;
mod dead;
mod error;
mod group;
mod jobs;
mod listen;
mod notices;
mod queue;
mod room;
mod schema;
mod store;
mod target;
mod tls;
mod transfer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pssp_jobs::batcher::{Batcher, IN_FLIGHT};
use pssp_jobs::{Clock, StoreError};
use tokio::task::JoinSet;

use crate::announce::Announcer;
use crate::apply::Transition;
use crate::create::NewJob;
use crate::database::Database;
use crate::listen::Listener;
use crate::target::Target;

/// How the server is used. The defaults are right for production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Time-out for connecting.
    pub connect_timeout: Duration,
    /// Time-out for a response, after which the connection is discarded.
    pub response_timeout: Duration,
    /// Most connections, without the one that listens, unless the URL says it (`connections`).
    pub connections: usize,
    /// Whether to make the tables where there are none.
    pub make_tables: bool,
    /// The clock of the queue: that of the server, which is the same for all machines, or the one given to
    /// [`PostgresBackend::open`] (for tests that move time).
    pub queue_time: QueueTime,
    /// Longest time until a waiting receiver or watcher looks without an event.
    pub poll_interval: Duration,
    /// Most calls that share a statement. With 1 each call is sent on its own.
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
            response_timeout: Duration::from_secs(10),
            connections: 5,
            make_tables: true,
            queue_time: QueueTime::Server,
            poll_interval: Duration::from_secs(5),
            max_group: 256,
        }
    }
}

/// One schema of a PostgreSQL database as a backend: implements every port of [`pssp_jobs`].
pub struct PostgresBackend {
    database: Arc<Database>,
    time: Time,
    creates: Batcher<NewJob>,
    applies: Batcher<Transition>,
    announcer: Announcer,
    listener: Arc<Listener>,
    used: room::Estimate,
    /// Background tasks, which end when the backend is dropped.
    _tasks: JoinSet<()>,
}

impl PostgresBackend {
    /// Connects to `postgres://[user[:password]@]host[:port]/database[?schema=pssp&…]`, and makes or migrates the
    /// tables.
    ///
    /// # Errors
    /// [`StoreError::Refused`] or [`StoreError::Denied`] with the remedy where another try does not help: a bad URL, a
    /// wrong password, a server that is too old. [`StoreError::Unavailable`] while the server cannot be reached: try
    /// again.
    pub async fn open(url: &str, clock: Arc<dyn Clock>, options: Options) -> Result<Arc<Self>, StoreError> {
        let target = Target::parse(url, &options)?;
        let database = Arc::new(Database::new(target, &options)?);
        schema::migrate(&database, options.make_tables).await?;
        let listener = Arc::new(Listener::new(options.poll_interval));
        let mut tasks = JoinSet::new();
        let announcer = Announcer::start(&mut tasks, database.clone());
        tasks.spawn(listener.clone().keep_listening(database.clone(), options.response_timeout));
        let time = Time { clock, whose: options.queue_time };
        // One at a time: two would give out the same turns (`queue`).
        let creates = Batcher::start(options.max_group, 1, {
            let (database, time) = (database.clone(), time.clone());
            move |group| create::run(database.clone(), time.given(), group)
        });
        let applies = Batcher::start(options.max_group, IN_FLIGHT, {
            let (database, time) = (database.clone(), time.clone());
            move |group| apply::run(database.clone(), time.given(), group)
        });
        Ok(Arc::new(Self {
            database,
            time,
            creates,
            applies,
            announcer,
            listener,
            used: room::Estimate::default(),
            _tasks: tasks,
        }))
    }

    /// Whether events of other processes come through. They do from soon after the first wait on, unless a pooler in
    /// transaction mode is in between: then this process polls instead.
    #[must_use]
    pub fn hears_events(&self) -> bool {
        self.listener.hears()
    }

    /// Deletes the schema with all jobs, for a namespace that was made for a trial.
    ///
    /// # Errors
    /// As for any call.
    pub async fn drop_schema(&self) -> Result<(), StoreError> {
        let drop = format!("DROP SCHEMA \"{}\" CASCADE", self.database.target.schema);
        self.database.script(&drop, Duration::from_mins(1)).await.map_err(|fault| self.database.error(fault))
    }

    /// Wakes the receivers, of this process at once and of others by an event.
    fn message_arrived(&self) {
        self.listener.message_arrived();
        self.announcer.message_arrived();
    }

    /// Wakes the watchers of a job, of this process at once and of others by an event.
    fn changed(&self, id: pssp_jobs::JobId) {
        self.listener.changed(id);
        self.announcer.changed(id);
    }
}

impl fmt::Debug for PostgresBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresBackend")
            .field("server", &self.database.target.to_string())
            .finish_non_exhaustive()
    }
}

/// The time for a statement.
#[derive(Clone)]
struct Time {
    clock: Arc<dyn Clock>,
    whose: QueueTime,
}

impl Time {
    /// The value of the first parameter of [`now!`]: `None` for the time of the server.
    fn given(&self) -> Option<i64> {
        match self.whose {
            QueueTime::Server => None,
            QueueTime::Clock => Some(self.clock.now().as_millis()),
        }
    }
}

/// The beginning of a statement that needs the time, in `(SELECT ms FROM now)`. Its first parameter is the time in ms,
/// or NULL for that of the server.
macro_rules! now {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "WITH now AS (SELECT coalesce($1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS ms)",
            $($rest),+
        )
    };
}
use now;
