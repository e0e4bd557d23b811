//! Errors: RFC 9457 problem details, with the places of the input that are at fault.

use std::borrow::Cow;
use std::fmt;

use pssp_predict::sequence::InputError;
use serde::{Deserialize, Serialize};

use crate::JobError;

/// One fault of the input: what, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fault {
    /// The kind of fault, for programs.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required))]
    pub code: Cow<'static, str>,
    /// What is wrong, for people.
    pub detail: String,
    /// The record, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = usize, required = false, minimum = 1))]
    pub record: Option<usize>,
    /// The line of the whole input, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = usize, required = false, minimum = 1))]
    pub line: Option<usize>,
    /// The character in the line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = usize, required = false, minimum = 1))]
    pub column: Option<usize>,
    /// What to do about it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub hint: String,
}

impl From<&InputError> for Fault {
    fn from(error: &InputError) -> Self {
        Self {
            code: error.code.as_str().into(),
            detail: error.detail.clone(),
            record: error.record,
            line: error.line,
            column: error.column,
            hint: error.hint.clone(),
        }
    }
}

/// One line: place, fault, remedy.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("record", self.record), ("line", self.line), ("column", self.column)];
        let named = parts.iter().filter_map(|(what, number)| number.map(|n| format!("{what} {n}")));
        let place = named.collect::<Vec<_>>().join(", ");
        let gap = if place.is_empty() { "" } else { ": " };
        write!(f, "{place}{gap}{}", self.detail)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "; {}", self.hint) }
    }
}

/// Problem details (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub kind: String,
    /// The kind of problem, for people.
    pub title: String,
    /// The HTTP status.
    #[cfg_attr(feature = "openapi", schema(minimum = 400, maximum = 599))]
    pub status: u16,
    /// What went wrong this time.
    pub detail: String,
    /// Names this request in the service's log.
    pub request_id: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The faults of the input, if it is at fault.
    pub errors: Vec<Fault>,
    /// Why the job failed, if that is the problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = JobError, required = false))]
    pub error: Option<JobError>,
    /// The limit that is exceeded, if that is the problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = LimitExceeded, required = false))]
    pub limit: Option<LimitExceeded>,
}

/// A limit, by its name in `/v1/limits`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Limit))]
pub struct LimitExceeded {
    /// Its name.
    pub name: String,
    /// Its value.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub value: usize,
}
