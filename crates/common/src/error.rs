//! Errors as text.

use std::error::Error;

/// The text of an error and of its causes, joined by `": "`. Skips a cause whose text is already part of an outer
/// message. Pass an `anyhow::Error` as `error.as_ref()`.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let (text, causes) = texts.split_first().unwrap();
        Layer { text, source: (!causes.is_empty()).then(|| Box::new(layers(causes))) }
    }

    #[test]
    fn causes_follow_and_repeated_ones_are_left_out() {
        for (texts, expected) in [
            (&["cannot start"][..], "cannot start"),
            (&["cannot start", "no disk"], "cannot start: no disk"),
            (&["cannot start: no disk", "no disk", "sector 5"], "cannot start: no disk: sector 5"),
        ] {
            assert_eq!(error_chain(&layers(texts)), expected);
        }
    }
}
