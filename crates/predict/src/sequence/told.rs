//! What cleaning tells: edits made, warnings given, and errors with their place and remedy.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Errors reported for one input; further ones would not help whoever has to fix it.
pub const MAX_ERRORS: usize = 10;

/// Positions named in the sentence of an edit; all of them are in [`Edit::positions`].
const POSITIONS_IN_MESSAGE: usize = 5;

/// What was done to the input, once for each kind (and replaced letter) with a count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The kind of edit.
    pub kind: EditKind,
    /// How many characters (numbers, for [`EditKind::NumberRemoved`]) it was done to.
    pub count: usize,
    /// The letter that was replaced, upper case; only for [`EditKind::Replaced`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<char>,
    /// Where, in the cleaned sequence from 1; only for [`EditKind::Replaced`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub positions: Vec<usize>,
    /// The same as a sentence for people.
    pub message: String,
}

/// Kinds of edit, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditKind {
    /// Letters made upper case.
    UpperCased,
    /// Spaces and tabs removed. Line ends are layout and not told.
    WhiteSpaceRemoved,
    /// Byte-order marks, non-breaking and other special spaces, zero-width characters removed.
    InvisibleRemoved,
    /// Gaps (`-` and `.`) removed.
    GapRemoved,
    /// Whole numeric tokens removed (`GenBank` numbering).
    NumberRemoved,
    /// The `*` at the end removed.
    StopRemoved,
    /// A letter that is not one of the 20 amino acids became `X`.
    Replaced,
}

impl Edit {
    /// An edit of `count` characters that needs no position.
    pub(crate) fn counted(kind: EditKind, count: usize) -> Self {
        let (unit, what) = match kind {
            EditKind::UpperCased => ("letter", "made upper case"),
            EditKind::WhiteSpaceRemoved => ("space", "removed"),
            EditKind::InvisibleRemoved => ("special or invisible space", "removed"),
            EditKind::GapRemoved => ("gap", "removed"),
            EditKind::NumberRemoved => ("number", "removed (sequence numbering)"),
            EditKind::StopRemoved => ("stop (*)", "removed at the end"),
            EditKind::Replaced => ("letter", "replaced by X"),
        };
        let plural = if count == 1 { "" } else { "s" };
        Self {
            kind,
            count,
            from: None,
            positions: Vec::new(),
            message: format!("{count} {unit}{plural} {what}"),
        }
    }

    /// Letters `from` that became `X` at `positions` (from 1) of the cleaned sequence.
    pub(crate) fn replaced(from: u8, positions: Vec<usize>) -> Self {
        let from = char::from(from);
        let named = positions.iter().take(POSITIONS_IN_MESSAGE);
        let mut places = named.map(usize::to_string).collect::<Vec<_>>().join(", ");
        if positions.len() > POSITIONS_IN_MESSAGE {
            places += &format!(" and {} more", positions.len() - POSITIONS_IN_MESSAGE);
        }
        let plural = if positions.len() == 1 { "" } else { "s" };
        let verb = if from == 'X' { "kept" } else { "replaced by X" };
        Self {
            kind: EditKind::Replaced,
            count: positions.len(),
            from: Some(from),
            message: format!("{from} ({}) {verb} at position{plural} {places}", stands_for(from)),
            positions,
        }
    }
}

/// What the letters beyond the 20 stand for (IUPAC-IUB 1983; U and O were added later).
const fn stands_for(letter: char) -> &'static str {
    match letter {
        'B' => "aspartate or asparagine",
        'Z' => "glutamate or glutamine",
        'J' => "leucine or isoleucine",
        'U' => "selenocysteine",
        'O' => "pyrrolysine",
        _ => "unknown residue",
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Something odd about the input that does not stop the prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Its kind.
    pub code: WarningCode,
    /// A sentence for people.
    pub message: String,
}

/// Kinds of warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// Fewer than 5 residues: computed, but hardly meaningful.
    ShortSequence,
    /// An earlier record of the batch has the same id.
    DuplicateId,
    /// The record has no id.
    MissingId,
    /// The header was longer than is kept.
    HeaderCut,
    /// Comment lines (`;`) were left out.
    CommentIgnored,
}

impl Warning {
    pub(crate) fn new(code: WarningCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Why an input was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Nothing was sent, or white space only.
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
    /// An entry of a list that is no record.
    InvalidRecord,
}

impl ErrorCode {
    /// The code as it stands in JSON.
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
        }
    }
}

/// One fault of an input: what, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputError {
    /// Its kind.
    pub code: ErrorCode,
    /// What is wrong, for people.
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
    /// What to do about it.
    pub hint: String,
}

impl InputError {
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), record: None, line: None, column: None, hint: hint.into() }
    }

    pub(crate) fn at(mut self, line: usize, column: Option<usize>) -> Self {
        self.line = Some(line);
        self.column = column;
        self
    }

    pub(crate) fn in_record(mut self, record: Option<usize>) -> Self {
        self.record = record;
        self
    }
}

/// One line: place, fault, remedy.
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

/// The faults found in an input, in its order: 1 to [`MAX_ERRORS`] of them.
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
    /// The faults; `None` if there are none.
    #[must_use]
    pub fn from_vec(errors: Vec<InputError>) -> Option<Self> {
        (!errors.is_empty()).then_some(Self(errors))
    }

    /// The first fault.
    #[must_use]
    pub fn first(&self) -> &InputError {
        &self.0[0]
    }

    /// All faults, at least one.
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

/// One line: the first fault, and how many more there are.
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
