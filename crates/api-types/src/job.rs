//! Jobs as callers see them.

use pssp_jobs::job::AttemptError;
use pssp_jobs::{Failure, FailureClass, JobId, State, Timestamp};
use pssp_predict::sequence::Warning;
use serde::{Deserialize, Serialize};

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    /// The job's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: JobId,
    /// The job's state.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::State))]
    pub status: State,
    /// When it was submitted.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "date-time"))]
    pub created_at: Timestamp,
    /// When its first attempt began.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "date-time", required))]
    pub started_at: Option<Timestamp>,
    /// When it finished, failed or was cancelled.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "date-time", required))]
    pub finished_at: Option<Timestamp>,
    /// When it is deleted; known once it is finished, failed or cancelled.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "date-time", required))]
    pub expires_at: Option<Timestamp>,
    /// Attempts made so far.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required, minimum = 0))]
    pub attempts: u32,
    /// Whether the result is that of an earlier job; no attempt was made then.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub reused: bool,
    /// The name given by the caller, else the id of the FASTA header.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub name: Option<String>,
    /// Residues of the cleaned sequence.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub length: usize,
    /// What is odd about the input and does not stop the prediction.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::schema::Warning>, required))]
    pub warnings: Vec<Warning>,
    /// Why the job failed; null unless it did.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub error: Option<JobError>,
    /// Why the last attempt that ended without a result did so; null if none has. The job may go on.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub last_error: Option<AttemptFailure>,
    /// The same of each attempt, oldest first, as far as they are kept; only where `attempts=true` asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<AttemptFailure>, required = false))]
    pub attempt_errors: Option<Vec<AttemptFailure>>,
    /// Where more of it is found.
    pub links: JobLinks,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Failure))]
pub struct JobError {
    /// Whose fault it is: of the input, of the method, or of the system.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::FailureClass))]
    pub class: FailureClass,
    /// What went wrong, for people.
    pub detail: String,
}

impl From<&Failure> for JobError {
    fn from(failure: &Failure) -> Self {
        Self { class: failure.class, detail: failure.detail.clone() }
    }
}

/// Why one attempt ended without a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AttemptError))]
pub struct AttemptFailure {
    /// The attempt's number, from 1.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub attempt: u32,
    /// When it ended.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "date-time"))]
    pub at: Timestamp,
    /// Whose fault it is.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::FailureClass))]
    pub class: FailureClass,
    /// What went wrong, for people; cut if it is long.
    pub detail: String,
}

impl From<&AttemptError> for AttemptFailure {
    fn from(error: &AttemptError) -> Self {
        let AttemptError { attempt, at, class, detail } = error.clone();
        Self { attempt, at, class, detail }
    }
}

/// Addresses that belong to a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobLinks {
    /// The job.
    #[serde(rename = "self")]
    pub this: String,
    /// Its result, once it is finished.
    pub result: String,
    /// A picture of the result.
    pub plot: String,
    /// Its changes as server-sent events.
    pub events: String,
    /// Where a POST cancels it.
    pub cancel: String,
    /// The page for people, in every state of the job. Not told by releases before this field.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub page: String,
}

/// One page of a list of jobs, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// The `cursor` of the next page; null on the last one.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid", required))]
    pub next: Option<JobId>,
    /// This page and the next one.
    pub links: PageLinks,
}

/// Addresses of a page and of the one after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PageLinks {
    /// This page.
    #[serde(rename = "self")]
    pub this: String,
    /// The next page; null on the last one.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next: Option<String>,
}

/// One event of a job's stream, as a reader of server-sent events sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobEvent {
    /// What happened.
    pub event: JobEventKind,
    /// A `Job` as JSON for `status`, a `Deleted` for `deleted`.
    pub data: String,
    /// Names the state of the job: `<status>-<attempts>`; absent for `deleted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub id: Option<String>,
    /// When to connect again after the stream breaks off, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64, required = false))]
    pub retry: Option<u64>,
}

/// The kinds of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum JobEventKind {
    /// The job is in another state, or was when the stream began.
    Status,
    /// The job was deleted or has expired.
    Deleted,
}

impl JobEventKind {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Deleted => "deleted",
        }
    }
}

/// The data of the event `deleted`. The data of every other event is a [`Job`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deleted {
    /// The job that was deleted or has expired.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: JobId,
}
