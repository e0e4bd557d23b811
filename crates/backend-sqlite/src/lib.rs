//! The embedded backend: jobs, results, queue and dead letters in one SQLite file.
//!
//! - **Durable**: WAL with `synchronous=FULL`. Acknowledged writes survive a loss of power, if the disk honours
//!   a flush.
//! - **Group commit** (`writer`): one thread writes. All waiting requests share one transaction and one flush.
//!   A record and its message are always written in the same transaction.
//! - **Reads** go to a small pool of read-only connections (`reader`), off the async threads.
//! - **Several processes on one machine** may share the file (API and worker as separate processes, a CLI
//!   beside a server). Events wake waiting callers in this process, and a cheap poll finds the writes of other
//!   processes (`watch`). The file must not be on a network file system, because locks do not work there.
//! - **Bounded**: expired records are deleted in steps, free pages are returned to the file system, and the
//!   write-ahead log is truncated when nobody writes.

mod api_keys;
mod batches;
mod dead;
mod error;
mod ids;
mod jobs;
mod notices;
mod open;
mod queue;
mod reader;
mod receiver;
mod room;
mod schema;
mod store;
mod task;
mod transfer;
mod upkeep;
mod watch;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pssp_jobs::{Clock, StoreError};

use crate::reader::Readers;
use crate::watch::Wakeups;
use crate::writer::Writer;

/// How the file is used. The defaults are right for production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Most records (jobs, acknowledgements, …) that share one commit. With 1 each request has its own commit.
    pub max_group: usize,
    /// Number of reading connections.
    pub readers: usize,
    /// How long to wait for another process that writes, before [`StoreError::Unavailable`].
    pub busy_timeout: Duration,
    /// Largest size of the database file in bytes (rounded to pages of 4 KiB). A write beyond it is
    /// [`StoreError::Full`]. The write-ahead log is not included.
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_group: 1024, readers: 4, busy_timeout: Duration::from_secs(10), max_bytes: None }
    }
}

/// One SQLite file as a backend: implements every port of [`pssp_jobs`].
///
/// When it is dropped, the writer completes the requests that it has, and the file is closed.
pub struct SqliteBackend {
    clock: Arc<dyn Clock>,
    writer: Writer,
    readers: Readers,
    wakeups: Arc<Wakeups>,
    path: PathBuf,
    max_bytes: Option<u64>,
}

impl SqliteBackend {
    /// Opens the file, creates it if it does not exist, and migrates an older schema. Blocks on the disk and on
    /// another process that writes, so call it at start and not in a handler.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with path and remedy where another try does not help: no such directory, no
    /// permission, not a database of pssp, or one of a newer version.
    pub fn open(
        path: impl AsRef<Path>,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Result<Arc<Self>, StoreError> {
        let path = path.as_ref().to_path_buf();
        let connection = open::prepare(&path, &options)?;
        let wakeups = Wakeups::start(path.clone())?;
        let readers = Readers::open(&path, &options)?;
        let writer = Writer::start(connection, path.clone(), &options, wakeups.clone())?;
        Ok(Arc::new(Self { clock, writer, readers, wakeups, path, max_bytes: options.max_bytes }))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SqliteBackend {
    fn drop(&mut self) {
        self.wakeups.stop();
    }
}

impl fmt::Debug for SqliteBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteBackend").field("path", &self.path).finish_non_exhaustive()
    }
}
