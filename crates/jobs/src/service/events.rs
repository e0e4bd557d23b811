//! For events of other systems: submits a job once for each event.

use std::time::Duration;

use super::{Accepted, Jobs, JobsError, Key, NewJob};
use crate::id::Owner;
use crate::job::Job;

/// The owner of the idempotency keys of events. The name has a colon, so no caller can have it, and the keys of
/// events are separate from those of callers. All events share it, whatever the owner of their job is, so that
/// a repeated event with another owner is noticed.
const EVENTS: &str = ":events";

impl Jobs {
    /// Accepts the job of an event. `key` has the name of the event and a digest of its contents: the same
    /// event leads to the same job, for as long as idempotency keys are kept. When this returns, the job is
    /// durable.
    ///
    /// # Errors
    /// As for [`Jobs::submit`].
    pub async fn submit_event(
        &self,
        owner: &Owner,
        new: NewJob,
        key: Key,
    ) -> Result<Accepted<Job>, JobsError> {
        // The digest includes the owner, so the job of the key has the same owner.
        let key = self.idempotency(&Owner::new(EVENTS), key);
        self.submit_with_key(owner, new, Duration::ZERO, Some(key)).await
    }
}
