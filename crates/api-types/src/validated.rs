//! What cleaning makes of a sequence, and what would become of the records of a batch.

use pssp_predict::sequence::{Edit, Warning};
use serde::{Deserialize, Serialize};

use crate::RejectedRecord;

/// A sequence that would be accepted, as it would be predicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Validated {
    /// Always true: a sequence that would be refused is answered with a problem.
    pub valid: bool,
    /// The name of the job.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub name: Option<String>,
    /// Residues.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub length: usize,
    /// The cleaned sequence.
    pub sequence: String,
    /// What cleaning changed.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::schema::Edit>))]
    pub edits: Vec<Edit>,
    /// What is odd about the input.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::schema::Warning>))]
    pub warnings: Vec<Warning>,
}

/// What would become of the records of a batch. A batch without a record that can be used is answered with a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchValidated {
    /// Whether every record would be accepted.
    pub valid: bool,
    /// Records in all.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub total: usize,
    /// Records that would become jobs.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub accepted: usize,
    /// Residues of these.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub residues: usize,
    /// The first records that would be rejected.
    pub rejected: Vec<RejectedRecord>,
}
