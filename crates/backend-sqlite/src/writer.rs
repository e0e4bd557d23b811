//! The writer: one thread with the writing connection, and group commit.
//!
//! All requests that wait when the thread reads its channel run in one transaction and share one flush of the
//! log. Responses are sent after the commit. A failed request does not make others fail: an operation that
//! returns an error has written nothing. If SQLite stops an operation (the disk is full), the transaction is
//! rolled back and each request runs again on its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::{Duration, Instant};

use pssp_jobs::StoreError;
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use crate::Options;
use crate::error::{Fault, store_error};
use crate::open::{FileId, is_busy};
pub(crate) use crate::task::Tx;
use crate::task::{Effects, Task, Write, stopped};
use crate::upkeep::Upkeep;
use crate::watch::Wakeups;

/// Longest wait for requests that are likely to arrive (see [`Pace`]).
const MAX_GATHER_TIME: Duration = Duration::from_millis(2);

/// Pause between two tries while another process writes.
const BUSY_RETRY_INTERVAL: Duration = Duration::from_micros(500);

/// Most requests that wait for the writer. Further callers wait until there is room.
const MAX_WAITING: usize = 8192;

/// Sends requests to the writer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Writer {
    requests: Sender<Box<dyn Task>>,
    room: Arc<Semaphore>,
}

impl Writer {
    pub(crate) fn start(
        db: Connection,
        path: PathBuf,
        options: &Options,
        wakeups: Arc<Wakeups>,
    ) -> Result<Self, StoreError> {
        let (requests, inbox) = mpsc::channel();
        let writing = Writing {
            file: FileId::of(&path),
            db,
            path,
            wakeups,
            inbox,
            max_group: options.max_group.max(1),
            patience: options.busy_timeout,
            pace: Pace::default(),
        };
        std::thread::Builder::new()
            .name("pssp-sqlite-write".to_owned())
            .spawn(move || writing.run())
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        Ok(Self { requests, room: Arc::new(Semaphore::new(MAX_WAITING)) })
    }

    /// Runs `operation` in the next transaction and returns its response once that is durable.
    ///
    /// The operation either writes nothing and returns [`Fault::Answer`], or succeeds, or returns the error of
    /// SQLite. It may run again after a rollback, and it runs even if the caller is dropped. `weight` is about
    /// the number of records that it writes.
    pub(crate) async fn write<T, F>(&self, weight: usize, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let _room = self.room.acquire().await.map_err(|_| stopped())?;
        let answer = self.begin(weight, operation)?;
        answer.await.map_err(|_| stopped())?
    }

    /// As [`Writer::write`], for callers that do not wait for the response.
    pub(crate) fn begin<T, F>(
        &self,
        weight: usize,
        operation: F,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Write::new(weight, operation, reply);
        self.requests.send(Box::new(task)).map_err(|_| stopped())?;
        Ok(answer)
    }
}

/// Decides how long to wait for a group to fill. Callers that wait for a response send their next requests
/// right after it. A commit that begins with the first of these would leave the others for the next commit. So
/// the writer waits for as many requests as recent groups had, but only for a fraction of the time of a commit.
#[derive(Default)]
struct Pace {
    expected: usize,
    window: Duration,
}

impl Pace {
    fn learn(&mut self, size: usize, took: Duration) {
        self.expected = size.max(self.expected - self.expected.div_ceil(4).min(self.expected));
        self.window = (took / 2).min(MAX_GATHER_TIME);
    }
}

/// Why a group was rolled back, which decides whether its requests run again one by one.
enum Stopped {
    /// SQLite stopped one of the operations.
    Within(rusqlite::Error),
    /// The transaction could not begin or commit.
    Whole(rusqlite::Error),
}

struct Writing {
    db: Connection,
    file: FileId,
    path: PathBuf,
    wakeups: Arc<Wakeups>,
    inbox: Receiver<Box<dyn Task>>,
    max_group: usize,
    patience: Duration,
    pace: Pace,
}

impl Writing {
    fn run(mut self) {
        let mut upkeep = Upkeep::default();
        loop {
            let first = match upkeep.pause() {
                None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(pause) => self.inbox.recv_timeout(pause),
            };
            match first {
                Ok(first) => {
                    let group = self.gather(first);
                    self.commit(group);
                    upkeep.written();
                }
                Err(RecvTimeoutError::Timeout) => upkeep.step(&self.db),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn gather(&self, first: Box<dyn Task>) -> Vec<Box<dyn Task>> {
        let deadline = Instant::now() + self.pace.window;
        let mut weight = first.weight();
        let mut group = vec![first];
        while weight < self.max_group {
            let next = match self.inbox.try_recv() {
                Ok(task) => task,
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) if group.len() >= self.pace.expected => break,
                Err(TryRecvError::Empty) => {
                    match self.inbox.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                        Ok(task) => task,
                        Err(_) => break,
                    }
                }
            };
            weight += next.weight();
            group.push(next);
        }
        group
    }

    fn commit(&mut self, mut group: Vec<Box<dyn Task>>) {
        let began = Instant::now();
        if let Err(error) = self.file.is_in_place(&self.path) {
            let lost = error.to_string();
            for task in group {
                task.answer(Some(StoreError::Unavailable(lost.clone().into())));
            }
            return;
        }
        match self.transaction(&mut group) {
            Ok(effects) => {
                self.pace.learn(group.len(), began.elapsed());
                self.settle(group, &effects);
            }
            Err(Stopped::Within(error)) if group.len() > 1 => {
                tracing::debug!(%error, requests = group.len(), "one of a group failed, each runs on its own");
                for task in group {
                    self.alone(task);
                }
            }
            Err(Stopped::Within(error) | Stopped::Whole(error)) => self.refuse(group, &error),
        }
    }

    fn alone(&mut self, task: Box<dyn Task>) {
        let mut group = vec![task];
        match self.transaction(&mut group) {
            Ok(effects) => self.settle(group, &effects),
            Err(Stopped::Within(error) | Stopped::Whole(error)) => self.refuse(group, &error),
        }
    }

    fn settle(&self, group: Vec<Box<dyn Task>>, effects: &Effects) {
        for task in group {
            task.answer(None);
        }
        for id in &effects.changed {
            self.wakeups.changed(*id);
        }
        if effects.arrived {
            self.wakeups.message_arrived();
        }
    }

    fn refuse(&self, group: Vec<Box<dyn Task>>, error: &rusqlite::Error) {
        for task in group {
            task.answer(Some(store_error(error, &self.path)));
        }
    }

    fn transaction(&self, group: &mut [Box<dyn Task>]) -> Result<Effects, Stopped> {
        let mut effects = Effects::default();
        self.begin().map_err(Stopped::Whole)?;
        for task in group {
            let mut tx = Tx::new(&self.db, &mut effects);
            if let Err(error) = task.run(&mut tx) {
                self.roll_back();
                return Err(Stopped::Within(error));
            }
        }
        let committed = self.db.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        match committed {
            Ok(_) => Ok(effects),
            Err(error) => {
                self.roll_back();
                Err(Stopped::Whole(error))
            }
        }
    }

    /// Takes the write lock. SQLite's own wait grows to 100 ms between tries, so that one of two busy processes
    /// gets no turn. This loop tries more often.
    fn begin(&self) -> rusqlite::Result<()> {
        let deadline = Instant::now() + self.patience;
        loop {
            let begun = self.db.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([]));
            match begun {
                Err(error) if is_busy(&error) && Instant::now() < deadline => {
                    std::thread::sleep(BUSY_RETRY_INTERVAL)
                }
                begun => return begun.map(|_| ()),
            }
        }
    }

    fn roll_back(&self) {
        // After some errors SQLite has already rolled back.
        if !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch("ROLLBACK")
        {
            tracing::warn!(path = %self.path.display(), %error, "rollback failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open::prepare;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_in_one_operation_does_not_stop_others() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pssp.db");
        let options = Options::default();
        let db = prepare(&path, &options).unwrap();
        let writer = Writer::start(db, path.clone(), &options, Wakeups::start(path).unwrap()).unwrap();
        let ping = |n: i64| {
            writer
                .begin(1, move |tx| Ok(tx.db.execute("UPDATE health SET pinged = pinged + ?1", [n])?))
                .unwrap()
        };
        let bad = |tx: &mut Tx<'_>| {
            tx.db.execute("UPDATE health SET pinged = pinged + 100", [])?;
            panic!("an error in the operation")
        };
        let (first, broken, last) = (ping(1), writer.begin::<(), _>(1, bad).unwrap(), ping(2));
        assert!(matches!(broken.await.unwrap(), Err(StoreError::Refused(_))));
        assert!(first.await.unwrap().is_ok() && last.await.unwrap().is_ok());
        let pinged = writer
            .write(1, |tx| Ok(tx.db.query_row("SELECT pinged FROM health", [], |r| r.get::<_, i64>(0))?));
        assert_eq!(pinged.await.unwrap(), 3, "what it had written is rolled back");
    }
}
