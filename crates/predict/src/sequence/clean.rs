//! Cleaning: makes a [`Sequence`] from text that people send, and lists every edit.

use serde::{Deserialize, Serialize};

use super::edit::{Edit, EditKind, Warning, WarningCode};
use super::fault::{ErrorCode, InputError, InputErrors, MAX_ERRORS};
use super::recognize::{Context, Found, recognize};
use super::scan::{Scan, scan};
use super::{NotASequence, Sequence};

/// A shorter sequence is never suspected to be nucleotides.
const MIN_NUCLEOTIDES: usize = 30;

/// A sequence with a larger share of nucleotide letters, in percent, is refused.
const MAX_NUCLEOTIDE_PERCENT: usize = 95;

/// A sequence with fewer residues gets a warning.
const MIN_MEANINGFUL_LENGTH: usize = 5;

/// Options of [`clean`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CleanOptions {
    /// The maximum number of residues; 10,000 by default.
    pub max_residues: usize,
    /// Whether to accept text as residues even if it looks like nucleotides, names or words.
    pub force: bool,
}

impl Default for CleanOptions {
    fn default() -> Self {
        Self { max_residues: 10_000, force: false }
    }
}

/// A cleaned sequence, with the edits and warnings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleaned {
    /// The residues.
    pub sequence: Sequence,
    /// Every edit made, grouped by kind.
    pub edits: Vec<Edit>,
    /// Unusual things in the input that are no errors.
    pub warnings: Vec<Warning>,
}

/// The place of a text in the whole input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The FASTA record, from 1.
    pub(crate) record: Option<usize>,
    /// The line on which the text begins, from 1.
    pub(crate) line: usize,
}

impl Place {
    /// Moves an error of a text that begins at this place to its place in the whole input.
    fn of(self, error: InputError) -> InputError {
        let line = error.line.unwrap_or(1) + self.line - 1;
        let column = error.column;
        error.at(line, column).in_record(self.record)
    }
}

/// A text to be cleaned, as the readers provide it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) raw: &'a [u8],
    pub(crate) place: Place,
    /// Whether its header begins with a code of PIR.
    pub(crate) pir: bool,
}

/// Cleans one sequence without a header.
///
/// Letters become upper case. White space, byte-order marks, non-breaking and zero-width spaces,
/// `-` and `.` gaps, whole numeric tokens (`GenBank` numbering) and one `*` at the end are removed.
/// `B Z J U O X` become `X`. Formats with exactly one sequence (three-letter codes, SEQRES of one chain, a flat
/// file of UniProt or GenBank) are read. Every change of residues comes with a warning. The time is linear in
/// the length of the text; cleaning stops soon after the length limit or after [`MAX_ERRORS`] errors.
///
/// ```
/// use pssp_predict::sequence::{CleanOptions, clean};
///
/// let cleaned = clean(b"1 mkvu-lt\n61 aygk*\n", &CleanOptions::default())?;
/// assert_eq!(cleaned.sequence.as_str(), "MKVXLTAYGK");
/// assert_eq!(
///     cleaned.edits.last().unwrap().message,
///     "U (selenocysteine) replaced by X at position 4"
/// );
///
/// let error = clean(b"MKV\nLT?Y", &CleanOptions::default()).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "line 2, column 3: '?' cannot stand in a protein sequence; remove it"
/// );
/// # Ok::<(), pssp_predict::sequence::InputErrors>(())
/// ```
///
/// # Errors
/// Each error has a place and a hint. Refused are: any other character, a stop before the end, text without
/// residues, text that is not UTF-8 or contains NUL, more than `max_residues`, and any known format that is
/// not a plain sequence. Without `force` also: text that seems to be nucleotides (over 95 % `ACGTUN`, 30 or
/// more residues), and lines that look like names, words or labels.
pub fn clean(raw: &[u8], options: &CleanOptions) -> Result<Cleaned, InputErrors> {
    clean_text(Text { raw, place: Place { record: None, line: 1 }, pir: false }, options)
}

/// Cleans a text that is a part of the whole input.
pub(crate) fn clean_text(text: Text<'_>, options: &CleanOptions) -> Result<Cleaned, InputErrors> {
    let place = text.place;
    let as_utf8 = std::str::from_utf8(text.raw).map_err(|e| not_utf8(text.raw, e.valid_up_to(), place))?;
    match recognize(as_utf8, Context { pir: text.pir, force: options.force }) {
        Found::Refused(error) => Err(place.of(error).into()),
        Found::Plain(odd) => {
            let mut cleaned = clean_residues(as_utf8, options, place)?;
            cleaned.warnings.extend(odd);
            Ok(cleaned)
        }
        Found::Read { residues, warning } => {
            let mut cleaned = clean_residues(&residues, options, place)?;
            // To read the layout of another format is not an edit of the sequence.
            let is_layout = |kind| matches!(kind, EditKind::WhiteSpaceRemoved | EditKind::NumberRemoved);
            cleaned.edits.retain(|edit| !is_layout(edit.kind));
            cleaned.warnings.insert(0, warning);
            Ok(cleaned)
        }
    }
}

/// The error for a text without a header, if the text is recognized as a known format that is refused.
pub(crate) fn recognized_fault(raw: &[u8], place: Place) -> Option<InputError> {
    let text = std::str::from_utf8(raw).ok()?;
    match recognize(text, Context { pir: false, force: true }) {
        Found::Refused(error) => Some(place.of(error)),
        Found::Plain(_) | Found::Read { .. } => None,
    }
}

fn clean_residues(text: &str, options: &CleanOptions, place: Place) -> Result<Cleaned, InputErrors> {
    let mut found = scan(text, place.line, options.max_residues);
    if found.errors.is_empty() {
        found.errors.extend(check_whole(&found, options, place));
    }
    found.errors.truncate(MAX_ERRORS);
    for error in &mut found.errors {
        error.record = place.record;
    }
    let edits = found.edits();
    let mut warnings = found.warnings(&edits);
    if let Some(errors) = InputErrors::from_vec(found.errors) {
        return Err(errors);
    }
    let sequence = Sequence::try_from(found.residues).map_err(|e| unparsed(&e))?;
    warnings.extend(short(&sequence));
    Ok(Cleaned { sequence, edits, warnings })
}

/// The error of the sequence as a whole, if there is one. All its characters are valid here.
fn check_whole(found: &Scan, options: &CleanOptions, place: Place) -> Option<InputError> {
    let n = found.residues.len();
    if n == 0 {
        return Some(no_residues(place));
    }
    let suspect = n >= MIN_NUCLEOTIDES && found.nucleotides * 100 > n * MAX_NUCLEOTIDE_PERCENT;
    if !suspect || options.force {
        return None;
    }
    let detail = format!("{} of {n} letters are A, C, G, T, U or N", found.nucleotides);
    let hint = "this looks like DNA or RNA: translate it, or set force if it is a protein";
    Some(InputError::new(ErrorCode::Nucleotide, detail, hint).at(place.line, None))
}

fn short(sequence: &Sequence) -> Option<Warning> {
    if sequence.len() >= MIN_MEANINGFUL_LENGTH {
        return None;
    }
    let plural = if sequence.len() == 1 { "" } else { "s" };
    let message = format!("only {} residue{plural}: hardly a structure to predict", sequence.len());
    Some(Warning::new(WarningCode::ShortSequence, message))
}

/// Line ends in `bytes`: LF, CR or CRLF.
fn line_ends(bytes: &[u8]) -> usize {
    let crlf = bytes.windows(2).filter(|pair| pair == b"\r\n").count();
    bytes.iter().filter(|b| matches!(b, b'\n' | b'\r')).count() - crlf
}

pub(crate) fn empty_body() -> InputError {
    let hint = "send at least one residue";
    InputError::new(ErrorCode::EmptyBody, "there is no sequence in the input", hint)
}

fn no_residues(place: Place) -> InputError {
    let (detail, hint) = if place.record.is_some() {
        ("the record has no residues", "put them on the lines after the header")
    } else {
        ("the sequence has no residues", "send at least one residue")
    };
    InputError::new(ErrorCode::EmptySequence, detail, hint).at(place.line, None)
}

pub(crate) fn several_records() -> InputError {
    InputError::new(
        ErrorCode::SeveralRecords,
        "a second FASTA record where one sequence is expected",
        "send several records to /v1/batches",
    )
}

/// This error does not happen, because cleaning produces only letters that [`Sequence`] accepts.
fn unparsed(error: &NotASequence) -> InputErrors {
    InputError::new(ErrorCode::InvalidCharacter, error.to_string(), "remove it").into()
}

/// The error for `raw`, which begins at `place` and is valid UTF-8 only up to the byte `valid_up_to`.
pub(crate) fn not_utf8(raw: &[u8], valid_up_to: usize, place: Place) -> InputErrors {
    let before = &raw[..valid_up_to];
    let line = place.line + line_ends(before);
    let last = before.rsplit(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
    let column = String::from_utf8_lossy(last).chars().count() + 1;
    let hint = match raw {
        [0x1f, 0x8b, ..] => "this is gzip: unpack it, or say Content-Encoding: gzip",
        [0xff, 0xfe, ..] => "this is UTF-16 (little endian): save the file as UTF-8",
        [0xfe, 0xff, ..] => "this is UTF-16 (big endian): save the file as UTF-8",
        [b'P', b'K', 3, 4, ..] => "this is a zip file or a document of an office program: copy its text",
        [b'B', b'Z', b'h', ..] => "this is bzip2: unpack it",
        [0xfd, b'7', b'z', ..] => "this is xz: unpack it",
        _ => "save the file as plain text in UTF-8",
    };
    InputError::new(ErrorCode::NotUtf8, "the text is not UTF-8", hint)
        .at(line, Some(column))
        .in_record(place.record)
        .into()
}
