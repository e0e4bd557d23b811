//! The single pass over an input's characters that [`clean`](super::clean()) is made of.

use super::edit::{Edit, EditKind};
use super::fault::{ErrorCode, InputError, MAX_ERRORS};

/// Edits that are only counted; the index is that in [`Scan::counts`].
const COUNTED: [EditKind; 6] = [
    EditKind::UpperCased,
    EditKind::WhiteSpaceRemoved,
    EditKind::InvisibleRemoved,
    EditKind::GapRemoved,
    EditKind::NumberRemoved,
    EditKind::StopRemoved,
];

/// Letters that become `X`.
const REPLACED: &[u8; 6] = b"BZJUOX";

/// Digits of a stray number that are shown.
const DIGITS_SHOWN: usize = 20;

/// The residues found in a text and everything noticed on the way.
#[derive(Default)]
pub(super) struct Scan {
    /// Upper-case letters of the 20 amino acids and `X`.
    pub(super) residues: String,
    /// Faults, at most about [`MAX_ERRORS`].
    pub(super) errors: Vec<InputError>,
    /// Letters that also stand for nucleotides, before any replacement.
    pub(super) nucleotides: usize,
    counts: [usize; COUNTED.len()],
    replaced: [Vec<usize>; REPLACED.len()],
    pending_stop: Option<(usize, usize)>,
}

/// What a character means in a sequence.
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

/// Characters that show nothing and come along when text is copied from pages and documents:
/// soft hyphen, zero-width spaces and joiners, direction marks, word joiner, byte-order mark.
pub(super) const fn is_zero_width(c: char) -> bool {
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

/// Walks `text` once; stops early after [`MAX_ERRORS`] faults or more than `max_residues`.
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

    /// Notes one character; says whether there is a point in going on.
    fn take(&mut self, c: char, cursor: &mut Cursor<'_>, max_residues: usize) -> bool {
        let (line, column) = cursor.place;
        let error = match kind(c) {
            Kind::LineEnd => return true,
            Kind::Space => return self.count(EditKind::WhiteSpaceRemoved),
            Kind::SpecialSpace | Kind::ZeroWidth => return self.count(EditKind::InvisibleRemoved),
            Kind::Gap => return self.count(EditKind::GapRemoved),
            Kind::Stop => return self.stop(line, column),
            Kind::Residue(letter) if self.residues.len() < max_residues => {
                return self.residue(letter);
            }
            Kind::Residue(_) => too_long(max_residues),
            Kind::Digit => match cursor.number(c) {
                (_, true) => return self.count(EditKind::NumberRemoved),
                (digits, false) => stray_number(&digits),
            },
            Kind::Nul => nul(),
            Kind::Other => {
                cursor.skip_repeats(c);
                invalid(c, column)
            }
        };
        let go_on = error.code == ErrorCode::InvalidCharacter;
        self.errors.push(error.at(line, Some(column)));
        go_on
    }

    fn count(&mut self, kind: EditKind) -> bool {
        self.counts[kind as usize] += 1;
        true
    }

    fn residue(&mut self, letter: u8) -> bool {
        self.refuse_pending_stop();
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

    /// A `*` turned out not to be the last: residues or another `*` follow.
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
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    /// Line and column of the character given last.
    place: (usize, usize),
    line: usize,
    column: usize,
    at_token_start: bool,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str, first_line: usize) -> Self {
        // A byte-order mark is not a column in any editor; it is told as an edit all the same.
        let column = usize::from(!text.starts_with('\u{feff}'));
        Self {
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
                // The LF of a CRLF ends the line, not the CR before it.
                if c == '\n' || self.chars.peek() != Some(&'\n') {
                    self.line += 1;
                    self.column = 1;
                }
            }
            Kind::Space | Kind::SpecialSpace => self.at_token_start = true,
            // `number` still has to see whether digits begin a token, and ends it itself.
            Kind::ZeroWidth | Kind::Digit => {}
            _ => self.at_token_start = false,
        }
        Some(c)
    }

    /// Takes the rest of the digits that began with `first`; also says whether they are a whole
    /// token, which only numbering is.
    fn number(&mut self, first: char) -> (String, bool) {
        let mut digits = String::from(first);
        while let Some(c) = self.chars.next_if(|&c| matches!(kind(c), Kind::Digit | Kind::ZeroWidth)) {
            self.column += 1;
            if c.is_ascii_digit() && digits.len() < DIGITS_SHOWN {
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

    /// One error tells enough about a row of the same character.
    fn skip_repeats(&mut self, c: char) {
        while self.chars.next_if_eq(&c).is_some() {
            self.column += 1;
        }
    }
}

/// A character as shown in an error: itself where it can be seen, and its code where it may not
/// be what it looks like.
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
    let hint = match c {
        '>' if column > 1 => "a FASTA header begins with > at the start of a line",
        '>' => "begin with the header: FASTA has no text before its first >",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "remove it, or write gaps as -",
        c if c.is_alphabetic() => "it is not one of the Latin letters A to Z: type it anew",
        c if c.is_control() => "send plain text",
        _ => "remove it",
    };
    let detail = format!("{} cannot stand in a protein sequence", show(c));
    InputError::new(ErrorCode::InvalidCharacter, detail, hint)
}

fn stray_number(digits: &str) -> InputError {
    InputError::new(
        ErrorCode::InvalidCharacter,
        format!("the number {digits} inside the sequence"),
        "remove it; only numbering that stands apart from the letters is dropped",
    )
}

fn nul() -> InputError {
    InputError::new(
        ErrorCode::Nul,
        "a NUL character, so this is a binary file or UTF-16 text",
        "save the sequence as plain UTF-8 text",
    )
}

fn too_long(max_residues: usize) -> InputError {
    InputError::new(
        ErrorCode::TooLong,
        format!("the sequence has more than {max_residues} residues"),
        "send its chains or domains one by one",
    )
}
