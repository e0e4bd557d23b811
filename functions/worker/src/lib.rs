//! The worker function: [`Worker`] handles one message at a time, wherever it comes from.
//!
//! It waits for a free thread, claims the job, predicts while it keeps the lease alive, and settles the
//! job by compare-and-set; it returns what becomes of the message ([`Disposition`]). It knows neither the backend nor the host. The feature `standalone` adds the
//! program around it ([`standalone`]).

use std::sync::Arc;

use async_trait::async_trait;
use pssp_jobs::service::Claim;
use pssp_jobs::{Disposition, Handler, Jobs, Message, Record, Slot, StoreError};
use pssp_predict::Engine;
use tokio_util::sync::CancellationToken;

mod attempt;
#[cfg(feature = "lambda")]
mod lambda;
mod pool;
#[cfg(feature = "standalone")]
pub mod standalone;
mod submit;

use pool::Pool;
pub use submit::{SubmitError, SubmitEvent};

/// How much a worker does at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerOptions {
    /// Predictions computed at the same time, one thread each; at least 1.
    pub threads: usize,
}

/// The handler. One for a process: it bounds how many threads compute.
pub struct Worker {
    jobs: Jobs,
    pool: Arc<Pool>,
    release: CancellationToken,
}

impl Worker {
    /// Once `release` is cancelled the worker claims no more jobs and releases those that it holds.
    #[must_use]
    pub fn new(
        jobs: Jobs,
        engine: Arc<dyn Engine>,
        options: WorkerOptions,
        release: CancellationToken,
    ) -> Self {
        Self { jobs, pool: Arc::new(Pool::new(engine, options.threads)), release }
    }

    /// The same worker, with the same threads, that releases on another token: for a host that finishes
    /// one set of messages before it takes the next.
    #[must_use]
    pub fn releasing_on(&self, release: CancellationToken) -> Self {
        Self { jobs: self.jobs.clone(), pool: self.pool.clone(), release }
    }

    /// Returns when no thread computes: one that was told to stop may take a moment.
    pub async fn idle(&self) {
        self.pool.idle().await;
    }

    async fn claim_and_run(
        &self,
        message: Message,
        record: Option<Box<Record>>,
        slot: Slot,
    ) -> Result<Disposition, StoreError> {
        // Watched from before the claim on, so that a cancel right after it is seen.
        let watcher = self.jobs.watch(message.job);
        Ok(match self.jobs.claim_delivered(message, record).await? {
            Claim::Claimed(job) => {
                attempt::run(&self.jobs, &self.pool, &self.release, &job, watcher, slot).await
            }
            Claim::Wait(after) => Disposition::Retry { after },
            Claim::Settled(_) => Disposition::Ack,
            Claim::Missing => Disposition::Discard,
        })
    }
}

#[async_trait]
impl Handler for Worker {
    /// Waits for a free thread: a job is claimed when it can be computed at once.
    async fn reserve(&self, max: usize) -> Vec<Slot> {
        self.pool.reserve(max).await
    }

    async fn handle(&self, message: Message, record: Option<Box<Record>>, slot: Slot) -> Disposition {
        if self.release.is_cancelled() {
            return Disposition::Retry { after: std::time::Duration::ZERO };
        }
        let job = message.job;
        self.claim_and_run(message, record, slot).await.unwrap_or_else(|error| {
            tracing::warn!(%job, %error, "cannot claim job {job}, will retry: {error}");
            // A record that cannot be read, for one, is not better in a second; the cap bounds the log lines.
            let policy = self.jobs.policy();
            let after = if error.is_temporary() { policy.backoff_base } else { policy.backoff_cap };
            Disposition::Retry { after }
        })
    }
}
