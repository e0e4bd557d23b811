//! For workers: claim, keep, settle.

use bytes::Bytes;
use uuid::Uuid;

use super::{Claim, Jobs, Settled, jitter};
use crate::error::StoreError;
use crate::id::JobId;
use crate::job::{Failure, Job, Phase, Refused};
use crate::policy::MAX_DELAY;
use crate::ports::Change;
use crate::reuse::Outcome;

impl Jobs {
    /// Tries to take the job for its next attempt. A lease that ran out is recorded as a lost worker
    /// first, and the job waits out its back-off. Where the answer to a write was lost, what is
    /// stored tells whether it went through: a lease with our id is ours.
    ///
    /// # Errors
    /// The backend's.
    pub async fn claim(&self, id: JobId) -> Result<Claim, StoreError> {
        let lease_id = Uuid::new_v4();
        let mut unsure = false;
        loop {
            let Some(job) = self.backend.store.get(id).await? else {
                return Ok(Claim::Missing);
            };
            let now = self.now();
            let next = match job.claim(now, &self.policy, lease_id) {
                Ok(next) => next,
                Err(Refused::Leased(_)) if holds(&job, lease_id) => return Ok(Claim::Claimed(job)),
                Err(Refused::NotYet(at) | Refused::Leased(at)) => {
                    return Ok(Claim::Wait(at.since(now).min(self.policy.lease.max(MAX_DELAY))));
                }
                Err(Refused::LeaseExpired(_)) => match job.lose_lease(now, &self.policy, jitter()) {
                    Ok(next) => next,
                    Err(_) => continue,
                },
                Err(Refused::State(state, _)) => return Ok(Claim::Settled(state)),
            };
            let job = match self.apply(&Change::new(&job, next)).await {
                Ok(Settled::Done(job)) => job,
                Ok(Settled::Stale) => continue,
                Err(error) if error.is_temporary() && !unsure => {
                    unsure = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
            return Ok(match &job.status.phase {
                Phase::Running { .. } => Claim::Claimed(job),
                Phase::Submitted { not_before, .. } => Claim::Wait(not_before.since(now)),
                _ => Claim::Settled(job.state()),
            });
        }
    }

    /// Extends the lease of a job in hand.
    ///
    /// # Errors
    /// The backend's.
    pub async fn heartbeat(&self, job: &Job) -> Result<Settled, StoreError> {
        self.settle(job, job.extend(self.now(), &self.policy)).await
    }

    /// Stores the result and finishes the job in hand.
    ///
    /// # Errors
    /// The backend's; [`StoreError::TooLarge`] if the result does not fit.
    pub async fn finish(&self, job: &Job, result: Bytes) -> Result<Settled, StoreError> {
        let limit = self.backend.store.capabilities().max_result_bytes;
        if result.len() > limit {
            let detail = format!("a result of {} bytes is over the store's limit of {limit}", result.len());
            return Err(StoreError::TooLarge(detail));
        }
        match job.finish(self.now(), &self.policy) {
            Ok(next) => {
                let outcome = Outcome { bytes: result, key: self.result_key(job) };
                self.apply(&Change::new(job, next).with_result(outcome)).await
            }
            Err(_) => Ok(Settled::Stale),
        }
    }

    /// Fails the job in hand for good.
    ///
    /// # Errors
    /// The backend's.
    pub async fn fail(&self, job: &Job, error: Failure) -> Result<Settled, StoreError> {
        self.settle(job, job.fail(self.now(), &self.policy, error)).await
    }

    /// Puts the job in hand back for another attempt after back-off, or fails it if they are used
    /// up. Its message is the caller's to retry.
    ///
    /// # Errors
    /// The backend's.
    pub async fn retry(&self, job: &Job, error: Failure) -> Result<Settled, StoreError> {
        self.settle(job, job.retry(self.now(), &self.policy, jitter(), error)).await
    }

    /// Gives the job in hand back, uncounted. Its message is the caller's to retry.
    ///
    /// # Errors
    /// The backend's.
    pub async fn release(&self, job: &Job) -> Result<Settled, StoreError> {
        self.settle(job, job.release(self.now(), &self.policy)).await
    }

    /// Whether the job in hand is still ours.
    ///
    /// # Errors
    /// The backend's.
    pub async fn still_ours(&self, job: &Job) -> Result<bool, StoreError> {
        Ok(self.backend.store.get(job.id()).await?.is_some_and(|now| now.fence() == job.fence()))
    }
}

/// Whether the job runs under this very lease.
fn holds(job: &Job, lease_id: Uuid) -> bool {
    matches!(job.status.phase, Phase::Running { lease } if lease.id == lease_id)
}
