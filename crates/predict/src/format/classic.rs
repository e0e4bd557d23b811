//! The classic 8 lines: `>` header, sequence, and the labels of SS3, SS8, ACC, DIS, TM2, TM8.

use std::io;

use super::{Entry, Layout};
use crate::name::one_line;
use crate::sequence::NotASequence;
use crate::{PROPERTIES, Property, Sequence};

/// The number of lines of the format.
const LINE_COUNT: usize = 8;

/// The content of the 8 lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classic {
    /// The first line without its `>`.
    pub header: String,
    /// The residues.
    pub sequence: Sequence,
    labels: Vec<String>,
}

impl Classic {
    /// The labels of `property`, one for each residue.
    #[must_use]
    pub fn labels(&self, property: Property) -> &str {
        &self.labels[property as usize]
    }
}

/// Why a text is not a classic result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClassicError {
    /// The number of lines is not 8.
    #[error("{0} lines instead of 8")]
    Lines(usize),
    /// The first line is no header.
    #[error("line 1 does not begin with >")]
    Header,
    /// The second line is no sequence.
    #[error("line 2: {0}")]
    Sequence(#[from] NotASequence),
    /// A line of labels is shorter or longer than the sequence.
    #[error("line {line}: {found} labels of {} for {expected} residues", property.code())]
    Length {
        /// The line, from 1.
        line: usize,
        /// The property of the line.
        property: Property,
        /// The number of labels.
        found: usize,
        /// The number of residues.
        expected: usize,
    },
    /// A letter outside the property's alphabet.
    #[error("line {line}, column {column}: {letter:?} is not a letter of {}", property.code())]
    Letter {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The property of the line.
        property: Property,
        /// The letter.
        letter: char,
    },
}

/// Reads a result in the classic format. Blank lines at the end and CRLF are accepted.
///
/// ```
/// use pssp_predict::{Property, format::classic};
///
/// let text = ">demo\nMKV\nCCC\nLLL\nEEE\n***\n___\n___\n";
/// assert_eq!(classic::parse(text)?.labels(Property::Ss8), "LLL");
/// # Ok::<(), classic::ClassicError>(())
/// ```
///
/// # Errors
/// The first error in the text.
pub fn parse(text: &str) -> Result<Classic, ClassicError> {
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    if lines.len() != LINE_COUNT {
        return Err(ClassicError::Lines(lines.len()));
    }
    let header = lines[0].strip_prefix('>').ok_or(ClassicError::Header)?;
    let sequence: Sequence = lines[1].parse()?;
    for (i, &property) in PROPERTIES.iter().enumerate() {
        check_labels(lines[i + 2], i + 3, property, sequence.len())?;
    }
    let labels = lines[2..].iter().map(|&line| line.to_owned()).collect();
    Ok(Classic { header: header.to_owned(), sequence, labels })
}

fn check_labels(labels: &str, line: usize, property: Property, expected: usize) -> Result<(), ClassicError> {
    let known = |c: char| u8::try_from(c).is_ok_and(|c| property.column(c).is_some());
    if let Some((at, letter)) = labels.chars().enumerate().find(|&(_, c)| !known(c)) {
        return Err(ClassicError::Letter { line, column: at + 1, property, letter });
    }
    if labels.len() != expected {
        return Err(ClassicError::Length { line, property, found: labels.len(), expected });
    }
    Ok(())
}

/// The classic format. Its header line is [`Entry::header`], or else the title with the warnings.
pub(super) struct Lines;

impl Layout for Lines {
    fn name(&self) -> &'static str {
        "classic text"
    }

    fn extension(&self) -> &'static str {
        "txt"
    }

    fn media_type(&self) -> &'static str {
        "text/plain; charset=utf-8"
    }

    fn write_one(&self, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        let header =
            entry.header.map_or_else(|| entry.title_with_warnings(), |header| one_line(header).into_owned());
        writeln!(out, ">{header}\n{}", entry.sequence)?;
        for track in entry.prediction.tracks() {
            writeln!(out, "{}", track.text())?;
        }
        Ok(())
    }
}
