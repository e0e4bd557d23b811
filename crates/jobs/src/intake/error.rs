//! Why something is not taken in.

use std::time::Duration;

use pssp_predict::sequence::{InputError, InputErrors};

/// Why a request became no job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// The text is no protein sequence.
    #[error(transparent)]
    Input(#[from] InputErrors),
    /// The name is too long.
    #[error(transparent)]
    Name(InputError),
    /// The batch has more records than a batch may have.
    #[error("the batch is over the limit of {max} records")]
    TooManyRecords {
        /// The limit.
        max: usize,
        /// The first record too many.
        first: InputError,
    },
    /// A batch without any record.
    #[error("there is no sequence in the input")]
    Empty,
    /// A batch without any record that can be used.
    #[error("none of the {records} records can be used")]
    NoneUsable {
        /// How many records there are.
        records: usize,
        /// The first error of each, of the first of them.
        errors: Vec<InputError>,
    },
}

/// Intake is paused by an operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no new jobs are taken at the moment: {text}")]
pub struct Paused {
    /// The text of the notice.
    pub text: String,
    /// How long the pause lasts from now on, where that is known.
    pub left: Option<Duration>,
}
