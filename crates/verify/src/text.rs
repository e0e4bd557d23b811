//! Reads and shortens texts from the service.

use pssp_common::plain;
use serde_json::Value;

/// Limit on the text that [`brief`] returns, in characters, without the mark of the cut.
const BRIEF_LENGTH: usize = 160;

/// The string in `field`; empty if there is none.
#[must_use]
pub fn text<'a>(json: &'a Value, field: &str) -> &'a str {
    json[field].as_str().unwrap_or_default()
}

/// The text on one line, cut to 160 characters.
#[must_use]
pub fn brief(text: &str) -> String {
    let text = text.trim();
    let mut shown: String = plain(text).chars().take(BRIEF_LENGTH).collect();
    if text.chars().nth(BRIEF_LENGTH).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_odd_texts_fit_on_a_line() {
        assert_eq!(brief(" a\nb\u{1b}c "), "a b c");
        assert_eq!(brief(&"x".repeat(160)), "x".repeat(160));
        assert_eq!(brief(&"x".repeat(161)), "x".repeat(160) + "…");
    }
}
