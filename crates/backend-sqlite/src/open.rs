//! Opens the file: checks it, configures it, and refuses files of other programs.

use std::path::Path;
use std::time::{Duration, Instant};

use pssp_jobs::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::Options;
use crate::error::store_error;
use crate::schema::{self, Found, MIGRATIONS};

/// Size of a page of the file in bytes.
pub(crate) const PAGE_BYTES: u64 = 4096;

/// How long a reading connection waits for a lock. Such locks are short (recovery, a process that closes the
/// file).
const READ_BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The writing connection, on a file of pssp with the present schema.
pub(crate) fn prepare(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error: rusqlite::Error| store_error(&error, path);
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(options.busy_timeout).map_err(failed)?;
    // The file is inspected before anything is written to it, and in one transaction: otherwise another process
    // may create the tables between two reads.
    let look = connection.transaction().map_err(failed)?;
    accept(schema::inspect(&look).map_err(failed)?, path)?;
    drop(look);
    configure(&connection, options).map_err(failed)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Inspects it again, because another process may have written to it since.
    let version = accept(schema::inspect(&transaction).map_err(failed)?, path)?;
    if version < MIGRATIONS.len() {
        tracing::info!(path = %path.display(), from = version, to = MIGRATIONS.len(), "setting up the tables");
        schema::migrate(&transaction, version).map_err(failed)?;
    }
    transaction.commit().map_err(failed)?;
    // The writer waits for the lock by itself, see `writer`.
    connection.busy_timeout(Duration::ZERO).map_err(failed)?;
    Ok(connection)
}

/// Identifies the opened file, to notice that it has been removed or replaced. What is written to it after that
/// is lost when the last process closes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId(Option<(u64, u64)>);

impl FileId {
    pub(crate) fn of(path: &Path) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Self(std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino())))
        }
        #[cfg(not(unix))]
        {
            let _ = path; // on other systems an open file cannot be removed
            Self(None)
        }
    }

    pub(crate) fn is_in_place(self, path: &Path) -> Result<(), StoreError> {
        if Self::of(path) == self {
            return Ok(());
        }
        let lost = format!("{} was removed or replaced: put it back and restart", path.display());
        Err(StoreError::Unavailable(lost.into()))
    }
}

/// A connection that can only read.
pub(crate) fn read_only(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(READ_BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    };
    open().map_err(|error| store_error(&error, path))
}

/// The schema version to migrate from, or the error if the file cannot be used.
fn accept(found: Found, path: &Path) -> Result<usize, StoreError> {
    let file = path.display();
    let latest = MIGRATIONS.len();
    let refusal = match found {
        Found::Empty => return Ok(0),
        Found::Ours(version) if version <= latest => return Ok(version),
        Found::Ours(version) => format!(
            "{file} was written by a newer pssp (schema {version}, this one knows up to {latest}): \
             use that version, or name another file"
        ),
        Found::Foreign => {
            format!("{file} is a database of another program: name another file, or move this one away")
        }
    };
    Err(StoreError::Refused(refusal.into()))
}

fn configure(connection: &Connection, options: &Options) -> rusqlite::Result<()> {
    // This setting only works on a file without pages, so it comes first.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    write_ahead_log(connection, options.busy_timeout)?;
    connection.execute_batch(
        // FULL: the log is flushed at each commit. The promise "accepted is durable" needs it.
        "PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 1000;
         PRAGMA journal_size_limit = 16777216;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16384;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    if let Some(bytes) = options.max_bytes {
        let pages = i64::try_from((bytes / PAGE_BYTES).max(1)).unwrap_or(i64::MAX);
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

/// Switches to WAL. If two processes do so at once, it may be locked in spite of the time-out.
fn write_ahead_log(connection: &Connection, timeout: Duration) -> rusqlite::Result<()> {
    let deadline = Instant::now() + timeout;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5))
            }
            other => return other,
        }
    }
}

/// Whether another connection holds the lock.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Other connections cannot read these settings of the writer.
    #[test]
    fn the_writer_flushes_each_commit_and_bounds_its_log() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { max_bytes: Some(1 << 20), ..Options::default() };
        let db = prepare(&directory.path().join("pssp.db"), &options).unwrap();
        let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(number("PRAGMA synchronous"), 2, "full");
        assert_eq!(number("PRAGMA wal_autocheckpoint"), 1000);
        assert_eq!(number("PRAGMA journal_size_limit"), 16 << 20);
        assert_eq!(number("PRAGMA max_page_count"), 256);
    }
}
