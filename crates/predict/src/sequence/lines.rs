//! The lines of a text, as used to recognize formats.

use super::scan::is_zero_width;

/// The maximum number of bytes that are examined to recognize a format: several times the longest chain. The
/// limit also bounds memory, because a line of one letter needs about a hundred bytes during recognition.
pub(super) const MAX_EXAMINED_BYTES: usize = 128 << 10;

/// One line that is not blank.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// Its number, from 1 for the first line of the text.
    pub(super) number: usize,
    /// The whole line without its end.
    pub(super) whole: &'a str,
    /// The line without blanks and invisible characters at both ends.
    pub(super) text: &'a str,
}

impl<'a> Line<'a> {
    fn new(index: usize, whole: &'a str) -> Self {
        Self { number: index + 1, whole, text: whole.trim_matches(is_blank) }
    }

    /// The column (from 1) of `part`, which must be a slice of this line.
    pub(super) fn column(&self, part: &str) -> usize {
        let bytes = (part.as_ptr() as usize).saturating_sub(self.whole.as_ptr() as usize);
        let before = self.whole.get(..bytes).unwrap_or_default();
        before.trim_start_matches('\u{feff}').chars().count() + 1
    }

    /// The words of the line: the parts between blanks.
    pub(super) fn words(&self) -> impl Iterator<Item = &'a str> {
        self.text.split(is_blank).filter(|word| !word.is_empty())
    }
}

/// Whether a character is invisible: white space or zero width.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_zero_width(c)
}

/// All lines, including blank ones. CR, LF and CRLF each end a line.
pub(super) fn all(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let after = &text[end..];
        rest = Some(after.strip_prefix("\r\n").unwrap_or(&after[1..]));
        Some(&text[..end])
    })
}

/// The lines that are not blank. Of a very long text, only the beginning is examined.
pub(super) fn filled(text: &str) -> Vec<Line<'_>> {
    let text = &text[..text.floor_char_boundary(MAX_EXAMINED_BYTES)];
    all(text).enumerate().map(|(i, whole)| Line::new(i, whole)).filter(|line| !line.text.is_empty()).collect()
}
