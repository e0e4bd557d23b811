//! Edits and warnings: what cleaning changed in an accepted input, and what was unusual in it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The maximum number of positions in the message of an edit. [`Edit::positions`] has all positions.
const MAX_POSITIONS_IN_MESSAGE: usize = 5;

/// An edit of the input. There is one for each kind of edit and each replaced letter, with a count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The kind of edit.
    pub kind: EditKind,
    /// The number of edited characters (for [`EditKind::NumberRemoved`]: of removed numbers).
    pub count: usize,
    /// The letter that was replaced, upper case; only for [`EditKind::Replaced`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<char>,
    /// The positions in the cleaned sequence, from 1; only for [`EditKind::Replaced`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub positions: Vec<usize>,
    /// The edit as a sentence, for people to read.
    pub message: String,
}

/// Kinds of edit, in the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditKind {
    /// Letters made upper case.
    UpperCased,
    /// Spaces and tabs removed. Removed line ends are not listed.
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
    /// An edit of `count` characters without positions.
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
        let named = positions.iter().take(MAX_POSITIONS_IN_MESSAGE);
        let mut places = named.map(usize::to_string).collect::<Vec<_>>().join(", ");
        if positions.len() > MAX_POSITIONS_IN_MESSAGE {
            places += &format!(" and {} more", positions.len() - MAX_POSITIONS_IN_MESSAGE);
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

/// The meaning of the letters beyond the 20 amino acids (IUPAC-IUB 1983; U and O were added later).
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

/// Something unusual in the input that does not prevent the prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Its kind.
    pub code: WarningCode,
    /// A sentence for people to read.
    pub message: String,
}

/// Kinds of warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// Fewer than 5 residues: the prediction is computed, but has little meaning.
    ShortSequence,
    /// An earlier record of the batch has the same id.
    DuplicateId,
    /// The record has no id.
    MissingId,
    /// The header was too long and was cut.
    HeaderCut,
    /// Comment lines (`;`) were skipped.
    CommentIgnored,
    /// Letters that are not one of the 20 amino acids became `X`.
    LettersReplaced,
    /// Gaps (`-` and `.`) between residues were removed.
    GapsRemoved,
    /// Numbers between residues of one line were removed.
    NumbersRemoved,
    /// The input was read as a format that is neither plain nor FASTA.
    ForeignFormat,
    /// Lines or blocks of different lengths were joined to one chain.
    IrregularLayout,
    /// A code of a later release. During an update two releases may share a store.
    #[serde(other)]
    Unknown,
}

impl WarningCode {
    /// Whether the predicted residues differ from the residues that were sent.
    #[must_use]
    pub const fn changes_prediction(self) -> bool {
        match self {
            Self::ShortSequence | Self::DuplicateId | Self::MissingId | Self::HeaderCut => false,
            Self::CommentIgnored
            | Self::LettersReplaced
            | Self::GapsRemoved
            | Self::NumbersRemoved
            | Self::ForeignFormat
            | Self::IrregularLayout
            | Self::Unknown => true,
        }
    }
}

impl Warning {
    /// A warning of this kind.
    pub fn new(code: WarningCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
