//! The error type of every input: what is wrong, where, and how to correct it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The maximum number of errors that are reported for one input. More errors would not help to correct it.
pub const MAX_ERRORS: usize = 10;

/// Why an input was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The input is empty or has only white space.
    EmptyBody,
    /// A sequence or record without residues.
    EmptySequence,
    /// A character that cannot stand in a protein sequence.
    InvalidCharacter,
    /// A `*` before the end.
    InternalStop,
    /// The text is not UTF-8.
    NotUtf8,
    /// A NUL character.
    Nul,
    /// More residues than allowed.
    TooLong,
    /// Nucleotides instead of amino acids.
    Nucleotide,
    /// Several FASTA records where one sequence is expected.
    SeveralRecords,
    /// Text before the first FASTA header.
    TextBeforeHeader,
    /// More records than a batch may have.
    TooManyRecords,
    /// An entry of a list is not a record.
    InvalidRecord,
    /// A name over [`name::MAX_BYTES`](crate::name::MAX_BYTES).
    NameTooLong,
    /// The body is not JSON of the expected form.
    BadJson,
    /// A field that the request does not have.
    UnknownField,
    /// A field that the request needs.
    MissingField,
    /// A form, query or multipart body that cannot be read.
    BadForm,
    /// The text encoding or compression is not the expected one.
    BadEncoding,
    /// The body is declared as gzip but cannot be unpacked.
    BadGzip,
    /// A known format, or ordinary words, instead of a plain sequence or FASTA.
    ForeignFormat,
    /// A line that looks like a name where residues are expected: a header without its `>`.
    LostHeader,
    /// A separator of chains, or the end of a record, inside a sequence.
    SeveralChains,
    /// A code of a later release, read from a store that two releases share during an update.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// The code as written in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmptyBody => "empty_body",
            Self::EmptySequence => "empty_sequence",
            Self::InvalidCharacter => "invalid_character",
            Self::InternalStop => "internal_stop",
            Self::NotUtf8 => "not_utf8",
            Self::Nul => "nul",
            Self::TooLong => "too_long",
            Self::Nucleotide => "nucleotide",
            Self::SeveralRecords => "several_records",
            Self::TextBeforeHeader => "text_before_header",
            Self::TooManyRecords => "too_many_records",
            Self::InvalidRecord => "invalid_record",
            Self::NameTooLong => "name_too_long",
            Self::BadJson => "bad_json",
            Self::UnknownField => "unknown_field",
            Self::MissingField => "missing_field",
            Self::BadForm => "bad_form",
            Self::BadEncoding => "bad_encoding",
            Self::BadGzip => "bad_gzip",
            Self::ForeignFormat => "foreign_format",
            Self::LostHeader => "lost_header",
            Self::SeveralChains => "several_chains",
            Self::Unknown => "unknown",
        }
    }
}

/// One error of an input: what is wrong, where, and how to correct it.
///
/// ```
/// use pssp_predict::sequence::{ErrorCode, InputError};
///
/// let error = InputError::new(ErrorCode::BadJson, "expected value", "send a JSON object").at(1, 7);
/// assert_eq!(error.to_string(), "line 1, column 7: expected value; send a JSON object");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputError {
    /// Its kind.
    pub code: ErrorCode,
    /// What is wrong, for people to read.
    pub detail: String,
    /// The FASTA record, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<usize>,
    /// The line of the whole input, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The character in the line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// How to correct it.
    pub hint: String,
}

impl InputError {
    /// An error without a place.
    pub fn new(code: ErrorCode, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), record: None, line: None, column: None, hint: hint.into() }
    }

    /// The same error with a line of the whole input and, if known, a column; both from 1.
    #[must_use]
    pub fn at(mut self, line: usize, column: impl Into<Option<usize>>) -> Self {
        self.line = Some(line);
        self.column = column.into();
        self
    }

    /// The same error in a record (from 1), or in no record.
    #[must_use]
    pub fn in_record(mut self, record: impl Into<Option<usize>>) -> Self {
        self.record = record.into();
        self
    }
}

/// One line: the place, what is wrong, and how to correct it.
impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("record", self.record), ("line", self.line), ("column", self.column)];
        let place: Vec<String> =
            parts.iter().filter_map(|(what, number)| number.map(|n| format!("{what} {n}"))).collect();
        if !place.is_empty() {
            write!(f, "{}: ", place.join(", "))?;
        }
        write!(f, "{}; {}", self.detail, self.hint)
    }
}

impl std::error::Error for InputError {}

/// The errors of an input, in the order of the input: 1 to [`MAX_ERRORS`] of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<InputError>", into = "Vec<InputError>")]
pub struct InputErrors(Vec<InputError>);

impl TryFrom<Vec<InputError>> for InputErrors {
    type Error = &'static str;

    fn try_from(errors: Vec<InputError>) -> Result<Self, Self::Error> {
        Self::from_vec(errors).ok_or("an empty list of input errors")
    }
}

impl From<InputErrors> for Vec<InputError> {
    fn from(errors: InputErrors) -> Self {
        errors.0
    }
}

impl InputErrors {
    /// The errors; `None` if `errors` is empty.
    #[must_use]
    pub fn from_vec(errors: Vec<InputError>) -> Option<Self> {
        (!errors.is_empty()).then_some(Self(errors))
    }

    /// The first error.
    #[must_use]
    pub fn first(&self) -> &InputError {
        &self.0[0]
    }

    /// The same errors in a record (from 1), or in no record.
    #[must_use]
    pub fn in_record(mut self, record: impl Into<Option<usize>>) -> Self {
        let record = record.into();
        for error in &mut self.0 {
            error.record = record;
        }
        self
    }

    /// All errors, at least one.
    #[must_use]
    pub fn as_slice(&self) -> &[InputError] {
        &self.0
    }
}

impl From<InputError> for InputErrors {
    fn from(error: InputError) -> Self {
        Self(vec![error])
    }
}

impl IntoIterator for InputErrors {
    type Item = InputError;
    type IntoIter = std::vec::IntoIter<InputError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// One line: the first error, and the number of further errors.
impl fmt::Display for InputErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first())?;
        match self.0.len() - 1 {
            0 => Ok(()),
            1 => write!(f, " (and 1 more error)"),
            n => write!(f, " (and {n} more errors)"),
        }
    }
}

impl std::error::Error for InputErrors {}
