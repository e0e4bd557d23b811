//! Recognizes a text: a plain sequence, a known format with one sequence, or something to refuse.
//!
//! The scan for residues skips blanks, gaps and numbers, so almost any text made of letters would become a
//! chain. Before the scan, this module checks for formats with typical marks ([`foreign`]), formats with
//! exactly one sequence ([`readable`]), and text whose layout or words differ from those of a sequence
//! ([`layout`]).

use super::edit::Warning;
use super::fault::{ErrorCode, InputError};
use super::lines::{self, Line};

mod foreign;
mod layout;
mod readable;
mod three_letter;
mod words;

pub(crate) use readable::{flat_file_name, pir_name};

/// What is known about a text besides its characters.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Context {
    /// Whether the header begins with a code of PIR. If so, the first line is a title.
    pub(super) pir: bool,
    /// Whether the caller confirms that the text is a plain sequence, even if it looks different.
    pub(super) force: bool,
}

/// The recognized kind of a text.
pub(super) enum Found {
    /// Plain residues. The warning is about an unusual layout.
    Plain(Option<Warning>),
    /// Another format with one sequence.
    Read {
        /// The text with everything but the residues replaced by blanks, so that places stay the same.
        residues: String,
        /// The warning that names the format.
        warning: Warning,
    },
    /// The text is not a sequence. The lines of the error count from 1 at the start of the text.
    Refused(InputError),
}

/// Recognizes `text`, in linear time.
pub(super) fn recognize(text: &str, context: Context) -> Found {
    let found = lines::filled(text);
    if context.pir {
        return readable::pir(text);
    }
    let Some(first) = found.first() else { return Found::Plain(None) };
    // Only the examined lines are checked for codes. No allowed chain is longer.
    let codes = |read: Found| match text.len() > lines::MAX_EXAMINED_BYTES {
        true => Found::Refused(too_long(first)),
        false => read,
    };
    if let Some(read) = readable::seqres(text, &found) {
        return codes(read);
    }
    if let Some(read) = readable::flat_file(text, first) {
        return read;
    }
    if let Some(error) = foreign::find(&found) {
        return Found::Refused(error);
    }
    if context.force {
        return Found::Plain(None);
    }
    if let Some(read) = three_letter::read(text, &found) {
        return codes(read);
    }
    match layout::check(&found) {
        Ok(warning) => Found::Plain(warning),
        Err(error) => Found::Refused(error),
    }
}

fn too_long(first: &Line<'_>) -> InputError {
    let detail = format!("these three-letter codes take more than {} bytes", lines::MAX_EXAMINED_BYTES);
    InputError::new(ErrorCode::TooLong, detail, "send one chain, or its domains one by one")
        .at(first.number, 1)
}

fn foreign_format(line: &Line<'_>, detail: impl Into<String>, hint: impl Into<String>) -> InputError {
    InputError::new(ErrorCode::ForeignFormat, detail, hint).at(line.number, 1)
}
