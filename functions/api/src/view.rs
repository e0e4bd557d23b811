//! What callers see of a job.

use pssp_jobs::job::Phase;
use pssp_jobs::{AttemptError, Failure, Job, JobId, State, Status, Timestamp};
use pssp_predict::sequence::Warning;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::gateway::Gateway;

/// The body of a job: every field of the contract, `null` where there is nothing.
#[derive(Serialize)]
pub(crate) struct JobView<'a> {
    id: JobId,
    status: State,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    attempts: u32,
    reused: bool,
    name: Option<&'a str>,
    length: usize,
    warnings: &'a [Warning],
    error: Option<&'a Failure>,
    /// Why the last attempt that failed did so, also while the job waits for another attempt.
    last_error: Option<&'a AttemptError>,
    /// The errors of the last attempts, oldest first; there if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt_errors: Option<&'a [AttemptError]>,
    links: Links,
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    this: String,
    result: String,
    plot: String,
    events: String,
    cancel: String,
}

impl<'a> JobView<'a> {
    /// With the errors of all attempts that are kept.
    pub(crate) fn with_attempts(job: &'a Job, gateway: &Gateway) -> Self {
        Self { attempt_errors: Some(&job.status.errors), ..Self::of(job, gateway) }
    }

    pub(crate) fn of(job: &'a Job, gateway: &Gateway) -> Self {
        let (head, status) = (&job.head, &job.status);
        let this = gateway.link(&path(head.id));
        let link = |what: &str| format!("{this}/{what}");
        Self {
            id: head.id,
            status: status.state(),
            created_at: head.created_at,
            started_at: status.started_at,
            finished_at: status.finished_at(),
            expires_at: status.expires_at,
            attempts: status.attempt,
            reused: status.reused,
            name: head.name.as_deref(),
            length: head.length,
            warnings: &head.warnings,
            error: failure(status),
            last_error: status.errors.last(),
            attempt_errors: None,
            links: Links {
                result: link("result"),
                plot: link("plot.svg"),
                events: link("events"),
                cancel: link("cancel"),
                this,
            },
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // strings and numbers alone: cannot fail
    }
}

/// Where a job is found.
pub(crate) fn path(id: JobId) -> String {
    format!("/v1/jobs/{id}")
}

/// Why a job failed, if it did.
pub(crate) fn failure(status: &Status) -> Option<&Failure> {
    match &status.phase {
        Phase::Failed { error, .. } => Some(error),
        _ => None,
    }
}

/// A strong entity tag: of these very bytes.
pub(crate) fn etag(body: &str) -> String {
    let digest = Sha256::digest(body.as_bytes());
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Names one state of a job in its event stream.
pub(crate) fn event_id(status: &Status) -> String {
    format!("{}-{}", status.state(), status.attempt)
}
