//! Maintenance while nobody writes: free pages are returned to the file system, and the write-ahead log is
//! truncated. It runs in steps, so that a request waits for one step at most.

use std::time::Duration;

use rusqlite::Connection;

/// Time without writes before maintenance begins.
const QUIET_TIME: Duration = Duration::from_millis(500);

/// Pause between two steps, in which requests are served.
const STEP_INTERVAL: Duration = Duration::from_millis(10);

/// Number of pages that one step returns (1 MiB).
const STEP_PAGES: i64 = 256;

/// Number of free pages that are kept for the next jobs (1 MiB).
const SLACK_PAGES: i64 = 256;

/// The state of the maintenance.
#[derive(Debug, Default)]
pub(crate) enum Upkeep {
    /// Nothing was written since the last round.
    #[default]
    Done,
    /// Waits for a time without writes.
    Due,
    /// A round is under way.
    Working,
}

impl Upkeep {
    /// How long to wait for a request before the next step; `None` if there is nothing to do.
    pub(crate) const fn pause(&self) -> Option<Duration> {
        match self {
            Self::Done => None,
            Self::Due => Some(QUIET_TIME),
            Self::Working => Some(STEP_INTERVAL),
        }
    }

    pub(crate) fn written(&mut self) {
        *self = Self::Due;
    }

    /// Runs one step. After an error the next round tries again.
    pub(crate) fn step(&mut self, db: &Connection) {
        *self = match return_free_pages(db) {
            Ok(true) => Self::Working,
            Ok(false) => {
                if let Err(error) = truncate_log(db) {
                    tracing::debug!(%error, "the write-ahead log was not cut back");
                }
                Self::Done
            }
            Err(error) => {
                tracing::debug!(%error, "free pages were not returned");
                Self::Done
            }
        };
    }
}

/// Returns some free pages to the file system. Returns whether there are more.
pub(crate) fn return_free_pages(db: &Connection) -> rusqlite::Result<bool> {
    let free: i64 = db.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    let surplus = (free - SLACK_PAGES).min(STEP_PAGES);
    if surplus <= 0 {
        return Ok(false);
    }
    // The statement frees one page for each row, so all rows are read.
    let mut vacuum = db.prepare(&format!("PRAGMA incremental_vacuum({surplus})"))?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    Ok(free - surplus > SLACK_PAGES)
}

/// Copies the log into the file and truncates it, unless another connection still reads from it.
fn truncate_log(db: &Connection) -> rusqlite::Result<()> {
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
