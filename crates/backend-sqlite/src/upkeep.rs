//! What the writer does when nobody writes: free pages go back to the file system, and the
//! write-ahead log is cut back. In steps, so that the next request waits for one of them at most.

use std::time::Duration;

use rusqlite::Connection;

/// Quiet time before any of it.
const QUIET: Duration = Duration::from_millis(500);

/// Between two steps, in which requests come first.
const BETWEEN: Duration = Duration::from_millis(10);

/// Pages that one step gives back (1 MiB).
const STEP_PAGES: i64 = 256;

/// Free pages that stay for the next jobs (1 MiB).
const SLACK_PAGES: i64 = 256;

/// Where the writer stands with its chores.
#[derive(Debug, Default)]
pub(crate) enum Upkeep {
    /// Nothing was written since the last round.
    #[default]
    Done,
    /// Waiting for a quiet moment.
    Due,
    /// In the middle of it.
    Working,
}

impl Upkeep {
    /// How long to wait for a request before the next step; `None`: there is nothing to do.
    pub(crate) const fn pause(&self) -> Option<Duration> {
        match self {
            Self::Done => None,
            Self::Due => Some(QUIET),
            Self::Working => Some(BETWEEN),
        }
    }

    /// Something was written.
    pub(crate) fn written(&mut self) {
        *self = Self::Due;
    }

    /// One step. A failure is no harm: the next round tries again.
    pub(crate) fn step(&mut self, db: &Connection) {
        *self = match give_back(db) {
            Ok(true) => Self::Working,
            Ok(false) => {
                if let Err(error) = truncate_log(db) {
                    tracing::debug!(%error, "the write-ahead log was not cut back");
                }
                Self::Done
            }
            Err(error) => {
                tracing::debug!(%error, "free pages were not given back");
                Self::Done
            }
        };
    }
}

/// Gives some free pages back; whether there are more.
pub(crate) fn give_back(db: &Connection) -> rusqlite::Result<bool> {
    let free: i64 = db.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    let surplus = (free - SLACK_PAGES).min(STEP_PAGES);
    if surplus <= 0 {
        return Ok(false);
    }
    // It frees one page a row: read to the end.
    let mut vacuum = db.prepare(&format!("PRAGMA incremental_vacuum({surplus})"))?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    Ok(free - surplus > SLACK_PAGES)
}

/// Copies the log into the file and cuts it to nothing, unless somebody still reads from it.
fn truncate_log(db: &Connection) -> rusqlite::Result<()> {
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
