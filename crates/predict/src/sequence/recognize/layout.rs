//! Checks text without marks of a known format: are its layout and its words those of one sequence?
//!
//! The lines of a sequence have one width. They may be divided into blocks of one width. Letters have one
//! case, or some regions are masked (lower case). A header without `>`, rows of a table or an alignment,
//! and sentences differ from this. Text with an unusual layout but without other signs is accepted, with a
//! warning.

use super::super::edit::{Warning, WarningCode};
use super::super::fault::{ErrorCode, InputError};
use super::super::lines::Line;
use super::{foreign_format, words};

/// Letters that occur in names and English words, but rarely or never in proteins.
const RARE_LETTERS: &[u8] = b"BJOUXZ";

/// The longest line, in letters, that is recognized as a name only because of its case.
const MAX_CASE_NAME: usize = 15;

/// A shorter line is never recognized as secondary-structure labels.
const MIN_LABELS: usize = 20;

/// Returns an error if the lines are not a sequence, or a warning if their layout is unusual.
pub(super) fn check(lines: &[Line<'_>]) -> Result<Option<Warning>, InputError> {
    for line in lines {
        if let Some(error) = flanks(line).or_else(|| other_mark(line)) {
            return Err(error);
        }
    }
    let rows: Vec<Row<'_>> = lines.iter().map(Row::new).collect();
    if let Some(at) = rows.iter().position(|row| !row.is_plain) {
        // The scan for residues will report the invalid character, unless the whole line is a header.
        return if is_header_line(&rows, at) { Err(lost_header(&rows[at].line)) } else { Ok(None) };
    }
    let rows: Vec<Row<'_>> = rows.into_iter().filter(|row| !row.blocks.is_empty()).collect();
    let layout = Layout::of(&rows);
    if !layout.in_blocks
        && let Some(error) = tabs(&rows)
    {
        return Err(error);
    }
    if let Some(error) = labels(&rows) {
        return Err(error);
    }
    if let Some(at) = (0..rows.len()).find(|&at| is_lost_header(&rows, at, &layout)) {
        return Err(if rows.len() == 1 && rows[at].is_of_words() {
            words_only(&rows[at].line)
        } else {
            lost_header(&rows[at].line)
        });
    }
    if let Some(row) = rows.iter().find(|row| row.is_sentence()) {
        return Err(words_only(&row.line));
    }
    if !layout.in_blocks
        && let Some(error) = named_rows(&rows)
    {
        return Err(error);
    }
    Ok(layout.warning(&rows))
}

/// A line as a row of a sequence.
struct Row<'a> {
    line: Line<'a>,
    /// The words with letters. Words of numbers or gaps only are layout.
    blocks: Vec<&'a str>,
    /// Whether all its characters are allowed in a sequence.
    is_plain: bool,
    /// Whether one of its words is a number, as in a numbered sequence.
    is_numbered: bool,
    letters: usize,
    lower: usize,
    rare: usize,
}

impl<'a> Row<'a> {
    fn new(line: &Line<'a>) -> Self {
        let letter = |b: u8| b.is_ascii_alphabetic();
        let plain = |word: &str| {
            word.bytes().all(|b| b.is_ascii_digit())
                || word.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '-' | '.' | '*' | '\0'))
        };
        let is_plain = line.words().all(plain);
        // The stop at the end is not part of the last block.
        let words = line.words().map(|word| word.trim_end_matches('*'));
        let blocks: Vec<&str> = words.filter(|word| word.bytes().any(letter)).collect();
        let count = |is: fn(u8) -> bool| blocks.iter().flat_map(|b| b.bytes()).filter(|&b| is(b)).count();
        Self {
            line: *line,
            is_plain,
            is_numbered: line.words().any(|word| word.bytes().all(|b| b.is_ascii_digit())),
            letters: count(|b| b.is_ascii_alphabetic()),
            lower: count(|b| b.is_ascii_lowercase()),
            rare: count(|b| RARE_LETTERS.contains(&b.to_ascii_uppercase())),
            blocks,
        }
    }

    fn is_upper(&self) -> bool {
        self.lower == 0
    }

    fn is_lower(&self) -> bool {
        self.lower == self.letters
    }

    /// Whether it has the length of a name.
    fn is_short(&self) -> bool {
        (3..=60).contains(&self.letters)
    }

    fn is_of_words(&self) -> bool {
        let has_keyword = self.blocks.iter().any(|word| words::is_keyword(word));
        has_keyword && self.blocks.iter().all(|word| words::is_keyword(word) || words::is_common(word))
    }

    /// Whether it has several words and at least half of them are known English words.
    fn is_sentence(&self) -> bool {
        let known =
            self.blocks.iter().filter(|w| words::is_keyword(w) || (w.len() > 1 && words::is_common(w)));
        let has_keyword = self.blocks.iter().any(|word| words::is_keyword(word));
        let widths_differ = self.blocks.windows(2).any(|pair| pair[0].len() < pair[1].len());
        widths_differ && has_keyword && self.blocks.len() >= 3 && known.count() * 2 >= self.blocks.len()
    }

    /// Whether the first word is written like a name (`Human`, `human`) and all others are in upper case.
    fn begins_with_name(&self) -> bool {
        let Some((first, others)) = self.blocks.split_first() else { return false };
        let upper = |word: &str| !word.bytes().any(|b| b.is_ascii_lowercase());
        first.len() >= 3
            && first[1..].bytes().any(|b| b.is_ascii_lowercase())
            && !others.is_empty()
            && others.iter().all(|w| upper(w))
    }
}

/// The layout of all rows.
struct Layout {
    /// Whether all blocks have one width, except shorter ones at the end of a line.
    in_blocks: bool,
    /// Whether all lines have one width, except the last line.
    wrapped: bool,
    width: usize,
    /// The number of lines in upper case.
    upper: usize,
    /// The number of lines in lower case.
    lower: usize,
    /// The number of lines with rare letters.
    with_rare: usize,
}

impl Layout {
    fn of(rows: &[Row<'_>]) -> Self {
        let block = rows.iter().find(|row| row.blocks.len() > 1).map(|row| row.blocks[0].len());
        let in_blocks = block.is_none_or(|width| {
            rows.iter().all(|row| {
                row.blocks.split_last().is_none_or(|(last, others)| {
                    last.len() <= width && others.iter().all(|block| block.len() == width)
                })
            })
        });
        let length = |row: &Row<'_>| row.blocks.iter().map(|block| block.len()).sum::<usize>();
        let width = rows.iter().map(length).max().unwrap_or(0);
        let wrapped =
            rows.split_last().is_none_or(|(_, others)| others.iter().all(|row| length(row) == width));
        let count = |is: fn(&Row<'_>) -> bool| rows.iter().filter(|row| is(row)).count();
        Self {
            in_blocks,
            wrapped,
            width,
            upper: count(|row| row.is_upper()),
            lower: count(|row| row.is_lower()),
            with_rare: count(|row| row.rare > 0),
        }
    }

    /// The warning about parts of different lengths that were joined, if there are such parts.
    fn warning(&self, rows: &[Row<'_>]) -> Option<Warning> {
        let what = match (self.in_blocks, self.wrapped) {
            (true, true) => return None,
            (false, _) => "parts between blanks",
            (true, false) => "lines",
        };
        let residues: usize = rows.iter().map(|row| row.letters).sum();
        let message = format!(
            "{what} of different lengths were joined to one chain of {residues} residues; begin each of \
             several chains with a line >name"
        );
        Some(Warning::new(WarningCode::IrregularLayout, message))
    }
}

// --- headers without `>` -----------------------------------------------------------------------

fn is_lost_header(rows: &[Row<'_>], at: usize, layout: &Layout) -> bool {
    let row = &rows[at];
    let is_last = at + 1 == rows.len();
    // One word in upper case may be residues: PEPTIDE.
    let may_be_residues = rows.len() == 1 && row.blocks.len() == 1 && row.is_upper() && row.rare == 0;
    if row.is_of_words() && (!is_last || row.blocks.len() > 1 || rows.len() == 1) && !may_be_residues {
        return true;
    }
    if !layout.in_blocks && row.begins_with_name() {
        return true;
    }
    if is_last || row.is_numbered || !row.is_short() {
        return false;
    }
    let others = rows.len() - 1;
    // `INSULIN` above lines in lower case, or `Human` or `human` above lines in upper case. A masked region that
    // continues in the next line is no such case.
    let other_case = if row.is_upper() { layout.lower == others } else { layout.upper == others };
    let fills_a_line = row.letters == layout.width && (rows.len() > 2 || row.letters.is_multiple_of(10));
    if other_case && !fills_a_line && row.letters <= MAX_CASE_NAME {
        return true;
    }
    let has_rare_letters = row.rare > 0 && row.rare * 10 >= row.letters && layout.with_rare == 1;
    has_rare_letters && row.letters < layout.width && rows[at + 1].letters > row.letters
}

/// Whether a line with characters that are not allowed in a sequence is a header: it looks like one, and a line
/// of residues follows.
fn is_header_line(rows: &[Row<'_>], at: usize) -> bool {
    let row = &rows[at];
    let may_be_name = |c: char| c.is_ascii_alphanumeric() || c == ' ' || "_|.:;,()[]=+/-#'\t".contains(c);
    let text = row.line.text;
    let has_sign_of_name = text.contains(['_', '|', '=', '(']) || text.contains(|c: char| c.is_ascii_digit());
    let residues_follow = rows.get(at + 1).is_some_and(|next| next.is_plain && next.letters > 0);
    let first_or_between = at == 0 || rows[..at].iter().all(|row| row.is_plain);
    residues_follow
        && first_or_between
        && row.letters >= 1
        && has_sign_of_name
        && text.chars().all(may_be_name)
}

fn lost_header(line: &Line<'_>) -> InputError {
    let detail = "this looks like a name, not like residues";
    let hint = "begin a header line with >, and put the residues on the lines after it; set force if these are residues";
    InputError::new(ErrorCode::LostHeader, detail, hint).at(line.number, 1)
}

/// The error for a line that begins with a sign that replaces `>`: escaped for HTML, or a similar character.
fn other_mark(line: &Line<'_>) -> Option<InputError> {
    let mark =
        ["&gt;", "\u{ff1e}", "\u{203a}", "\u{226b}"].into_iter().find(|mark| line.text.starts_with(mark))?;
    let detail = format!("{mark} where a FASTA header begins with >");
    Some(InputError::new(ErrorCode::LostHeader, detail, "write the sign > itself").at(line.number, 1))
}

// --- other text --------------------------------------------------------------------------------

fn words_only(line: &Line<'_>) -> InputError {
    foreign_format(
        line,
        "these are words, not residues",
        "send the sequence; set force if these are residues",
    )
}

/// The error for a peptide with the residues beside it in the protein: `K.LVNEVTEFAK.S`.
fn flanks(line: &Line<'_>) -> Option<InputError> {
    let parts: Vec<&str> = line.text.split('.').collect();
    let [before, peptide, after] = parts[..] else { return None };
    let is_flank = |part: &str| matches!(part.as_bytes(), [b] if b.is_ascii_alphabetic() || *b == b'-');
    if !is_flank(before)
        || !is_flank(after)
        || !peptide.bytes().all(|b| b.is_ascii_alphabetic())
        || peptide.len() < 2
    {
        return None;
    }
    let detail = format!("this is a peptide with its flanking residues {before}. and .{after}");
    let short: String = peptide.chars().take(60).collect();
    Some(foreign_format(line, detail, format!("send the peptide alone: {short}")))
}

/// The error for a line of secondary-structure labels that is as long as the line of residues above it.
fn labels(rows: &[Row<'_>]) -> Option<InputError> {
    let is_labels = |row: &Row<'_>| {
        let text = row.line.text.as_bytes();
        let known = text.iter().all(|b| b"HECLTSGBI-".contains(b));
        let mut kinds: Vec<u8> = text.to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        known
            && text.len() >= MIN_LABELS
            && (2..=4).contains(&kinds.len())
            && kinds.iter().any(|b| b"CL-".contains(b))
    };
    let at = (1..rows.len()).find(|&at| {
        let (above, row) = (&rows[at - 1], &rows[at]);
        above.line.text.len() == row.line.text.len() && !is_labels(above) && is_labels(row)
    })?;
    let hint = "send the residues alone; set force if these are residues";
    Some(foreign_format(&rows[at].line, "this looks like labels of secondary structure", hint))
}

/// The error for words that are separated by tabs: in several rows, or in one row whose first word is short like
/// a name.
fn tabs(rows: &[Row<'_>]) -> Option<InputError> {
    let has_tab = |row: &&Row<'_>| {
        row.blocks.windows(2).any(|pair| {
            let start = pair[1].as_ptr() as usize - row.line.whole.as_ptr() as usize;
            row.line.whole[..start].trim_end_matches(' ').ends_with('\t')
        })
    };
    let begins_with_name = |row: &Row<'_>| {
        let letters = |column: &str| column.bytes().filter(u8::is_ascii_alphabetic).count();
        let mut columns = row.line.text.split('\t').map(letters).filter(|&letters| letters > 0);
        matches!((columns.next(), columns.next()), (Some(name), Some(residues)) if name * 2 <= residues)
    };
    let several = rows.iter().filter(has_tab).count() > 1;
    let row = rows.iter().find(|row| has_tab(row) && (several || begins_with_name(row)))?;
    let hint = "send each row as a FASTA record: a line >name, then the residues";
    Some(foreign_format(&row.line, "this looks like a table with tabs", hint))
}

/// The error for rows that consist of a name and residues.
fn named_rows(rows: &[Row<'_>]) -> Option<InputError> {
    let named = |row: &&Row<'_>| {
        let [name, first, ..] = row.blocks[..] else { return false };
        name.len() * 2 <= first.len()
    };
    let several: Vec<&Row<'_>> = rows.iter().filter(|row| row.blocks.len() > 1).collect();
    if several.len() < 2 || !several.iter().all(named) {
        return None;
    }
    let hint = "send each row as a FASTA record: a line >name, then the residues";
    Some(foreign_format(
        &several[0].line,
        "this looks like rows of a name and residues, as in PHYLIP or Clustal",
        hint,
    ))
}
