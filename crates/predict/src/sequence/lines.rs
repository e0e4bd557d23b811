//! The lines of a text, as the recognition of formats looks at them.

use super::scan::is_zero_width;

/// Most bytes that are looked at to recognize a format: several times what the longest chain takes. A line of
/// one letter costs about a hundred bytes of memory while it is looked at.
pub(super) const LOOKED_AT: usize = 128 << 10;

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

    /// The column, from 1, of a part of this line.
    pub(super) fn column(&self, part: &str) -> usize {
        let bytes = (part.as_ptr() as usize).saturating_sub(self.whole.as_ptr() as usize);
        let before = self.whole.get(..bytes).unwrap_or_default();
        before.trim_start_matches('\u{feff}').chars().count() + 1
    }

    /// The parts between blanks.
    pub(super) fn words(&self) -> impl Iterator<Item = &'a str> {
        self.text.split(is_blank).filter(|word| !word.is_empty())
    }
}

/// Whether a character shows nothing: white space or zero width.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_zero_width(c)
}

/// All lines, blank ones too. CR, LF and CRLF each end one.
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

/// The lines that are not blank, of the beginning of a text that is very long.
pub(super) fn filled(text: &str) -> Vec<Line<'_>> {
    let text = &text[..text.floor_char_boundary(LOOKED_AT)];
    all(text).enumerate().map(|(i, whole)| Line::new(i, whole)).filter(|line| !line.text.is_empty()).collect()
}
