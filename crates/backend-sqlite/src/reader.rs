//! Reads: a pool of read-only connections, used on blocking threads.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pssp_jobs::StoreError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::Options;
use crate::error::Fault;
use crate::open;

pub(crate) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, StoreError> {
        let count = options.readers.max(1);
        let idle = (0..count).map(|_| open::read_only(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            path: Arc::new(path.to_path_buf()),
            idle: Arc::new(Mutex::new(idle)),
            permits: Arc::new(Semaphore::new(count)),
        })
    }

    /// Runs `query` on a blocking thread in one read transaction, so that it sees one state of the file that
    /// includes all acknowledged writes.
    pub(crate) async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let permit =
            self.permits.clone().acquire_owned().await.map_err(|e| StoreError::Unavailable(e.into()))?;
        let (idle, path) = (self.idle.clone(), self.path.clone());
        let work = move || {
            // The permit is held until the connection is back in the pool, also if the caller is dropped.
            let _permit = permit;
            let lent = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match lent {
                Some(connection) => connection,
                None => open::read_only(&path)?,
            };
            let outcome = in_snapshot(&connection, query);
            // A connection that cannot end its transaction is not used again.
            if connection.is_autocommit() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            outcome.map_err(|fault| fault.into_store_error(&path))
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| StoreError::Unavailable(e.into()))?
    }
}

fn in_snapshot<T>(
    connection: &Connection,
    query: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let outcome = query(connection);
    let ended = connection.prepare_cached("COMMIT")?.execute([]);
    let value = outcome?;
    ended?;
    Ok(value)
}
