//! Texts from the service.

use pssp_common::plain;
use serde_json::Value;

/// Longest text that [`brief`] returns, in characters.
const BRIEF: usize = 160;

/// The string in `field`, empty if there is none.
#[must_use]
pub fn text<'a>(json: &'a Value, field: &str) -> &'a str {
    json[field].as_str().unwrap_or_default()
}

/// A text of the service on one line, cut to 160 characters.
#[must_use]
pub fn brief(text: &str) -> String {
    let text = text.trim();
    let mut shown: String = plain(text).chars().take(BRIEF).collect();
    if text.chars().nth(BRIEF).is_some() {
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
