//! Why a request is not accepted.

use std::time::Duration;

use pssp_predict::sequence::{InputError, InputErrors};

/// Why a request did not make a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// The text is not a protein sequence.
    #[error(transparent)]
    Input(#[from] InputErrors),
    /// The name is too long.
    #[error(transparent)]
    Name(InputError),
    /// The batch has more records than the limit.
    #[error("the batch is over the limit of {max} records")]
    TooManyRecords {
        /// The limit.
        max: usize,
        /// The first record beyond the limit.
        first: InputError,
    },
    /// The batch has no records.
    #[error("there is no sequence in the input")]
    Empty,
    /// No record of the batch can be used.
    #[error("none of the {records} records can be used")]
    NoneUsable {
        /// The number of records.
        records: usize,
        /// The first error of each record, for the first few records.
        errors: Vec<InputError>,
    },
}

/// An operator has paused intake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no new jobs are taken at the moment: {text}")]
pub struct Paused {
    /// The text of the notice.
    pub text: String,
    /// The remaining time of the pause, if it is known.
    pub left: Option<Duration>,
}
