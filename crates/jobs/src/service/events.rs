//! For events of other systems: submit a job once for each event.

use std::time::Duration;

use super::{Accepted, Jobs, JobsError, Key, NewJob};
use crate::id::Owner;
use crate::job::Job;

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
        // The digest covers the owner, so a job that the key leads to is one of the same owner.
        let key = self.idempotency(&Owner::new(EVENTS), key);
        self.submit_with_key(owner, new, Duration::ZERO, Some(key)).await
    }
}
