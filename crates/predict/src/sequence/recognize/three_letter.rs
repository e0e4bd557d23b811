//! Three-letter codes: `Gly Ile Val`, `GLY-ILE-VAL`, `GlyIleVal`.

use super::super::amino;
use super::super::edit::{Warning, WarningCode};
use super::super::fault::{ErrorCode, InputError};
use super::super::lines::{Line, is_blank};
use super::{Found, foreign_format};

/// Text without blanks and in one case must have at least this many codes. Fewer may occur by chance.
const MIN_CODES: usize = 4;
/// At least this many of the codes must be different. Fewer may be a repeat of a real protein
/// (`SERSERSERSER`).
const MIN_DIFFERENT_CODES: usize = 3;

/// Reads `text` if it consists of three-letter codes. Refuses it if most but not all of its words are codes.
pub(super) fn read(text: &str, lines: &[Line<'_>]) -> Option<Found> {
    let mut all = Words::default();
    for line in lines {
        for word in line.text.split(is_separator).filter(|word| !word.is_empty()) {
            all.add(line, word);
        }
    }
    if all.other.is_none() && (all.are_separated() || all.are_in_title_case()) {
        return Some(convert(text));
    }
    // A line end may divide a code if there are no blanks.
    let letters: String = lines.iter().flat_map(|l| l.text.chars()).filter(|&c| !is_separator(c)).collect();
    let tiles = tiles(&letters);
    if tiles.len() >= MIN_CODES {
        let mut different = tiles.iter().map(|t| t.to_ascii_uppercase()).collect::<Vec<_>>();
        different.sort_unstable();
        different.dedup();
        let ambiguous = || Found::Refused(ambiguous(lines));
        return Some(if different.len() >= MIN_DIFFERENT_CODES { convert(text) } else { ambiguous() });
    }
    let (line, word) = all.other?;
    // At least three words and three of five are codes: `H-Gly-Ile-Val-OH`.
    (all.codes >= 3 && all.codes * 5 >= all.words * 3).then(|| Found::Refused(not_a_code(&line, word)))
}

/// The words of a text, counted by kind.
#[derive(Default)]
struct Words<'a> {
    words: usize,
    /// The number of words that are one code.
    codes: usize,
    /// The number of codes written as `Gly` in words that consist only of such codes.
    in_title_case: usize,
    /// The first word that is neither of both.
    other: Option<(Line<'a>, &'a str)>,
}

impl<'a> Words<'a> {
    fn add(&mut self, line: &Line<'a>, word: &'a str) {
        self.words += 1;
        let tiles = tiles(word);
        let title = !tiles.is_empty() && tiles.iter().all(|tile| is_title(tile));
        self.codes += usize::from(tiles.len() == 1);
        self.in_title_case += if title { tiles.len() } else { 0 };
        if tiles.len() != 1 && !title && self.other.is_none() {
            self.other = Some((*line, word));
        }
    }

    fn are_separated(&self) -> bool {
        self.codes >= 2
    }

    fn are_in_title_case(&self) -> bool {
        self.in_title_case >= 2
    }
}

/// The codes of a word that consists only of codes; empty for any other word.
fn tiles(word: &str) -> Vec<&str> {
    if !word.is_ascii() || !word.len().is_multiple_of(3) {
        return Vec::new();
    }
    let tiles = (0..word.len()).step_by(3).map(|at| &word[at..at + 3]);
    tiles.map(|tile| amino::letter(tile).map(|_| tile)).collect::<Option<_>>().unwrap_or_default()
}

fn is_title(code: &str) -> bool {
    code.starts_with(|c: char| c.is_ascii_uppercase()) && code[1..].bytes().all(|b| b.is_ascii_lowercase())
}

fn is_separator(c: char) -> bool {
    is_blank(c)
        || c.is_ascii_digit()
        || matches!(c, '-' | '\u{2010}'..='\u{2013}' | '.' | ',' | ';' | '\u{b7}' | '\u{2022}' | '*')
}

/// Replaces each code by its letter, at the place where the code begins, and everything else by blanks.
fn convert(text: &str) -> Found {
    let mut residues = String::with_capacity(text.len());
    let mut code = String::new();
    let mut places = Vec::new();
    for c in text.chars() {
        if c.is_ascii_alphabetic() {
            places.push(residues.len());
            code.push(c);
        }
        residues.push(if matches!(c, '\n' | '\r') { c } else { ' ' });
        if code.len() == 3 {
            // The caller has checked that all letters belong to codes.
            let letter = amino::letter(&code).unwrap_or('X');
            residues.replace_range(places[0]..=places[0], letter.encode_utf8(&mut [0; 4]));
            code.clear();
            places.clear();
        }
    }
    let message = "read as three-letter codes of amino acids; set force if these are one-letter codes";
    Found::Read { residues, warning: Warning::new(WarningCode::ForeignFormat, message) }
}

fn ambiguous(lines: &[Line<'_>]) -> InputError {
    let detail = "this may be three-letter codes or a repeat of one-letter codes";
    let hint =
        "write three-letter codes with blanks between them, or set force if these are one-letter codes";
    lines.first().map_or_else(
        || InputError::new(ErrorCode::ForeignFormat, detail, hint),
        |line| foreign_format(line, detail, hint),
    )
}

fn not_a_code(line: &Line<'_>, word: &str) -> InputError {
    let short: String = word.chars().take(20).collect();
    let detail =
        format!("{short} is not one of the amino acids' three-letter codes, as the rest of the text is");
    let hint = "remove it, or write Xaa for another residue";
    InputError::new(ErrorCode::ForeignFormat, detail, hint).at(line.number, line.column(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_of_other_widths_do_not_move_letters() {
        let text = "Gly\u{a0}Ile Val";
        let Found::Read { residues, .. } = convert(text) else { panic!("it is read") };
        assert_eq!(residues.chars().count(), text.chars().count());
    }

    #[test]
    fn separators_are_not_letters() {
        assert!(is_separator('-') && is_separator('7') && !is_separator('G') && is_blank('\u{200b}'));
    }
}
