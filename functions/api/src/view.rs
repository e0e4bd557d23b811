//! The JSON of a job as callers see it.

use pssp_api_types::{Job as JobBody, JobLinks};
use pssp_jobs::job::Phase;
use pssp_jobs::{Failure, Job, JobId, Status};
use sha2::{Digest, Sha256};

use crate::gateway::Gateway;

/// The body of a job, with links that go through `gateway`.
pub(crate) fn job(job: &Job, gateway: &Gateway) -> JobBody {
    let Job { head, status } = job;
    let this = gateway.link(&path(head.id));
    let link = |what: &str| format!("{this}/{what}");
    JobBody {
        id: head.id,
        status: status.state(),
        created_at: head.created_at,
        started_at: status.started_at,
        finished_at: status.finished_at(),
        expires_at: status.expires_at,
        attempts: status.attempt,
        reused: status.reused,
        name: head.name.clone(),
        length: head.length,
        warnings: head.warnings.clone(),
        error: failure(status).map(Into::into),
        last_error: status.errors.last().map(Into::into),
        attempt_errors: None,
        links: JobLinks {
            result: link("result"),
            plot: link("plot.svg"),
            events: link("events"),
            cancel: link("cancel"),
            page: gateway.link(&format!("/results/{}", head.id)),
            this,
        },
    }
}

/// A job's body as JSON.
pub(crate) fn json(body: &JobBody) -> String {
    serde_json::to_string(body).unwrap_or_default() // cannot fail: only strings and numbers
}

/// The path of a job.
pub(crate) fn path(id: JobId) -> String {
    format!("/v1/jobs/{id}")
}

/// The error of a job, if it has failed.
pub(crate) fn failure(status: &Status) -> Option<&Failure> {
    match &status.phase {
        Phase::Failed { error, .. } => Some(error),
        _ => None,
    }
}

/// A strong entity tag of these bytes.
pub(crate) fn etag(body: &str) -> String {
    let digest = Sha256::digest(body.as_bytes());
    format!("\"{}\"", base16ct::lower::encode_string(&digest[..12]))
}

/// The id of an event in a job's event stream. Each state of a job has its own id.
pub(crate) fn event_id(status: &Status) -> String {
    format!("{}-{}", status.state(), status.attempt)
}
