//! Who waits for what, and how they learn of it: by events inside this process, and of other
//! processes' writes by a poll that runs only while somebody waits.

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

/// Between two looks at the file's version while others write.
const POLL_FAST: Duration = Duration::from_millis(100);

/// … and while they do not.
const POLL_SLOW: Duration = Duration::from_millis(250);

/// Looks without news before slowing down.
const QUIET_LOOKS: u32 = 20;

/// Wakes those who wait.
pub(crate) struct Wakeups {
    hub: Hub,
    arrived: Notify,
    waiting: Mutex<Waiting>,
    /// Somebody began to wait, or it is all over.
    stirred: Condvar,
}

#[derive(Default)]
struct Waiting {
    receivers: usize,
    watched: HashMap<JobId, Watched>,
    over: bool,
}

struct Watched {
    watchers: usize,
    /// The revision seen last: `None` before the first look, `Some(None)` for no such job.
    seen: Option<Option<i64>>,
}

impl Wakeups {
    /// Starts the polling thread, which sleeps until somebody waits.
    pub(crate) fn start(path: PathBuf) -> Result<Arc<Self>, StoreError> {
        let wakeups = Arc::new(Self {
            hub: Hub::default(),
            arrived: Notify::new(),
            waiting: Mutex::default(),
            stirred: Condvar::new(),
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
        self.stirred.notify_all();
    }

    /// This process has changed `id`.
    pub(crate) fn changed(&self, id: JobId) {
        self.hub.notify(id);
    }

    /// This process has put something into the queue.
    pub(crate) fn message_arrived(&self) {
        self.arrived.notify_waiters();
    }

    /// Completes at the next arrival (of any process, as long as a [`Receiving`] is held).
    pub(crate) fn arrival(&self) -> Notified<'_> {
        self.arrived.notified()
    }

    /// Counts as a waiting receiver until dropped.
    pub(crate) fn receiving(self: &Arc<Self>) -> Receiving {
        let mut waiting = self.lock();
        waiting.receivers += 1;
        drop(waiting);
        self.stirred.notify_all();
        Receiving(Arc::downgrade(self))
    }

    fn watch(self: &Arc<Self>, id: JobId) -> Box<dyn Watcher> {
        // The event side first: what happens from here on is seen.
        let events = self.hub.watch(id, None);
        let mut waiting = self.lock();
        waiting.watched.entry(id).or_insert(Watched { watchers: 0, seen: None }).watchers += 1;
        drop(waiting);
        self.stirred.notify_all();
        Box::new(Watching { wakeups: Arc::downgrade(self), id, events })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, path: &std::path::Path) {
        let mut connection = None;
        let mut version = None;
        let mut quiet = 0;
        while self.somebody_waits(&mut version) {
            // Opened late, and again where the file was out of reach.
            if connection.is_none() {
                connection = open::read_only(path)
                    .inspect_err(
                        |error| tracing::debug!(%error, "cannot look for the writes of other processes"),
                    )
                    .ok();
            }
            if let Some(db) = &connection {
                match self.look(db, version) {
                    Ok(now) if version == Some(now) => quiet += 1,
                    Ok(now) => (version, quiet) = (Some(now), 0),
                    Err(error) => {
                        tracing::debug!(%error, "cannot look for the writes of other processes");
                        (connection, version) = (None, None);
                    }
                }
            }
            self.rest(if quiet < QUIET_LOOKS { POLL_FAST } else { POLL_SLOW });
        }
    }

    /// Sleeps while nobody waits; false at the end. After a sleep the version known is too old to
    /// compare with: whoever came meanwhile is told to look once.
    fn somebody_waits(&self, version: &mut Option<i64>) -> bool {
        let mut waiting = self.lock();
        while !waiting.over && waiting.receivers == 0 && waiting.watched.is_empty() {
            *version = None;
            waiting = self.stirred.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        !waiting.over
    }

    fn rest(&self, pause: Duration) {
        let waiting = self.lock();
        let over = |waiting: &mut Waiting| !waiting.over;
        drop(self.stirred.wait_timeout_while(waiting, pause, over));
    }

    /// Compares the file's version with the one known; if it moved, wakes whom it concerns.
    fn look(&self, db: &Connection, known: Option<i64>) -> rusqlite::Result<i64> {
        // The version first: what is written between here and the reads below shows next time.
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

/// A receiver that waits.
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
