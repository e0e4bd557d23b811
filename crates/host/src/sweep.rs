//! The sweep loop. Every worker runs it all the time: it repairs overdue jobs and removes expired records.

use std::time::Duration;

use pssp_jobs::service::{SWEEP_LIMIT, Swept};
use pssp_jobs::{Jobs, StoreError};
use tokio_util::sync::CancellationToken;

use pssp_common::jittered;

/// The pause between sweeps while there is a backlog. It leaves the store time for jobs.
const BACKLOG_PAUSE: Duration = Duration::from_millis(20);

/// Sweeps about every `every` until `shutdown` is cancelled. The first sweep comes soon after the start, to repair what
/// an earlier process left. A sweep that hits its limit is followed by another after a short pause.
pub async fn run(jobs: Jobs, every: Duration, shutdown: CancellationToken) {
    let mut failing = false;
    let mut pause = jittered(every.min(Duration::from_secs(1)), 0.0, 1.0);
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => return,
        }
        // A sweep may be dropped at any point, since each repair is complete in itself.
        let swept = tokio::select! {
            swept = sweep_and_measure(&jobs) => swept,
            () = shutdown.cancelled() => return,
        };
        log_change(&mut failing, &swept);
        pause = match swept {
            Ok(swept) if is_backlog(&swept) => BACKLOG_PAUSE,
            _ => jittered(every, 0.75, 1.25),
        };
    }
}

/// Sweeps until there is no backlog. Returns the sum of all sweeps. May be dropped at any point.
#[cfg(feature = "lambda")]
pub(crate) async fn until_done(jobs: &Jobs) -> Result<Swept, StoreError> {
    let mut total = Swept::default();
    loop {
        let swept = sweep(jobs).await?;
        total.resent += swept.resent;
        total.reclaimed += swept.reclaimed;
        total.healed += swept.healed;
        total.buried += swept.buried;
        total.skipped += swept.skipped;
        total.purged += swept.purged;
        if !is_backlog(&swept) {
            return Ok(total);
        }
        tokio::time::sleep(BACKLOG_PAUSE).await;
    }
}

/// Sweeps, and sets the gauge of the queue depth. Lambda functions do not need the gauge, since nothing scrapes them.
async fn sweep_and_measure(jobs: &Jobs) -> Result<Swept, StoreError> {
    let swept = sweep(jobs).await?;
    measure_depth(jobs).await?;
    measure_room(jobs).await?;
    Ok(swept)
}

async fn sweep(jobs: &Jobs) -> Result<Swept, StoreError> {
    let swept = jobs.sweep().await;
    let outcome = if swept.is_ok() { "ok" } else { "error" };
    metrics::counter!("pssp_sweep_total", "outcome" => outcome).increment(1);
    let swept = swept?;
    for (kind, n) in kinds(&swept) {
        metrics::counter!("pssp_sweep_repaired_total", "kind" => kind).increment(n as u64);
    }
    if swept.reclaimed + swept.buried > 0 {
        let Swept { reclaimed, buried, .. } = swept;
        tracing::warn!(reclaimed, buried, "took {reclaimed} jobs from lost workers and gave up {buried}");
    }
    Ok(swept)
}

fn kinds(swept: &Swept) -> [(&'static str, usize); 6] {
    [
        ("resent", swept.resent),
        ("reclaimed", swept.reclaimed),
        ("healed", swept.healed),
        ("buried", swept.buried),
        ("skipped", swept.skipped),
        ("purged", swept.purged),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of jobs is exact up to 2^53")]
async fn measure_depth(jobs: &Jobs) -> Result<(), StoreError> {
    let depth = jobs.depth().await?;
    for (state, n) in [("submitted", depth.submitted), ("running", depth.running), ("dead", depth.dead)] {
        metrics::gauge!("pssp_jobs", "state" => state).set(n as f64);
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of bytes is exact up to 2^53")]
async fn measure_room(jobs: &Jobs) -> Result<(), StoreError> {
    let Some(room) = jobs.room().await? else { return Ok(()) };
    for (kind, bytes) in [("used", room.used), ("reserved", room.reserved), ("limit", room.limit)] {
        metrics::gauge!("pssp_store_bytes", "kind" => kind).set(bytes as f64);
    }
    Ok(())
}

/// Logs when errors begin and when they end, not at every sweep in between.
fn log_change(failing: &mut bool, swept: &Result<Swept, StoreError>) {
    match swept {
        Err(error) if !*failing => {
            tracing::warn!(%error, "cannot sweep, will go on trying: {error}")
        }
        Ok(_) if *failing => tracing::info!("sweeping again"),
        _ => {}
    }
    *failing = swept.is_err();
}

fn is_backlog(swept: &Swept) -> bool {
    swept.resent + swept.reclaimed + swept.buried >= SWEEP_LIMIT || swept.purged >= SWEEP_LIMIT
}
