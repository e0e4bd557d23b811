//! What a text is: a plain sequence, a known format that holds one, or something to refuse.
//!
//! The reader of residues skips blanks, gaps and numbers, so almost any text made of letters would
//! become a chain. This is what stands before it: formats with marks of their own ([`foreign`]),
//! formats that hold exactly one sequence ([`readable`]), and text whose layout or words are not
//! those of a sequence ([`layout`]).

use super::edit::Warning;
use super::fault::{ErrorCode, InputError};
use super::lines::{self, Line};

mod foreign;
mod layout;
mod readable;
mod three_letter;
mod words;

pub(crate) use readable::{flat_file_name, pir_name};

/// What stands around a text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Context {
    /// The header begins with a code of PIR, so the first line is a title.
    pub(super) pir: bool,
    /// The caller vouches that the text is a plain sequence, whatever it looks like.
    pub(super) force: bool,
}

/// What a text was found to be.
pub(super) enum Found {
    /// Residues as they stand, perhaps in an odd layout.
    Plain(Option<Warning>),
    /// Another format that holds one sequence: the residues, at their places, and what was read.
    Read {
        /// As many lines as the text, everything but residues blank.
        residues: String,
        /// Which format was read.
        warning: Warning,
    },
    /// Not a sequence. Lines count from 1 at the start of the text.
    Refused(InputError),
}

/// Finds out what `text` is. Linear in time.
pub(super) fn recognize(text: &str, context: Context) -> Found {
    let found = lines::filled(text);
    if context.pir {
        return readable::pir(text);
    }
    let Some(first) = found.first() else { return Found::Plain(None) };
    // Codes are checked as far as lines are looked at, and no chain takes more.
    let codes = |read: Found| match text.len() > lines::LOOKED_AT {
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
    match layout::judge(&found) {
        Ok(warning) => Found::Plain(warning),
        Err(error) => Found::Refused(error),
    }
}

fn too_long(first: &Line<'_>) -> InputError {
    let detail = format!("these three-letter codes take more than {} bytes", lines::LOOKED_AT);
    InputError::new(ErrorCode::TooLong, detail, "send one chain, or its domains one by one")
        .at(first.number, 1)
}

fn foreign_format(line: &Line<'_>, detail: impl Into<String>, hint: impl Into<String>) -> InputError {
    InputError::new(ErrorCode::ForeignFormat, detail, hint).at(line.number, 1)
}
