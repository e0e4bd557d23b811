//! The rules for the names of jobs, batches and records.

use std::borrow::Cow;

use crate::sequence::{ErrorCode, InputError};

/// The maximum length of a name, in bytes of UTF-8. A FASTA header is cut at the same length.
pub const MAX_BYTES: usize = 1_000;

/// Whether `c` is a control character or ends a line in some programs. A name may not contain it.
///
/// U+2028 and U+2029 end lines in JavaScript and in many programs that read text. U+0085 is one of the
/// control characters.
fn ends_or_controls_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The text on one line: control characters and line separators become blanks.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(ends_or_controls_a_line) {
        Cow::Owned(text.replace(ends_or_controls_a_line, " "))
    } else {
        Cow::Borrowed(text)
    }
}

/// Cleans a name: control characters and line separators become blanks, and blanks at both ends are removed.
/// Returns `None` if nothing is left.
///
/// ```
/// use pssp_predict::name;
///
/// assert_eq!(name::clean(" my\tprotein\u{2028}")?.as_deref(), Some("my protein"));
/// assert_eq!(name::clean(" \n")?, None);
/// # Ok::<(), pssp_predict::sequence::InputError>(())
/// ```
///
/// # Errors
/// [`ErrorCode::NameTooLong`] for more than [`MAX_BYTES`] after cleaning.
pub fn clean(text: &str) -> Result<Option<String>, InputError> {
    let line = one_line(text);
    let name = line.trim();
    if name.len() > MAX_BYTES {
        let detail = format!("the name has {} bytes; at most {MAX_BYTES} are kept", name.len());
        return Err(InputError::new(ErrorCode::NameTooLong, detail, "shorten it"));
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

/// Cleans a name like [`clean`], but cuts a name that is too long (between two characters). For records of a
/// batch: a long name must not make the batch fail.
#[must_use]
pub fn cut(text: &str) -> Option<String> {
    let line = one_line(text);
    let name = line.trim();
    let end = name.floor_char_boundary(MAX_BYTES);
    let name = name[..end].trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}
