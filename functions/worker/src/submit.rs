//! Jobs that events of other systems ask for.

use std::time::Duration;

use pssp_jobs::job::{Head, Request};
use pssp_jobs::ports::{Created, IdempotencyKey, Submission};
use pssp_jobs::service::JobsError;
use pssp_jobs::{Job, JobId, Jobs, Owner, StoreError};
use pssp_predict::fasta::MAX_HEADER_BYTES;
use pssp_predict::sequence::{CleanOptions, InputErrors, clean_single};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Whose the ids of events are among the idempotency keys. No caller can have this name (it has a
/// colon), so their keys do not meet these; and it is one for the jobs of all owners, so that an event
/// that comes again with another owner is noticed.
const EVENTS: &str = ":events";

/// What an event asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// One sequence, bare or as a FASTA record.
    pub sequence: String,
    /// A name for the job.
    pub name: Option<String>,
    /// Whose job it is; nobody's in particular unless told.
    pub owner: Option<String>,
}

/// Why an order became no job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The sequence is none.
    #[error("{0}")]
    Input(#[from] InputErrors),
    /// The name is longer than the API takes one.
    #[error("the name is longer than {MAX_HEADER_BYTES} bytes")]
    Name,
    /// No new jobs are taken at the moment.
    #[error("no new jobs are taken at the moment: {0}")]
    Paused(String),
    /// An event of this id came before and asked for something else.
    #[error("event {0:?} came before with another sequence, name or owner; a new order needs a new id")]
    Reused(String),
    /// The store; or the job of this event was deleted since.
    #[error(transparent)]
    Jobs(#[from] JobsError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        JobsError::from(error).into()
    }
}

impl Order {
    /// Submits the job. The same `event` again leads to the same job, as long as idempotency keys are
    /// kept, and makes no second one.
    ///
    /// # Errors
    /// See [`Refusal`]; an order that was refused for its input or its id is never better.
    pub async fn submit(self, jobs: &Jobs, event: String, max_residues: usize) -> Result<Job, Refusal> {
        if let Some(notice) = jobs.notice().await?.filter(|notice| notice.pause(jobs.now()).is_some()) {
            return Err(Refusal::Paused(notice.text));
        }
        let key = IdempotencyKey {
            owner: Owner::new(EVENTS),
            digest: self.digest(),
            expires_at: jobs.now().plus(jobs.policy().key_ttl),
            key: event,
        };
        let job = self.into_job(jobs, max_residues)?;
        create(jobs, jobs.recall_one(job, Some(key)).await).await
    }

    /// Digests all that is asked, field by field: only the same order again has the same digest.
    fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new_with_prefix("order");
        for field in [Some(self.sequence.as_str()), self.name.as_deref(), self.owner.as_deref()] {
            digest.update([u8::from(field.is_some())]);
            digest.update((field.map_or(0, str::len) as u64).to_le_bytes());
            digest.update(field.unwrap_or_default());
        }
        digest.finalize().into()
    }

    fn into_job(self, jobs: &Jobs, max_residues: usize) -> Result<Job, Refusal> {
        let options = CleanOptions { max_residues, ..CleanOptions::default() };
        let (header, cleaned) = clean_single(self.sequence.as_bytes(), &options)?;
        let name =
            checked_name(self.name.unwrap_or_default())?.or_else(|| header.and_then(|header| header.id));
        let created_at = jobs.now();
        let head = Head {
            id: JobId::new(created_at),
            owner: self.owner.filter(|name| !name.is_empty()).map_or_else(Owner::public, Owner::new),
            created_at,
            name,
            batch: None,
            length: cleaned.sequence.len(),
        };
        let request = Request {
            input: self.sequence,
            sequence: cleaned.sequence,
            edits: cleaned.edits,
            warnings: cleaned.warnings,
        };
        Ok(Job::submit(head, request, Duration::ZERO, jobs.policy()))
    }
}

/// Makes the job, or finds the one that the event made before. Not by [`Jobs::submit`], whose keys are
/// those of the job's owner.
async fn create(jobs: &Jobs, submission: Submission) -> Result<Job, Refusal> {
    let outcome = jobs.backend().store.create(std::slice::from_ref(&submission)).await.pop();
    match outcome.unwrap_or(Err(StoreError::NotFound)) {
        Ok(Created::New) => {
            metrics::counter!("pssp_jobs_submitted_total", "by" => "event").increment(1);
            metrics::counter!("pssp_results_reused_total").increment(submission.job.status.reused.into());
            Ok(submission.job)
        }
        // The same order, so the same owner.
        Ok(Created::Existing(id)) => Ok(jobs.find(&submission.job.head.owner, id).await?),
        Err(StoreError::KeyReused) => {
            Err(Refusal::Reused(submission.key.map_or_else(String::new, |k| k.key)))
        }
        Err(error) => Err(error.into()),
    }
}

/// As the API does it: on one line and not too long; an empty one is none.
fn checked_name(name: String) -> Result<Option<String>, Refusal> {
    if name.len() > MAX_HEADER_BYTES {
        return Err(Refusal::Name);
    }
    let name = name.replace(char::is_control, " ").trim().to_owned();
    Ok((!name.is_empty()).then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_rules_of_the_api() {
        let of = |name: &str| checked_name(name.to_owned());
        assert_eq!(of(" a\r\nb ").unwrap().as_deref(), Some("a  b"));
        assert_eq!(of(" \n").unwrap(), None);
        assert!(of(&"x".repeat(MAX_HEADER_BYTES)).is_ok());
        assert!(matches!(of(&"x".repeat(MAX_HEADER_BYTES + 1)), Err(Refusal::Name)));
    }
}
