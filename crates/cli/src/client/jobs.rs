//! Jobs and batches as the service shows them.

use std::fmt;
use std::str::FromStr;

use pssp_api_types::{Batch, Counts, Job, JobError};
use pssp_client::ApiRequest;
use pssp_common::plain;
use pssp_jobs::{JobId, State};
use serde::Deserialize;
use serde_json::Value;
use ureq::http::Method;

use super::Client;
use crate::exit::{Exit, Failure};

/// An id from the command line, of a job or a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(JobId);

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|e: pssp_jobs::id::BadId| e.to_string())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A job or a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobOrBatch {
    Job(Job),
    Batch(Batch),
}

impl JobOrBatch {
    /// Whether its state is final.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::Job(job) => job.status.is_terminal(),
            Self::Batch(batch) => batch.counts.is_done(),
        }
    }

    /// The exit code of a command that waited for it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Job(job) if matches!(job.status, State::Failed | State::Cancelled) => Exit::JobFailed,
            Self::Batch(batch) if batch.counts.failed + batch.counts.cancelled > 0 => Exit::JobFailed,
            Self::Batch(batch) if batch.counts.rejected > 0 => Exit::Input,
            Self::Job(_) | Self::Batch(_) => Exit::Ok,
        }
    }
}

/// One line for people.
impl fmt::Display for JobOrBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(job) => write_job(job, f),
            Self::Batch(batch) => write_batch(batch, f),
        }
    }
}

/// Writes id, state, length, name, and the reason of a failure.
fn write_job(job: &Job, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let created = job.created_at.to_string();
    let seconds = created.get(..19).unwrap_or(&created);
    let name = plain(job.name.as_deref().unwrap_or("-"));
    write!(f, "{}  {:<9}  {seconds}  {:>5} aa  {name}", job.id, job.status.as_str(), job.length)?;
    if job.attempts > 1 {
        write!(f, "  (attempt {})", job.attempts)?;
    }
    if job.reused {
        f.write_str("  (reused)")?;
    }
    match &job.error {
        Some(JobError { class, detail }) => write!(f, "  {class:?}: {}", plain(detail)),
        None => Ok(()),
    }
}

/// Writes the id, and the number of records in each state.
fn write_batch(batch: &Batch, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Counts { submitted, running, finished, failed, cancelled, rejected, gone } = batch.counts;
    write!(f, "{}  {finished} finished, {running} running, {submitted} waiting", batch.id)?;
    let bad = [(failed, "failed"), (cancelled, "cancelled"), (rejected, "refused"), (gone, "gone")];
    bad.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, what)| write!(f, ", {count} {what}"))
}

/// A job or batch, with its JSON as received. The JSON may have fields that this program does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobOrBatchResponse {
    pub(crate) found: JobOrBatch,
    pub(crate) json: Value,
}

impl Client {
    /// Reads the job or batch with this id. With `wait_s` the service holds the response until the job is done, at most
    /// that many seconds.
    pub(crate) fn find(&self, id: Id, wait_s: Option<u64>) -> Result<JobOrBatchResponse, Failure> {
        let path = format!("/v1/jobs/{id}");
        let mut request = ApiRequest::get(&path);
        if let Some(seconds) = wait_s {
            request = request.header("prefer", format!("wait={seconds}"));
        }
        let no_job = match self.json(&request) {
            Ok(json) => return job(json),
            Err(failure) if failure.exit == Exit::NotFound => failure,
            Err(failure) => return Err(failure),
        };
        match self.json(&ApiRequest::get(&format!("/v1/batches/{id}"))) {
            Ok(json) => batch(json),
            // The error about the job says more than the one about the batch.
            Err(failure) if failure.exit == Exit::NotFound => Err(named(no_job, id)),
            Err(failure) => Err(failure),
        }
    }

    /// Sends an action such as `cancel` to one job.
    pub(crate) fn act(&self, method: Method, id: Id, action: &str) -> Result<(), Failure> {
        let path = format!("/v1/jobs/{id}{action}");
        self.send(&ApiRequest::new(method, &path)).map(drop).map_err(|failure| named(failure, id))
    }
}

/// Puts the id before the message of a failure.
pub(crate) fn named(failure: Failure, id: Id) -> Failure {
    Failure { message: format!("{id}: {}", failure.message), ..failure }
}

/// Parses a job.
pub(crate) fn job(json: Value) -> Result<JobOrBatchResponse, Failure> {
    Ok(JobOrBatchResponse { found: JobOrBatch::Job(parse(&json)?), json })
}

/// Parses a batch.
pub(crate) fn batch(json: Value) -> Result<JobOrBatchResponse, Failure> {
    Ok(JobOrBatchResponse { found: JobOrBatch::Batch(parse(&json)?), json })
}

pub(crate) fn parse<'a, T: Deserialize<'a>>(json: &'a Value) -> Result<T, Failure> {
    T::deserialize(json).map_err(|e| {
        Failure::server(format!("the service's answer cannot be read: {e}"))
            .hint("check that --url names a pssp service of about this version")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_job_or_batch_is_shown_on_one_line() {
        let id = "0190b6a2-0000-7000-8000-000000000000";
        let links = json!({"self": "", "result": "", "plot": "", "events": "", "cancel": ""});
        let response = job(json!({"id": id, "status": "failed", "created_at": "2026-01-02T03:04:05.678Z",
            "name": "x\u{1b}", "length": 46, "attempts": 3, "links": links,
            "error": {"class": "method", "detail": "boom"}}))
        .unwrap();
        assert_eq!(
            response.found.to_string(),
            format!("{id}  failed     2026-01-02T03:04:05     46 aa  x   (attempt 3)  Method: boom")
        );
        assert_eq!((response.found.is_done(), response.found.exit()), (true, Exit::JobFailed));
        let response = batch(json!({"id": id, "status": "running", "created_at": "2026-01-02T03:04:05.678Z",
            "expires_at": "2026-01-09T03:04:05.678Z", "total": 4, "rejected": [], "rejected_next": null,
            "counts": {"finished": 2, "running": 1, "rejected": 1}, "links": {"self": "", "results": ""}}))
        .unwrap();
        assert_eq!(response.found.to_string(), format!("{id}  2 finished, 1 running, 0 waiting, 1 refused"));
        assert!(!response.found.is_done());
    }
}
