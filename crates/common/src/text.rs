//! Texts that others wrote, made safe to show.

/// The text with each control character replaced by a space. This disarms terminal escapes and keeps it on one line.
#[must_use]
pub fn plain(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_spaces() {
        assert_eq!(plain("a\x1b[31mb\r\nc\u{9b}é"), "a [31mb  c é");
    }
}
