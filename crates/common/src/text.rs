//! Makes texts from other sources safe to show.

/// The text with each control character replaced by a space. So it has no terminal escapes and stays on one line.
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
