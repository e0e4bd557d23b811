//! Wake-ups of receivers and watchers: by events within this process, and by a poll for the writes of other
//! processes. The poll runs only while somebody waits.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use pssp_jobs::hub::Hub;
use pssp_jobs::{JobId, JobWatch, StoreError, Watcher};
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::SqliteBackend;
use crate::open;

/// Interval between two polls while other processes write.
const FAST_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Interval between two polls while they do not write.
const SLOW_POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Number of polls without a change after which the slow interval is used.
const MAX_QUIET_POLLS: u32 = 20;

/// Wakes receivers and watchers.
pub(crate) struct Wakeups {
    hub: Hub,
    arrived: Notify,
    waiting: Mutex<Waiting>,
    /// Signals that a wait has begun, or that the backend is dropped.
    signal: Condvar,
}

#[derive(Default)]
struct Waiting {
    receivers: usize,
    watched: HashMap<JobId, Watched>,
    over: bool,
}

struct Watched {
    watchers: usize,
    /// The last known revision: `None` before the first poll, `Some(None)` if there is no such job.
    seen: Option<Option<i64>>,
}

impl Wakeups {
    /// Starts the polling thread, which sleeps until somebody waits.
    pub(crate) fn start(path: PathBuf) -> Result<Arc<Self>, StoreError> {
        let wakeups = Arc::new(Self {
            hub: Hub::default(),
            arrived: Notify::new(),
            waiting: Mutex::default(),
            signal: Condvar::new(),
        });
        let shared = wakeups.clone();
        std::thread::Builder::new()
            .name("pssp-sqlite-watch".to_owned())
            .spawn(move || shared.poll(&path))
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        Ok(wakeups)
    }

    /// Ends the polling thread.
    pub(crate) fn stop(&self) {
        self.lock().over = true;
        self.signal.notify_all();
    }

    /// Wakes the watchers of `id`, which this process has changed.
    pub(crate) fn changed(&self, id: JobId) {
        self.hub.notify(id);
    }

    /// Wakes the receivers after this process has put a message into the queue.
    pub(crate) fn message_arrived(&self) {
        self.arrived.notify_waiters();
    }

    /// Completes when the next message arrives (from any process, while a [`Receiving`] is held).
    pub(crate) fn arrival(&self) -> Notified<'_> {
        self.arrived.notified()
    }

    /// Counts a waiting receiver until the returned value is dropped.
    pub(crate) fn receiving(self: &Arc<Self>) -> Receiving {
        let mut waiting = self.lock();
        waiting.receivers += 1;
        drop(waiting);
        self.signal.notify_all();
        Receiving(Arc::downgrade(self))
    }

    fn watch(self: &Arc<Self>, id: JobId) -> Box<dyn Watcher> {
        // The events are watched first, so that no change from here on is missed.
        let events = self.hub.watch(id, None);
        let mut waiting = self.lock();
        waiting.watched.entry(id).or_insert(Watched { watchers: 0, seen: None }).watchers += 1;
        drop(waiting);
        self.signal.notify_all();
        Box::new(Watching { wakeups: Arc::downgrade(self), id, events })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, path: &std::path::Path) {
        let mut connection = None;
        let mut version = None;
        let mut quiet = 0;
        while self.wait_for_interest(&mut version) {
            // The connection is opened at the first wait, and again after an error.
            if connection.is_none() {
                connection = open::read_only(path)
                    .inspect_err(
                        |error| tracing::debug!(%error, "cannot look for the writes of other processes"),
                    )
                    .ok();
            }
            if let Some(db) = &connection {
                match self.check_file(db, version) {
                    Ok(now) if version == Some(now) => quiet += 1,
                    Ok(now) => (version, quiet) = (Some(now), 0),
                    Err(error) => {
                        tracing::debug!(%error, "cannot look for the writes of other processes");
                        (connection, version) = (None, None);
                    }
                }
            }
            self.sleep(if quiet < MAX_QUIET_POLLS { FAST_POLL_INTERVAL } else { SLOW_POLL_INTERVAL });
        }
    }

    /// Sleeps while nobody waits. Returns false when the backend is dropped. After a sleep the known version is
    /// too old to compare with, so the next poll wakes everybody once.
    fn wait_for_interest(&self, version: &mut Option<i64>) -> bool {
        let mut waiting = self.lock();
        while !waiting.over && waiting.receivers == 0 && waiting.watched.is_empty() {
            *version = None;
            waiting = self.signal.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        !waiting.over
    }

    fn sleep(&self, pause: Duration) {
        let waiting = self.lock();
        let over = |waiting: &mut Waiting| !waiting.over;
        drop(self.signal.wait_timeout_while(waiting, pause, over));
    }

    /// Compares the file's version with the known one. If it has changed, wakes the receivers and the watchers
    /// of changed jobs.
    fn check_file(&self, db: &Connection, known: Option<i64>) -> rusqlite::Result<i64> {
        // The version is read first: the next poll finds what is written between here and the reads below.
        let version = db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if known == Some(version) {
            return Ok(version);
        }
        self.arrived.notify_waiters();
        let ids: Vec<JobId> = self.lock().watched.keys().copied().collect();
        let mut revision = db.prepare_cached("SELECT rev FROM jobs WHERE id = ?1")?;
        for id in ids {
            let now: Option<i64> =
                revision.query_row([id.uuid().into_bytes()], |row| row.get(0)).optional()?;
            let mut waiting = self.lock();
            if let Some(watched) = waiting.watched.get_mut(&id)
                && watched.seen.replace(now) != Some(now)
            {
                drop(waiting);
                self.hub.notify(id);
            }
        }
        Ok(version)
    }
}

pub(crate) struct Receiving(Weak<Wakeups>);

impl Drop for Receiving {
    fn drop(&mut self) {
        if let Some(wakeups) = self.0.upgrade() {
            wakeups.lock().receivers -= 1;
        }
    }
}

struct Watching {
    wakeups: Weak<Wakeups>,
    id: JobId,
    events: Box<dyn Watcher>,
}

#[async_trait]
impl Watcher for Watching {
    async fn changed(&mut self) {
        self.events.changed().await;
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let Some(wakeups) = self.wakeups.upgrade() else {
            return;
        };
        let mut waiting = wakeups.lock();
        if let Some(watched) = waiting.watched.get_mut(&self.id) {
            watched.watchers -= 1;
            if watched.watchers == 0 {
                waiting.watched.remove(&self.id);
            }
        }
    }
}

impl JobWatch for SqliteBackend {
    fn watch(&self, id: JobId) -> Box<dyn Watcher> {
        self.wakeups.watch(id)
    }
}
