//! What cleaning makes of a sequence.

use pssp_predict::sequence::{Edit, Warning};
use serde::{Deserialize, Serialize};

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
