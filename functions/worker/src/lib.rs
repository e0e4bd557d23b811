//! The worker function: [`Worker`] deals with one message at a time, wherever it comes from.
//!
//! It claims the job, predicts on a bounded pool of threads while it keeps the lease alive, and
//! settles the job by compare-and-set; what becomes of the message is the returned
//! [`Disposition`]. It knows neither the backend nor the host. The feature `standalone` adds the
//! program around it ([`standalone`]).

use std::sync::Arc;

use async_trait::async_trait;
use pssp_jobs::service::Claim;
use pssp_jobs::{Disposition, Handler, Jobs, Message, StoreError};
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
    give_back: CancellationToken,
}

impl Worker {
    /// Once `give_back` is cancelled the worker takes no more jobs and gives back those in hand.
    #[must_use]
    pub fn new(
        jobs: Jobs,
        engine: Arc<dyn Engine>,
        options: WorkerOptions,
        give_back: CancellationToken,
    ) -> Self {
        Self { jobs, pool: Arc::new(Pool::new(engine, options.threads)), give_back }
    }

    /// The same worker, with the same threads, that gives back on another token: for a host that has to
    /// be done with one lot of messages before it takes the next.
    #[must_use]
    pub fn giving_back_on(&self, give_back: CancellationToken) -> Self {
        Self { jobs: self.jobs.clone(), pool: self.pool.clone(), give_back }
    }

    /// Returns when no thread computes: one that was told to stop may take a moment.
    pub async fn idle(&self) {
        self.pool.idle().await;
    }

    async fn claim_and_run(&self, message: Message) -> Result<Disposition, StoreError> {
        Ok(match self.jobs.claim(message.job).await? {
            Claim::Claimed(job) => attempt::run(&self.jobs, &self.pool, &self.give_back, &job).await,
            Claim::Wait(after) => Disposition::Retry { after },
            Claim::Settled(_) => Disposition::Ack,
            Claim::Missing => Disposition::Discard,
        })
    }
}

#[async_trait]
impl Handler for Worker {
    async fn handle(&self, message: Message) -> Disposition {
        if self.give_back.is_cancelled() {
            return Disposition::Retry { after: std::time::Duration::ZERO };
        }
        let job = message.job;
        self.claim_and_run(message).await.unwrap_or_else(|error| {
            tracing::warn!(%job, %error, "cannot claim job {job}, will retry: {error}");
            // A record that cannot be read, for one, is not better in a second; the cap bounds the noise.
            let policy = self.jobs.policy();
            let after = if error.is_temporary() { policy.backoff_base } else { policy.backoff_cap };
            Disposition::Retry { after }
        })
    }
}
