//! Keeps the time of a process with that of the store, so that a wrong clock harms no job of other machines.

use std::time::Duration;

use pssp_jobs::Jobs;
use tokio_util::sync::CancellationToken;

/// Pause between two comparisons. A clock that jumps is noticed after this time.
const INTERVAL: Duration = Duration::from_secs(10);

/// Longest wait for the store.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Compares the clocks once. An unreachable store is not an error here: other code reports it.
#[expect(clippy::cast_precision_loss, reason = "a gauge of milliseconds is exact up to 2^53")]
pub async fn compare(jobs: &Jobs) {
    match tokio::time::timeout(TIMEOUT, jobs.compare_clocks()).await {
        Ok(Ok(offset)) => metrics::gauge!("pssp_clock_offset_seconds").set(offset as f64 / 1000.0),
        Ok(Err(error)) => tracing::debug!(%error, "cannot compare the clock with the store's: {error}"),
        Err(_) => tracing::debug!("cannot compare the clock with the store's in time"),
    }
}

/// Compares the clocks at intervals until `shutdown` is cancelled.
pub async fn keep(jobs: Jobs, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => compare(&jobs).await,
            () = shutdown.cancelled() => return,
        }
    }
}
