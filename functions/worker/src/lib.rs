//! The worker function: [`Worker`] handles one message at a time, from any host.
//!
//! It waits for a free thread, claims the job, predicts while it extends the lease, and settles the job by
//! compare-and-set. It returns how the message is settled ([`Disposition`]). It knows neither the backend nor
//! the host. With the feature `standalone` the crate also has the program ([`standalone`]).

use std::sync::Arc;

use async_trait::async_trait;
use pssp_jobs::service::Claim;
use pssp_jobs::{Disposition, Handler, Jobs, Message, Record, Slot, StoreError};
use pssp_predict::Engine;
use tokio_util::sync::CancellationToken;

mod attempt;
#[cfg(feature = "standalone")]
pub mod engine;
#[cfg(feature = "lambda")]
mod lambda;
mod pool;
#[cfg(feature = "standalone")]
pub mod standalone;
mod submit;

use pool::Pool;
pub use submit::{SubmitError, SubmitEvent};

/// Limits of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerOptions {
    /// Number of predictions at the same time, one thread for each; at least 1.
    pub threads: usize,
}

/// The handler. There is one for each process: it limits the number of threads that compute.
pub struct Worker {
    jobs: Jobs,
    pool: Arc<Pool>,
    release: CancellationToken,
}

impl Worker {
    /// When `release` is cancelled, the worker claims no more jobs and releases the jobs that it holds.
    #[must_use]
    pub fn new(
        jobs: Jobs,
        engine: Arc<dyn Engine>,
        options: WorkerOptions,
        release: CancellationToken,
    ) -> Self {
        Self { jobs, pool: Arc::new(Pool::new(engine, options.threads)), release }
    }

    /// A worker that shares the threads and has another release token: for a host that finishes one set of
    /// messages before it takes the next.
    #[must_use]
    pub fn releasing_on(&self, release: CancellationToken) -> Self {
        Self { jobs: self.jobs.clone(), pool: self.pool.clone(), release }
    }

    /// Returns when no thread computes. A computation that was cancelled may take a moment to stop.
    pub async fn idle(&self) {
        self.pool.idle().await;
    }

    async fn claim_and_run(
        &self,
        message: Message,
        record: Option<Box<Record>>,
        slot: Slot,
    ) -> Result<Disposition, StoreError> {
        // The watch begins before the claim, so that a cancellation right after the claim is seen.
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
    /// Waits for a free thread, because a job is claimed when it can be computed. Short jobs are claimed a little ahead.
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
            // Some errors last, such as a damaged record. The long wait limits the number of log lines.
            let policy = self.jobs.policy();
            let after = if error.is_temporary() { policy.backoff_base } else { policy.backoff_cap };
            Disposition::Retry { after }
        })
    }
}
