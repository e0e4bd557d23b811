//! The classic API, as its clients know it.

use std::collections::BTreeMap;

use pssp_jobs::State;
use serde::{Deserialize, Serialize};

/// A job in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClassicRow {
    /// When it was submitted (UTC).
    #[cfg_attr(feature = "openapi", schema(example = "2021-05-13 11:50:25.218075"))]
    pub datetime: String,
    /// The job's state.
    pub status: ClassicStatus,
}

/// State of a job. A running job is shown as submitted, a cancelled one as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ClassicStatus {
    /// It waits or runs.
    Submitted,
    /// It has a result.
    Finished,
    /// It failed or was cancelled.
    Failed,
}

impl From<State> for ClassicStatus {
    fn from(state: State) -> Self {
        match state {
            State::Submitted | State::Running => Self::Submitted,
            State::Finished => Self::Finished,
            State::Failed | State::Cancelled => Self::Failed,
        }
    }
}

/// One job; without any field if there is none of this id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClassicJob {
    /// When it was submitted (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub datetime: Option<String>,
    /// The job's state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = ClassicStatus, required = false))]
    pub status: Option<ClassicStatus>,
    /// The sequence as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub input: Option<String>,
    /// The prediction, once the job is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = ClassicResult, required = false))]
    pub result: Option<ClassicResult>,
    /// Whether `/download/{id}` has an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = ClassicImage, required = false))]
    pub image: Option<ClassicImage>,
    /// Why the job failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub error: Option<String>,
}

/// State of the image of a finished job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ClassicImage {
    /// It can be downloaded.
    Ready,
}

/// The lines of the classic text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassicResult {
    /// The header, which has the job's id.
    #[serde(rename = "HED")]
    pub header: String,
    /// The cleaned sequence.
    #[serde(rename = "INP")]
    pub sequence: String,
    /// The labels of each property by its code.
    #[serde(flatten)]
    pub labels: BTreeMap<String, String>,
}

/// The form that deletes a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClassicDeletion {
    /// The job's id, or ALL; may also stand in the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false, pattern = r"\S"))]
    pub jobid: Option<String>,
}
