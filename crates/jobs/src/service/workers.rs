//! For workers: claim a job, keep its lease, settle it.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::{Claim, Claimed, Jobs, Settled, jitter};
use crate::error::StoreError;
use crate::id::JobId;
use crate::job::{Failure, Job, Phase, Refused};
use crate::message::Message;
use crate::policy::MAX_DELAY;
use crate::ports::{Change, Include, JobReceiver, Record};
use crate::reuse::StoredResult;

impl Jobs {
    /// Tries to claim the job for its next attempt. If the lease has expired, the lost worker is recorded
    /// first, and the job waits for its back-off. If the response to a write is lost, the stored lease shows
    /// whether the claim took effect: it then has the lease id of this call.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn claim(&self, id: JobId) -> Result<Claim, StoreError> {
        match self.backend.store.read(id, Include::REQUEST).await? {
            Some(record) => self.claim_known(record).await,
            None => Ok(Claim::Missing),
        }
    }

    /// The same for the job of a received message, which may have come with the record
    /// ([`Delivery::record`](crate::Delivery::record)).
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn claim_delivered(
        &self,
        message: Message,
        record: Option<Box<Record>>,
    ) -> Result<Claim, StoreError> {
        match record {
            Some(record) => self.claim_known(*record).await,
            None => self.claim(message.job).await,
        }
    }

    /// The same for a job that has just been read, with its request. It is read again only if it has changed
    /// since.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn claim_known(&self, record: Record) -> Result<Claim, StoreError> {
        let id = record.job.id();
        let Some(request) = record.request else { return Box::pin(self.claim(id)).await };
        let lease_id = Uuid::new_v4();
        let (mut job, mut is_fresh) = (record.job, false);
        let mut retried = false;
        loop {
            let now = self.now();
            let next = match job.claim(now, &self.policy, lease_id) {
                Ok(next) => Some(next),
                Err(Refused::Leased(_)) if holds(&job, lease_id) => {
                    return Ok(Claim::Claimed(Box::new(Claimed { job, request })));
                }
                Err(Refused::NotYet(at) | Refused::Leased(at)) => {
                    return Ok(Claim::Wait(at.since(now).min(self.policy.lease.max(MAX_DELAY))));
                }
                // A heartbeat leaves the fence as it is. So whether the lease ran out is decided on what is stored now.
                Err(Refused::LeaseExpired(_)) if !is_fresh => None,
                Err(Refused::LeaseExpired(_)) => job.lose_lease(now, &self.policy, jitter()).ok(),
                Err(Refused::State(state, _)) => return Ok(Claim::Settled(state)),
            };
            if let Some(next) = next {
                match self.apply(Change::new(&job, &next), next).await {
                    Ok(Settled::Done(job)) => {
                        return Ok(match job.status.phase {
                            Phase::Running { .. } => Claim::Claimed(Box::new(Claimed { job, request })),
                            Phase::Submitted { not_before, .. } => Claim::Wait(not_before.since(now)),
                            _ => Claim::Settled(job.state()),
                        });
                    }
                    Ok(Settled::Stale) => {}
                    Err(error) if error.is_temporary() && !retried => retried = true,
                    Err(error) => return Err(error),
                }
            }
            let Some(changed) = self.backend.store.get(id).await? else { return Ok(Claim::Missing) };
            (job, is_fresh) = (changed, true);
        }
    }

    /// Whether a transition also settles the job's message
    /// ([`Capabilities::settles_messages`](crate::Capabilities::settles_messages)).
    #[must_use]
    pub fn settles_messages(&self) -> bool {
        self.backend.store.capabilities().settles_messages
    }

    /// The receiving side of the queue, if this process receives messages itself.
    #[must_use]
    pub fn receiver(&self) -> Option<Arc<dyn JobReceiver>> {
        self.backend.receiver.clone()
    }

    /// Extends the lease of a claimed job.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn heartbeat(&self, job: &Job) -> Result<Settled, StoreError> {
        self.settle(job, job.extend(self.now(), &self.policy)).await
    }

    /// Stores the result and finishes a claimed job.
    ///
    /// # Errors
    /// Errors of the backend; [`StoreError::TooLarge`] if the result does not fit.
    pub async fn finish(&self, job: &Claimed, result: Bytes) -> Result<Settled, StoreError> {
        let limit = self.backend.store.capabilities().max_result_bytes;
        if result.len() > limit {
            let detail = format!("a result of {} bytes is over the store's limit of {limit}", result.len());
            return Err(StoreError::TooLarge(detail));
        }
        match job.finish(self.now(), &self.policy) {
            Ok(next) => {
                let result = StoredResult { bytes: result, key: self.result_key(job, &job.request) };
                self.apply(Change::new(job, &next).with_result(result), next).await
            }
            Err(_) => Ok(Settled::Stale),
        }
    }

    /// Fails a claimed job for good.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn fail(&self, job: &Job, error: Failure) -> Result<Settled, StoreError> {
        self.settle(job, job.fail(self.now(), &self.policy, error)).await
    }

    /// Submits a claimed job for another attempt after its back-off, or fails it after the last attempt. If
    /// transitions settle messages, the message is delivered again after the same time. Otherwise the caller
    /// must retry the message.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn retry(&self, job: &Job, error: Failure) -> Result<Settled, StoreError> {
        self.put_back(job, job.retry(self.now(), &self.policy, jitter(), error)).await
    }

    /// Releases a claimed job. This counts neither as a failure nor as a lost worker. The message is settled as
    /// by [`Jobs::retry`].
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn release(&self, job: &Job) -> Result<Settled, StoreError> {
        self.put_back(job, job.release(self.now(), &self.policy)).await
    }

    async fn put_back(&self, job: &Job, next: Result<Job, Refused>) -> Result<Settled, StoreError> {
        let Ok(next) = next else { return Ok(Settled::Stale) };
        let mut change = Change::new(job, &next);
        if let Phase::Submitted { not_before, .. } = next.status.phase
            && self.settles_messages()
        {
            change = change.with_message(not_before.since(self.now()));
        }
        self.apply(change, next).await
    }

    /// Whether this worker still holds the lease of the job.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn still_ours(&self, job: &Job) -> Result<bool, StoreError> {
        Ok(self.backend.store.get(job.id()).await?.is_some_and(|now| now.fence() == job.fence()))
    }
}

/// Whether the job runs under the lease with this id.
fn holds(job: &Job, lease_id: Uuid) -> bool {
    matches!(job.status.phase, Phase::Running { lease } if lease.id == lease_id)
}
