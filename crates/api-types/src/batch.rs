//! Batches and the lines of their results.

use pssp_jobs::{BatchId, JobId, State, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Fault, JobError};

/// A batch: many records submitted at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Batch {
    /// The batch's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: BatchId,
    /// Finished when nothing more will happen.
    pub status: BatchStatus,
    /// When it was submitted.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "date-time"))]
    pub created_at: Timestamp,
    /// When the batch is forgotten. Its jobs expire on their own.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "date-time"))]
    pub expires_at: Timestamp,
    /// Records in all.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub total: usize,
    /// Records by state.
    pub counts: Counts,
    /// Records that were rejected, one page of them.
    pub rejected: Vec<RejectedRecord>,
    /// The `cursor` of the next page of rejected records; null on the last one.
    #[cfg_attr(feature = "openapi", schema(required, minimum = 0))]
    pub rejected_next: Option<usize>,
    /// Where more of it is found.
    pub links: BatchLinks,
}

/// Whether something may still happen to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum BatchStatus {
    /// Some of its jobs are submitted or running.
    Running,
    /// None of them is.
    Finished,
}

/// Records of a batch by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Counts {
    /// Jobs that wait.
    #[cfg_attr(feature = "openapi", schema(required, minimum = 0))]
    pub submitted: usize,
    /// Jobs that run.
    #[cfg_attr(feature = "openapi", schema(required, minimum = 0))]
    pub running: usize,
    /// Jobs with a result.
    #[cfg_attr(feature = "openapi", schema(required, minimum = 0))]
    pub finished: usize,
    /// Jobs that failed.
    #[cfg_attr(feature = "openapi", schema(required, minimum = 0))]
    pub failed: usize,
    /// Jobs that were cancelled.
    #[cfg_attr(feature = "openapi", schema(required, minimum = 0))]
    pub cancelled: usize,
    /// Jobs that were deleted or have expired.
    #[cfg_attr(feature = "openapi", schema(required, minimum = 0))]
    pub gone: usize,
    /// Records that never became jobs.
    #[cfg_attr(feature = "openapi", schema(required, minimum = 0))]
    pub rejected: usize,
}

impl Counts {
    /// Counts one job: its state, or nothing if it was deleted or has expired.
    pub fn add(&mut self, state: Option<State>) {
        *match state {
            Some(State::Submitted) => &mut self.submitted,
            Some(State::Running) => &mut self.running,
            Some(State::Finished) => &mut self.finished,
            Some(State::Failed) => &mut self.failed,
            Some(State::Cancelled) => &mut self.cancelled,
            None => &mut self.gone,
        } += 1;
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.submitted + self.running == 0
    }

    /// Records without a result, now or for good.
    #[must_use]
    pub const fn without_result(&self) -> usize {
        self.submitted + self.running + self.failed + self.cancelled + self.gone + self.rejected
    }
}

/// A record that was rejected; the other records of the batch are not affected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RejectedRecord {
    /// Place in the input, from 0.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub index: usize,
    /// The record's id, if it has one.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub name: Option<String>,
    /// Why.
    pub errors: Vec<Fault>,
}

/// Addresses that belong to a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchLinks {
    /// The batch.
    #[serde(rename = "self")]
    pub this: String,
    /// Its results.
    pub results: String,
    /// POST there to cancel its jobs. Not told by releases before this field.
    #[serde(default)]
    pub cancel: String,
    /// The page for people. Not told by releases before this field.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub page: String,
}

/// One line of a batch's results as NDJSON: one record, whatever its state.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchLine {
    /// Place in the input, from 0.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub index: usize,
    /// The record's job; absent if it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid", required = false))]
    pub id: Option<JobId>,
    /// The record's id, if it has one and its job is not gone.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub name: Option<String>,
    /// The record's state.
    pub status: RecordStatus,
    /// Why the job failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = JobError, required = false))]
    pub error: Option<JobError>,
    /// Why the record was rejected, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Fault>, required = false))]
    pub errors: Option<Vec<Fault>>,
    /// The result, if the job is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::JobResult, required = false))]
    pub result: Option<Box<RawValue>>,
}

/// State of one record of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RecordStatus {
    /// Its job waits.
    Submitted,
    /// Its job runs.
    Running,
    /// Its job has a result.
    Finished,
    /// Its job failed.
    Failed,
    /// Its job was cancelled.
    Cancelled,
    /// Its job was deleted or has expired.
    Gone,
    /// It never became a job.
    Rejected,
}

impl From<State> for RecordStatus {
    fn from(state: State) -> Self {
        match state {
            State::Submitted => Self::Submitted,
            State::Running => Self::Running,
            State::Finished => Self::Finished,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}
