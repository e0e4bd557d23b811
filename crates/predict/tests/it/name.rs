//! Names: cleaning and the length limit.

use pssp_predict::name::{MAX_BYTES, clean, cut, one_line};
use pssp_predict::sequence::ErrorCode;

#[track_caller]
fn check(input: &str, expected: Option<&str>) {
    assert_eq!(clean(input).unwrap().as_deref(), expected, "{input:?}");
    assert_eq!(cut(input).as_deref(), expected, "{input:?}");
}

#[test]
fn names_are_one_line() {
    check("insulin", Some("insulin"));
    check("  insulin chain A ", Some("insulin chain A"));
    check("", None);
    check(" \t\r\n\u{2028}", None);
    check("a\nb\rc\td", Some("a b c d"));
    check("a\u{2028}b\u{2029}c\u{85}d\u{0}e\u{1b}f", Some("a b c d e f"));
    check("Müller \u{1f9ec}", Some("Müller \u{1f9ec}"));
    assert_eq!(one_line("a\u{2028}b"), "a b");
}

#[test]
fn long_names_are_refused_or_cut() {
    check(&"x".repeat(MAX_BYTES), Some(&"x".repeat(MAX_BYTES)));
    check(&format!(" {} ", "x".repeat(MAX_BYTES)), Some(&"x".repeat(MAX_BYTES)));
    let long = "é".repeat(MAX_BYTES / 2 + 1);
    let error = clean(&long).unwrap_err();
    assert_eq!(error.code, ErrorCode::NameTooLong);
    assert_eq!(error.to_string(), "the name has 1002 bytes; at most 1000 are kept; shorten it");
    assert_eq!(cut(&long).unwrap().len(), MAX_BYTES);
    assert_eq!(cut(&format!("x{long}")).unwrap().len(), MAX_BYTES - 1, "the cut is between characters");
}
