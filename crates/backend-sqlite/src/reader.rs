//! Reads: a few read-only connections, used on blocking threads.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pssp_jobs::StoreError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::Options;
use crate::error::Fault;
use crate::open;

/// The pool.
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

    /// Runs `query` on a blocking thread, in one read transaction: it sees one state of the file,
    /// at least as new as the last acknowledged write.
    pub(crate) async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let permit =
            self.permits.clone().acquire_owned().await.map_err(|e| StoreError::Unavailable(e.into()))?;
        let (idle, path) = (self.idle.clone(), self.path.clone());
        let work = move || {
            // Held until the connection is back, also where the caller has gone meanwhile.
            let _permit = permit;
            let lent = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match lent {
                Some(connection) => connection,
                None => open::read_only(&path)?,
            };
            let outcome = in_snapshot(&connection, query);
            // One that cannot even end its transaction is not lent again.
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
