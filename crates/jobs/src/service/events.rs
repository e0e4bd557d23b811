//! For events of other systems: submit a job once for each event.

use std::time::Duration;

use super::{Accepted, Jobs, JobsError, Key, NewJob};
use crate::error::StoreError;
use crate::id::{JobId, Owner};
use crate::job::Job;
use crate::ports::Created;

/// The owner of the idempotency keys of events. No caller can have this name (it has a colon), so the keys of
/// callers do not meet these. It is one name for the jobs of all owners, so that an event that comes again with
/// another owner is noticed.
const EVENTS: &str = ":events";

impl Jobs {
    /// Accepts the job that an event asks for. `key` names the event and digests what it asks for: the same
    /// event again leads to the same job, for as long as idempotency keys are kept. When this returns the job
    /// is durable.
    ///
    /// # Errors
    /// As for [`Jobs::submit`].
    pub async fn submit_event(
        &self,
        owner: &Owner,
        new: NewJob,
        key: Key,
    ) -> Result<Accepted<Job>, JobsError> {
        let job = self.job(JobId::new(self.now()), owner, new, Duration::ZERO, None);
        let submission = self.recall_one(job, Some(self.idempotency(&Owner::new(EVENTS), key))).await;
        let outcome = self.backend.store.create(std::slice::from_ref(&submission)).await.pop();
        match outcome.unwrap_or(Err(StoreError::NotFound))? {
            Created::New => Ok(Accepted { value: submission.job, replayed: false }),
            // The digest covers the owner, so the job is one of the same owner.
            Created::Existing(id) => Ok(Accepted { value: self.find(owner, id).await?, replayed: true }),
        }
    }
}
