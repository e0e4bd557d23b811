//! The jobs of batches that have ended: they are counted once and not read again, so that polling a large batch is
//! cheap.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pssp_api_types::Counts;
use pssp_jobs::{Batch, BatchId, JobId};
use tokio::time::Instant;

/// How long counts are used. Then all jobs are read again, since some may have been deleted.
const MAX_AGE: Duration = Duration::from_mins(1);

/// The most batches whose counts are kept.
const MAX_BATCHES: usize = 64;

/// The counts of some batches.
#[derive(Default)]
pub(crate) struct Settled(Mutex<HashMap<BatchId, Known>>);

/// What is known of one batch.
#[derive(Clone)]
pub(crate) struct Known {
    since: Instant,
    /// The records that have ended.
    pub(crate) counts: Counts,
    /// The jobs that may still change.
    pub(crate) open: Vec<JobId>,
}

impl Settled {
    /// What is known of the batch. At first that is nothing.
    pub(crate) fn known(&self, batch: &Batch) -> Known {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&batch.id).cloned();
        known.filter(|known| known.since.elapsed() < MAX_AGE).unwrap_or_else(|| {
            let open: Vec<JobId> = batch.jobs().collect();
            let counts = Counts { rejected: batch.items.len() - open.len(), ..Counts::default() };
            Known { since: Instant::now(), counts, open }
        })
    }

    pub(crate) fn keep(&self, id: BatchId, known: Known) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, known| known.since.elapsed() < MAX_AGE);
        if all.len() >= MAX_BATCHES {
            let oldest = all.iter().min_by_key(|(_, known)| known.since).map(|(id, _)| *id);
            oldest.and_then(|id| all.remove(&id));
        }
        all.insert(id, known);
    }
}
