//! Jobs and batches as the service shows them.

use std::fmt;
use std::str::FromStr;

use pssp_client::ApiRequest;
use pssp_common::plain;
use pssp_jobs::{FailureClass, JobId, State};
use serde::Deserialize;
use serde_json::Value;
use ureq::http::Method;

use super::Client;
use crate::exit::{Exit, Failure};

/// An id from the command line: of a job or of a batch.
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

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct JobError {
    class: FailureClass,
    detail: String,
}

/// A job, as far as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) status: State,
    pub(crate) created_at: String,
    pub(crate) name: Option<String>,
    pub(crate) length: usize,
    #[serde(default)]
    pub(crate) attempts: u32,
    #[serde(default)]
    pub(crate) reused: bool,
    #[serde(default)]
    pub(crate) error: Option<JobError>,
}

/// One line: id, state, length, name, and why it failed.
impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let created = self.created_at.get(..19).unwrap_or(&self.created_at);
        let name = self.name.as_deref().unwrap_or("-");
        write!(
            f,
            "{}  {:<9}  {created}  {:>5} aa  {}",
            self.id,
            self.status.as_str(),
            self.length,
            plain(name)
        )?;
        if self.attempts > 1 {
            write!(f, "  (attempt {})", self.attempts)?;
        }
        if self.reused {
            f.write_str("  (reused)")?;
        }
        match &self.error {
            Some(JobError { class, detail }) => write!(f, "  {class:?}: {}", plain(detail)),
            None => Ok(()),
        }
    }
}

/// How many jobs of a batch are in which state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Counts {
    pub(crate) submitted: usize,
    pub(crate) running: usize,
    pub(crate) finished: usize,
    pub(crate) failed: usize,
    pub(crate) cancelled: usize,
    /// Records that never became jobs.
    pub(crate) rejected: usize,
    /// Jobs that were deleted or have expired.
    pub(crate) gone: usize,
}

/// A batch, as far as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Batch {
    pub(crate) id: String,
    pub(crate) counts: Counts,
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { submitted, running, finished, failed, cancelled, rejected, gone } = self.counts;
        write!(f, "{}  {finished} finished, {running} running, {submitted} waiting", self.id)?;
        let bad = [(failed, "failed"), (cancelled, "cancelled"), (rejected, "refused"), (gone, "gone")];
        bad.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}

/// What an id names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Thing {
    Job(Job),
    Batch(Batch),
}

impl Thing {
    /// Whether nothing more will happen to it.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::Job(job) => job.status.is_terminal(),
            Self::Batch(batch) => batch.counts.submitted + batch.counts.running == 0,
        }
    }

    /// How a command that waited for it exits.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Job(job) if matches!(job.status, State::Failed | State::Cancelled) => Exit::JobFailed,
            Self::Batch(batch) if batch.counts.failed + batch.counts.cancelled > 0 => Exit::JobFailed,
            Self::Batch(batch) if batch.counts.rejected > 0 => Exit::Input,
            Self::Job(_) | Self::Batch(_) => Exit::Ok,
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(job) => job.fmt(f),
            Self::Batch(batch) => batch.fmt(f),
        }
    }
}

/// A thing with the JSON that it came as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) thing: Thing,
    pub(crate) json: Value,
}

impl Client {
    /// The job or batch with this id. With `wait_s` the service holds the answer until a job is
    /// done, up to that time.
    pub(crate) fn find(&self, id: Id, wait_s: Option<u64>) -> Result<Told, Failure> {
        let path = format!("/v1/jobs/{id}");
        let mut ask = ApiRequest::get(&path);
        if let Some(seconds) = wait_s {
            ask = ask.header("prefer", format!("wait={seconds}"));
        }
        let no_job = match self.json(&ask) {
            Ok(json) => return job(json),
            Err(failure) if failure.exit == Exit::NotFound => failure,
            Err(failure) => return Err(failure),
        };
        match self.json(&ApiRequest::get(&format!("/v1/batches/{id}"))) {
            Ok(json) => batch(json),
            // What the service said of the job tells more than what it said of no batch.
            Err(failure) if failure.exit == Exit::NotFound => Err(named(no_job, id)),
            Err(failure) => Err(failure),
        }
    }

    /// Does something to one job.
    pub(crate) fn act(&self, method: Method, id: Id, action: &str) -> Result<(), Failure> {
        let path = format!("/v1/jobs/{id}{action}");
        self.ask(&ApiRequest::new(method, &path)).map(drop).map_err(|failure| named(failure, id))
    }
}

/// Names the thing in a failure about it.
pub(crate) fn named(failure: Failure, id: Id) -> Failure {
    Failure { message: format!("{id}: {}", failure.message), ..failure }
}

/// A job from the service's JSON.
pub(crate) fn job(json: Value) -> Result<Told, Failure> {
    Ok(Told { thing: Thing::Job(parse(&json)?), json })
}

/// A batch from the service's JSON.
pub(crate) fn batch(json: Value) -> Result<Told, Failure> {
    Ok(Told { thing: Thing::Batch(parse(&json)?), json })
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
    fn jobs_and_batches_in_one_line() {
        let json = json!({"id": "0190", "status": "failed", "created_at": "2026-01-02T03:04:05.678Z", "name": "x\u{1b}",
            "length": 46, "attempts": 3, "error": {"class": "method", "detail": "boom"}});
        let told = job(json).unwrap();
        assert_eq!(
            told.thing.to_string(),
            "0190  failed     2026-01-02T03:04:05     46 aa  x   (attempt 3)  Method: boom"
        );
        assert_eq!((told.thing.is_done(), told.thing.exit()), (true, Exit::JobFailed));
        let told =
            batch(json!({"id": "0191", "counts": {"finished": 2, "running": 1, "rejected": 1}})).unwrap();
        assert_eq!(told.thing.to_string(), "0191  2 finished, 1 running, 0 waiting, 1 refused");
        assert!(!told.thing.is_done());
    }
}
