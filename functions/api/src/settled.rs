//! The jobs of batches that have ended: they are counted once and not read again, so that polling a large batch is
//! cheap.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pssp_api_types::Counts;
use pssp_jobs::{Batch, BatchId, JobId, State};
use tokio::time::Instant;

use crate::app::Ctx;
use crate::problem::Problem;

/// Jobs that are read from the store at a time.
const CHUNK: usize = 500;

/// How long counts are used. Then all jobs are read again, since some may have been deleted.
const MAX_AGE: Duration = Duration::from_mins(1);

/// The most batches whose counts are kept.
const MAX_BATCHES: usize = 64;

/// The counts of some batches.
#[derive(Default)]
pub(crate) struct Settled(Mutex<HashMap<BatchId, Known>>);

#[derive(Clone)]
struct Known {
    since: Instant,
    /// The records that have ended.
    counts: Counts,
    /// The jobs that may still change.
    open: Vec<JobId>,
}

impl Settled {
    fn known(&self, batch: &Batch) -> Known {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&batch.id).cloned();
        known.filter(|known| known.since.elapsed() < MAX_AGE).unwrap_or_else(|| {
            let open: Vec<JobId> = batch.jobs().collect();
            let counts = Counts { rejected: batch.items.len() - open.len(), ..Counts::default() };
            Known { since: Instant::now(), counts, open }
        })
    }

    fn keep(&self, id: BatchId, known: Known) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, known| known.since.elapsed() < MAX_AGE);
        if all.len() >= MAX_BATCHES {
            let oldest = all.iter().min_by_key(|(_, known)| known.since).map(|(id, _)| *id);
            oldest.and_then(|id| all.remove(&id));
        }
        all.insert(id, known);
    }
}

/// Counts the states of all jobs. Reads those that may have changed since the last time.
pub(crate) async fn count(ctx: &Ctx, batch: &Batch) -> Result<Counts, Problem> {
    let mut known = ctx.settled.known(batch);
    let mut counts = known.counts;
    let mut open = Vec::new();
    let now = ctx.jobs().now();
    for chunk in known.open.chunks(CHUNK) {
        for (id, job) in chunk.iter().zip(ctx.jobs().get_many(chunk).await?) {
            let state = job.filter(|job| !job.status.is_expired(now)).map(|job| job.state());
            counts.add(state);
            match state {
                // A failed job may be sent again.
                Some(State::Submitted | State::Running | State::Failed) => open.push(*id),
                Some(State::Finished | State::Cancelled) | None => known.counts.add(state),
            }
        }
    }
    // A batch that is not sealed has jobs that do not exist yet.
    if batch.sealed {
        ctx.settled.keep(batch.id, Known { open, ..known });
    }
    Ok(counts)
}
