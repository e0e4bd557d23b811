//! Jobs that events of other systems submit.

use pssp_jobs::intake::{Draft, Intake, IntakeError, Paused};
use pssp_jobs::service::{Accepted, JobsError, Key};
use pssp_jobs::{FieldDigest, Job, Jobs, Owner, StoreError};
use serde::Deserialize;

/// The contents of an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmitEvent {
    /// One sequence, bare or as a FASTA record.
    pub sequence: String,
    /// A name for the job.
    pub name: Option<String>,
    /// The owner of the job; the public owner if it is missing or empty.
    pub owner: Option<String>,
}

/// Why an event did not make a job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The sequence or the name is refused.
    #[error(transparent)]
    Refused(#[from] IntakeError),
    /// No new jobs are accepted at the moment.
    #[error(transparent)]
    Paused(#[from] Paused),
    /// An event of this id came before and asked for something else.
    #[error(
        "event {0:?} came before with another sequence, name or owner; another job needs an event with another id"
    )]
    Reused(String),
    /// A store error, or the job of this event has been deleted.
    #[error(transparent)]
    Jobs(JobsError),
}

impl SubmitEvent {
    /// Submits the job. The same `event` leads to the same job, as long as idempotency keys are kept, and makes
    /// no second one.
    ///
    /// # Errors
    /// See [`SubmitError`]. An event that is refused for its input or its id is always refused.
    pub async fn submit(self, jobs: &Jobs, event: String, intake: &Intake) -> Result<Job, SubmitError> {
        intake.admit(jobs).await?;
        let key = Key { key: event.clone(), digest: self.digest() };
        let Self { sequence, name, owner } = self;
        let draft = Draft { name, input: sequence.into_bytes(), force: false };
        let new = intake.rules.job(draft)?.job;
        let owner = owner.filter(|name| !name.is_empty()).map_or_else(Owner::public, Owner::new);
        match jobs.submit_event(&owner, new, key).await {
            Ok(accepted) => Ok(counted(accepted)),
            Err(JobsError::Store(StoreError::KeyReused)) => Err(SubmitError::Reused(event)),
            Err(error) => Err(SubmitError::Jobs(error)),
        }
    }

    /// A digest of all contents, so that the same event with other contents is noticed. Digests are stored, so
    /// their input never changes.
    fn digest(&self) -> [u8; 32] {
        [Some(&self.sequence), self.name.as_ref(), self.owner.as_ref()]
            .into_iter()
            .fold(FieldDigest::with_prefix("order"), |digest, field| {
                digest.flag(field.is_some()).bytes(field.map_or("", String::as_str))
            })
            .finish()
    }
}

/// Counts a new job, and returns it.
fn counted(accepted: Accepted<Job>) -> Job {
    if !accepted.replayed {
        metrics::counter!("pssp_jobs_submitted_total", "by" => "event").increment(1);
        metrics::counter!("pssp_results_reused_total").increment(accepted.value.status.reused.into());
    }
    accepted.value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of the bytes below, computed with another program.
    #[test]
    fn the_digest_of_an_event_stays_the_same() {
        let hex = |event: &SubmitEvent| -> String { base16ct::lower::encode_string(&event.digest()) };
        let whole = SubmitEvent {
            sequence: "ACDEF".to_owned(),
            name: Some("mine".to_owned()),
            owner: Some("alice".to_owned()),
        };
        assert_eq!(hex(&whole), "3848c6c1725c124a1d64a999672ae54879b88024ac0c51760d044631bbdab2b9");
        let bare = SubmitEvent { name: None, owner: None, ..whole };
        assert_eq!(hex(&bare), "f07b0a136938ab7bfe1f13787d57d153e251632cb14225050230ea29b35b8cf8");
    }
}
