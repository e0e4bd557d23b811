//! Reads a store into an archive.

use std::io::Write;
use std::time::Duration;

use pssp_common::Backoff;
use pssp_jobs::{Backend, Clock, Scan, StoreError, Timestamp};

use crate::archive::{ArchiveError, End, Writer};
use crate::totals::Totals;

/// Entries that are read in one call.
const PART: usize = 256;

/// How long a store may be away before an export or an import gives up.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Why an export or an import did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Adds everything that the store keeps from `from` on (`None`: from the beginning) to the archive, and ends it. What has
/// expired is left out. Calls that fail for now are repeated. `tell` is called after each part.
///
/// The archive is no snapshot of one moment: every entry is as it was when it was read. Jobs that are made while the
/// export runs may be in it or not.
///
/// # Errors
/// [`MoveError`]. The whole chunks that are written stay, and the export can be resumed.
pub async fn export<W: Write>(
    backend: &Backend,
    clock: &dyn Clock,
    mut archive: Writer<W>,
    mut from: Option<String>,
    mut tell: impl FnMut(&Totals),
) -> Result<(W, End), MoveError> {
    let now = time_of(backend, clock).await?;
    loop {
        let part: Scan = patiently(async || backend.transfer.scan(from.as_deref(), PART).await).await?;
        for what in part.damaged {
            archive.add_damaged(what);
        }
        for entry in &part.entries {
            if entry.expires_at().is_none_or(|at| at > now) {
                archive.add(entry)?;
            }
        }
        tell(archive.totals());
        let Some(next) = part.next else { return Ok(archive.finish()?) };
        archive.checkpoint(&next)?;
        from = Some(next);
    }
}

/// The time of the store, which may differ from that of this machine.
pub(crate) async fn time_of(backend: &Backend, clock: &dyn Clock) -> Result<Timestamp, StoreError> {
    Ok(patiently(async || backend.store.time().await).await?.unwrap_or_else(|| clock.now()))
}

/// Repeats a call while it fails for now, for [`PATIENCE`] at most.
pub(crate) async fn patiently<T>(call: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut waits = Backoff::new(Duration::from_millis(100), Duration::from_secs(5)).with_jitter();
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        match call().await {
            Err(StoreError::Unavailable(_)) if tokio::time::Instant::now() < give_up => {
                tokio::time::sleep(waits.next_wait()).await;
            }
            answer => return answer,
        }
    }
}
