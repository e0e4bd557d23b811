//! The single pass over the characters of an input, the main part of [`clean`](super::clean()).

use super::edit::{Edit, EditKind, Warning, WarningCode};
use super::fault::{ErrorCode, InputError, MAX_ERRORS};

/// The edits that are only counted, in the order of [`Scan::counts`].
const COUNTED: [EditKind; 6] = [
    EditKind::UpperCased,
    EditKind::WhiteSpaceRemoved,
    EditKind::InvisibleRemoved,
    EditKind::GapRemoved,
    EditKind::NumberRemoved,
    EditKind::StopRemoved,
];

/// The letters that become `X`.
const REPLACED: &[u8; 6] = b"BZJUOX";

/// The maximum number of digits of a misplaced number that are shown.
const MAX_DIGITS_SHOWN: usize = 20;

/// The residues of a text, and the errors and edits found in it.
#[derive(Default)]
pub(super) struct Scan {
    /// Upper-case letters of the 20 amino acids and `X`.
    pub(super) residues: String,
    /// Errors, at most about [`MAX_ERRORS`].
    pub(super) errors: Vec<InputError>,
    /// The number of letters that are also letters of nucleotides, before any replacement.
    pub(super) nucleotides: usize,
    counts: [usize; COUNTED.len()],
    replaced: [Vec<usize>; REPLACED.len()],
    pending_stop: Option<(usize, usize)>,
    gaps: Gaps,
    numbers: Numbers,
}

/// Gaps between residues. A single `.` may also mean a stop, so its place is stored.
#[derive(Default)]
struct Gaps {
    /// The number of gap characters between residues.
    inside: usize,
    /// The number of gap characters since the last residue.
    pending: usize,
    /// The place of the first `.` since the last residue.
    pending_dot: Option<(usize, usize)>,
    /// The place of the first `.` between two residues.
    single_dot: Option<(usize, usize)>,
    /// Whether there is a `-` or several gaps in a row, as in an alignment.
    aligned: bool,
}

impl Gaps {
    fn gap(&mut self, c: char, place: (usize, usize)) {
        self.pending += 1;
        self.aligned |= c == '-' || self.pending > 1;
        if c == '.' {
            self.pending_dot.get_or_insert(place);
        }
    }

    fn residue(&mut self, is_first: bool) {
        if self.pending == 0 {
            return;
        }
        if !is_first {
            self.inside += self.pending;
            self.single_dot = self.single_dot.or(self.pending_dot);
        }
        self.pending = 0;
        self.pending_dot = None;
    }
}

/// Numbers between residues of one line. Numbers at the ends of a line are ordinary numbering.
#[derive(Default)]
struct Numbers {
    inside: usize,
    pending: usize,
    after_residue: bool,
}

impl Numbers {
    fn number(&mut self) {
        self.pending += usize::from(self.after_residue);
    }

    fn residue(&mut self) {
        self.inside += self.pending;
        self.pending = 0;
        self.after_residue = true;
    }

    fn line_end(&mut self) {
        self.pending = 0;
        self.after_residue = false;
    }
}

/// The meaning of a character in a sequence.
enum Kind {
    LineEnd,
    Space,
    SpecialSpace,
    ZeroWidth,
    Residue(u8),
    Gap,
    Stop,
    Digit,
    Nul,
    Other,
}

fn kind(c: char) -> Kind {
    match c {
        '\n' | '\r' => Kind::LineEnd,
        ' ' | '\t' | '\x0b' | '\x0c' => Kind::Space,
        'a'..='z' | 'A'..='Z' => Kind::Residue(c as u8),
        '-' | '.' => Kind::Gap,
        '*' => Kind::Stop,
        '0'..='9' => Kind::Digit,
        '\0' => Kind::Nul,
        c if is_zero_width(c) => Kind::ZeroWidth,
        c if c.is_whitespace() => Kind::SpecialSpace,
        _ => Kind::Other,
    }
}

/// Invisible characters that are often copied with text from web pages and documents: soft hyphen,
/// zero-width spaces and joiners, direction marks, word joiner, byte-order mark.
pub(crate) const fn is_zero_width(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// Reads `text` once. Stops early after [`MAX_ERRORS`] errors or more than `max_residues` residues.
pub(super) fn scan(text: &str, first_line: usize, max_residues: usize) -> Scan {
    let mut found = Scan::default();
    let mut cursor = Cursor::new(text, first_line);
    while let Some(c) = cursor.next() {
        let go_on = found.take(c, &mut cursor, max_residues);
        if !go_on || found.errors.len() >= MAX_ERRORS {
            break;
        }
    }
    if found.pending_stop.is_some() && found.errors.is_empty() {
        found.count(EditKind::StopRemoved);
    }
    if let Some((line, column)) =
        found.gaps.single_dot.filter(|_| !found.gaps.aligned && found.errors.is_empty())
    {
        found.errors.push(single_dot().at(line, column));
    }
    found
}

impl Scan {
    /// The edits, one for each kind and replaced letter.
    pub(super) fn edits(&mut self) -> Vec<Edit> {
        let counted = COUNTED.iter().zip(self.counts).filter(|&(_, count)| count > 0);
        let mut edits: Vec<Edit> = counted.map(|(&kind, count)| Edit::counted(kind, count)).collect();
        for (&letter, positions) in REPLACED.iter().zip(&mut self.replaced) {
            if !positions.is_empty() {
                edits.push(Edit::replaced(letter, std::mem::take(positions)));
            }
        }
        edits
    }

    /// The warnings about edits that change the residues that were sent.
    pub(super) fn warnings(&self, edits: &[Edit]) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let replaced = edits.iter().filter(|e| e.kind == EditKind::Replaced && e.from != Some('X'));
        let replaced: Vec<&str> = replaced.map(|edit| edit.message.as_str()).collect();
        if !replaced.is_empty() {
            warnings.push(Warning::new(WarningCode::LettersReplaced, replaced.join("; ")));
        }
        let plural = |count| if count == 1 { "" } else { "s" };
        if self.gaps.inside > 0 {
            let n = self.gaps.inside;
            let message = format!("{n} gap{} between residues removed", plural(n));
            warnings.push(Warning::new(WarningCode::GapsRemoved, message));
        }
        if self.numbers.inside > 0 {
            let n = self.numbers.inside;
            let message = format!("{n} number{} between residues removed", plural(n));
            warnings.push(Warning::new(WarningCode::NumbersRemoved, message));
        }
        warnings
    }

    /// Processes one character. Returns whether the scan should continue.
    fn take(&mut self, c: char, cursor: &mut Cursor<'_>, max_residues: usize) -> bool {
        let (line, column) = cursor.place;
        let error = match kind(c) {
            Kind::LineEnd => {
                self.numbers.line_end();
                return true;
            }
            Kind::Space => return self.count(EditKind::WhiteSpaceRemoved),
            Kind::SpecialSpace | Kind::ZeroWidth => return self.count(EditKind::InvisibleRemoved),
            Kind::Gap => {
                self.gaps.gap(c, (line, column));
                return self.count(EditKind::GapRemoved);
            }
            Kind::Stop => return self.stop(line, column),
            Kind::Residue(letter) if self.residues.len() < max_residues => {
                return self.residue(letter);
            }
            Kind::Residue(_) => too_long(max_residues),
            Kind::Digit => match cursor.number(c) {
                (_, true) => {
                    self.numbers.number();
                    return self.count(EditKind::NumberRemoved);
                }
                (digits, false) => stray_number(&digits),
            },
            Kind::Nul => nul(cursor.text),
            Kind::Other => {
                cursor.skip_repeats(c);
                invalid(c, column)
            }
        };
        let go_on = matches!(error.code, ErrorCode::InvalidCharacter | ErrorCode::SeveralChains);
        self.errors.push(error.at(line, Some(column)));
        go_on
    }

    fn count(&mut self, kind: EditKind) -> bool {
        self.counts[kind as usize] += 1;
        true
    }

    fn residue(&mut self, letter: u8) -> bool {
        self.refuse_pending_stop();
        self.gaps.residue(self.residues.is_empty());
        self.numbers.residue();
        let upper = letter.to_ascii_uppercase();
        if upper != letter {
            self.count(EditKind::UpperCased);
        }
        self.nucleotides += usize::from(b"ACGTUN".contains(&upper));
        if let Some(which) = REPLACED.iter().position(|&r| r == upper) {
            self.replaced[which].push(self.residues.len() + 1);
            self.residues.push('X');
        } else {
            self.residues.push(char::from(upper));
        }
        true
    }

    fn stop(&mut self, line: usize, column: usize) -> bool {
        self.refuse_pending_stop();
        self.pending_stop = Some((line, column));
        true
    }

    /// Refuses an earlier `*`, because a residue or another `*` follows it.
    fn refuse_pending_stop(&mut self) {
        if let Some((line, column)) = self.pending_stop.take() {
            let error = InputError::new(
                ErrorCode::InternalStop,
                "a stop (*) before the end of the sequence",
                "send one chain without stops; only a single * at the very end is dropped",
            );
            self.errors.push(error.at(line, Some(column)));
        }
    }
}

/// Characters with their line and column, both from 1. CR, LF and CRLF each end one line.
struct Cursor<'a> {
    text: &'a str,
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    /// Line and column of the character that was returned last.
    place: (usize, usize),
    line: usize,
    column: usize,
    at_token_start: bool,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str, first_line: usize) -> Self {
        // No editor counts a byte-order mark as a column. Its removal is listed as an edit, though.
        let column = usize::from(!text.starts_with('\u{feff}'));
        Self {
            text,
            chars: text.chars().peekable(),
            place: (first_line, column),
            line: first_line,
            column,
            at_token_start: true,
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        self.place = (self.line, self.column);
        self.column += 1;
        match kind(c) {
            Kind::LineEnd => {
                self.at_token_start = true;
                // In CRLF the LF ends the line, not the CR.
                if c == '\n' || self.chars.peek() != Some(&'\n') {
                    self.line += 1;
                    self.column = 1;
                }
            }
            Kind::Space | Kind::SpecialSpace => self.at_token_start = true,
            // `number` needs `at_token_start` for a digit and then resets it.
            Kind::ZeroWidth | Kind::Digit => {}
            _ => self.at_token_start = false,
        }
        Some(c)
    }

    /// Reads the rest of the digits that begin with `first`. Also returns whether they are a whole token. Only
    /// whole tokens are numbering.
    fn number(&mut self, first: char) -> (String, bool) {
        let mut digits = String::from(first);
        while let Some(c) = self.chars.next_if(|&c| matches!(kind(c), Kind::Digit | Kind::ZeroWidth)) {
            self.column += 1;
            if c.is_ascii_digit() && digits.len() < MAX_DIGITS_SHOWN {
                digits.push(c);
            }
        }
        let ends = self
            .chars
            .peek()
            .is_none_or(|&c| matches!(kind(c), Kind::LineEnd | Kind::Space | Kind::SpecialSpace));
        let whole = self.at_token_start && ends;
        self.at_token_start = false;
        (digits, whole)
    }

    /// Skips repetitions of `c`, because one error is enough for all of them.
    fn skip_repeats(&mut self, c: char) {
        while self.chars.next_if_eq(&c).is_some() {
            self.column += 1;
        }
    }
}

/// A character as shown in an error: the character itself if it is visible, and its code if it may be
/// mistaken for another character.
fn show(c: char) -> String {
    if c.is_ascii_graphic() {
        format!("'{c}'")
    } else if c.is_control() {
        format!("U+{:04X}", c as u32)
    } else {
        format!("'{c}' (U+{:04X})", c as u32)
    }
}

fn invalid(c: char, column: usize) -> InputError {
    if matches!(c, '/' | ':') {
        let detail = format!("{} looks like a break between two chains, or the end of a record", show(c));
        let hint = "send each chain by itself, or as a FASTA record: a line >name, then its residues";
        return InputError::new(ErrorCode::SeveralChains, detail, hint);
    }
    let hint = match c {
        '>' if column > 1 => "a FASTA header begins with > at the start of a line",
        '>' => "begin with the header: FASTA has no text before its first >",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "write gaps as -",
        ',' | ';' => {
            "if it separates sequences, send each as a FASTA record: a line >name, then its residues"
        }
        '_' | '|' | '=' | '#' | '@' => "if this line is a header, begin it with >; else remove the character",
        '(' | ')' | '[' | ']' | '{' | '}' => "write a modified residue as its letter alone, or as X",
        c if c.is_alphabetic() => "it is not one of the Latin letters A to Z: type it anew",
        c if c.is_control() => "send plain text",
        _ => "remove it",
    };
    let detail = format!("{} cannot stand in a protein sequence", show(c));
    InputError::new(ErrorCode::InvalidCharacter, detail, hint)
}

fn single_dot() -> InputError {
    InputError::new(
        ErrorCode::InternalStop,
        "a . between residues, which may be a stop or a gap",
        "write gaps as -, and send parts between stops one by one",
    )
}

fn stray_number(digits: &str) -> InputError {
    InputError::new(
        ErrorCode::InvalidCharacter,
        format!("the number {digits} inside the sequence"),
        "remove it; only numbering that stands apart from the letters is dropped",
    )
}

fn nul(text: &str) -> InputError {
    let detail = match text.as_bytes() {
        [0, 1..=255, ..] => "a NUL character, as in UTF-16 (big endian) read as UTF-8",
        [1..=255, 0, ..] => "a NUL character, as in UTF-16 (little endian) read as UTF-8",
        _ => "a NUL character, so this is a binary file or UTF-16 text",
    };
    InputError::new(ErrorCode::Nul, detail, "save the sequence as plain UTF-8 text")
}

fn too_long(max_residues: usize) -> InputError {
    InputError::new(
        ErrorCode::TooLong,
        format!("the sequence has more than {max_residues} residues"),
        "send its chains or domains one by one",
    )
}
