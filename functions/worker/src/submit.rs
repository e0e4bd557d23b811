//! Jobs that events of other systems ask for.

use std::time::Duration;

use pssp_jobs::service::{JobsError, Key, NewJob};
use pssp_jobs::{Job, Jobs, Owner, Request, StoreError};
use pssp_predict::fasta::MAX_HEADER_BYTES;
use pssp_predict::sequence::{CleanOptions, InputErrors, clean_single};
use serde::Deserialize;
use sha2::{Digest, Sha256};

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
    /// The store, or an event id that came before with another order.
    #[error(transparent)]
    Jobs(#[from] JobsError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        JobsError::from(error).into()
    }
}

impl Order {
    /// Submits the job; the same `event` again leads to the same job.
    ///
    /// # Errors
    /// See [`Refusal`]; an order that was refused for its input is never better.
    pub async fn submit(self, jobs: &Jobs, event: String, max_residues: usize) -> Result<Job, Refusal> {
        if let Some(notice) = jobs.notice().await?.filter(|notice| notice.pause(jobs.now()).is_some()) {
            return Err(Refusal::Paused(notice.text));
        }
        let options = CleanOptions { max_residues, ..CleanOptions::default() };
        let (header, cleaned) = clean_single(self.sequence.as_bytes(), &options)?;
        let key = Key { key: event, digest: Sha256::digest(self.sequence.as_bytes()).into() };
        let owner = self.owner.filter(|name| !name.is_empty()).map_or_else(Owner::public, Owner::new);
        let request = Request {
            input: self.sequence,
            sequence: cleaned.sequence,
            edits: cleaned.edits,
            warnings: cleaned.warnings,
        };
        let name =
            checked_name(self.name.unwrap_or_default())?.or_else(|| header.and_then(|header| header.id));
        let accepted = jobs.submit(&owner, NewJob { name, request }, Duration::ZERO, Some(key)).await?;
        if !accepted.replayed {
            metrics::counter!("pssp_jobs_submitted_total", "by" => "event").increment(1);
        }
        Ok(accepted.value)
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
