//! The residues of one chain: checked once by the parser, valid afterwards.
//!
//! [`Sequence`] is the parsed form. [`clean`] makes one from text that people send and lists every edit.
//! [`clean_single`] also accepts a FASTA record. `parse` is strict and accepts only clean text:
//!
//! ```
//! use pssp_predict::Sequence;
//!
//! let sequence: Sequence = "TESTTESTTEST".parse()?;
//! assert_eq!(sequence.len(), 12);
//! assert!("TEST TEST".parse::<Sequence>().is_err());
//! # Ok::<(), pssp_predict::sequence::NotASequence>(())
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

mod amino;
mod clean;
mod edit;
mod fault;
mod lines;
mod recognize;
mod scan;

pub use crate::fasta::clean_single;
pub use clean::{CleanOptions, Cleaned, clean};
pub(crate) use clean::{Place, Text, clean_text, empty_body, not_utf8, recognized_fault, several_records};
pub use edit::{Edit, EditKind, Warning, WarningCode};
pub use fault::{ErrorCode, InputError, InputErrors, MAX_ERRORS};
pub(crate) use lines::is_blank;
pub(crate) use recognize::{flat_file_name, pir_name};

/// The letters of a [`Sequence`]: the 20 amino acids, alphabetically, and `X` for any other residue.
pub const RESIDUES: &[u8; 21] = b"ACDEFGHIKLMNPQRSTVWYX";

/// Cleaned residues of one chain: one or more letters, each one of the 20 amino acids or `X`, in upper case.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sequence(String);

/// The text is not exactly a [`Sequence`]. Use [`clean`] for text that may need edits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotASequence {
    /// There are no residues.
    #[error("a sequence needs at least one residue")]
    Empty,
    /// A byte that is not one of [`RESIDUES`].
    #[error("{:?} at position {position} is not a residue letter", char::from(*.byte))]
    Letter {
        /// The byte.
        byte: u8,
        /// Its position, from 1.
        position: usize,
    },
}

impl Sequence {
    /// The residues as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The residues as letters.
    #[must_use]
    pub fn residues(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Number of residues, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a sequence is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl TryFrom<String> for Sequence {
    type Error = NotASequence;

    fn try_from(text: String) -> Result<Self, NotASequence> {
        if text.is_empty() {
            return Err(NotASequence::Empty);
        }
        match text.bytes().position(|b| !RESIDUES.contains(&b)) {
            None => Ok(Self(text)),
            Some(at) => Err(NotASequence::Letter { byte: text.as_bytes()[at], position: at + 1 }),
        }
    }
}

impl TryFrom<&[u8]> for Sequence {
    type Error = NotASequence;

    fn try_from(bytes: &[u8]) -> Result<Self, NotASequence> {
        match bytes.iter().position(|b| !RESIDUES.contains(b)) {
            None => Self::try_from(String::from_utf8_lossy(bytes).into_owned()),
            Some(at) => Err(NotASequence::Letter { byte: bytes[at], position: at + 1 }),
        }
    }
}

impl FromStr for Sequence {
    type Err = NotASequence;

    fn from_str(text: &str) -> Result<Self, NotASequence> {
        Self::try_from(text.as_bytes())
    }
}

impl From<Sequence> for String {
    fn from(sequence: Sequence) -> Self {
        sequence.0
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sequence({})", self.0)
    }
}
