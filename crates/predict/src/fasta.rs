//! A streaming reader of FASTA in bounded memory. It also reads the malformed FASTA that people send.
//!
//! An error in one record is stored in that record and does not affect the others; only I/O errors end the
//! reading. Rules for cases that FASTA does not define:
//!
//! - CR, LF and CRLF each end a line; the last line need not have a line end; byte-order marks, blanks and
//!   invisible characters before `>` are skipped;
//! - text without any `>` is one record without a header; text *before* the first `>` is a separate record
//!   with [`ErrorCode::TextBeforeHeader`];
//! - lines that begin with `;` (comments in Pearson's old format) are skipped, with a warning;
//! - a header `>P1;name` belongs to the PIR format: the line after it is a title; the record of a flat file
//!   with one entry has the entry's name;
//! - a header is cut at [`MAX_HEADER_BYTES`], a record at the reader's limit; the rest of a record that is
//!   too large is skipped up to the next `>`.
//!
//! ```
//! use pssp_predict::fasta::Reader;
//! use pssp_predict::sequence::CleanOptions;
//!
//! let text = ">a first\nMKVLT\r\nAYG\n>b\nMK?LT\n";
//! let mut records = Reader::new(text.as_bytes());
//! let a = records.next().unwrap()?;
//! assert_eq!(a.id(), Some("a"));
//! assert_eq!(a.clean(&CleanOptions::default()).unwrap().sequence.as_str(), "MKVLTAYG");
//! let b = records.next().unwrap()?;
//! assert_eq!(
//!     b.clean(&CleanOptions::default()).unwrap_err().to_string(),
//!     "record 2, line 5, column 3: '?' cannot stand in a protein sequence; remove it"
//! );
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

use crate::name::one_line;
use crate::sequence::{
    CleanOptions, Cleaned, ErrorCode, InputError, InputErrors, Place, Text, Warning, WarningCode, clean_text,
    flat_file_name, is_blank, not_utf8, pir_name, recognized_fault,
};

mod ids;
mod lines;
mod single;

pub use ids::Ids;
use lines::{Bounded, Lines};
pub use single::clean_single;

/// A header is cut at this number of bytes.
pub const MAX_HEADER_BYTES: usize = crate::name::MAX_BYTES;

/// The sequence lines of a record are cut at this number of bytes by default.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// A FASTA header, without its `>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Header {
    /// The first word; `None` if the header is empty.
    pub id: Option<String>,
    /// The text after the id; `None` if there is none.
    pub description: Option<String>,
}

impl Header {
    /// Parses the text after `>`. Control characters become blanks, so that a header is one line.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let line = one_line(text);
        let text = line.trim();
        let (id, description) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let some = |part: &str| (!part.is_empty()).then(|| part.to_owned());
        Self { id: some(id), description: some(description.trim()) }
    }
}

/// One FASTA record as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its position in the input, from 0.
    pub index: usize,
    /// The line on which it begins (its header, if it has one), from 1.
    pub line: usize,
    /// Its header; `None` for text without one.
    pub header: Option<Header>,
    /// The lines after the header, each ended by LF; cut at the reader's limit.
    pub raw: Vec<u8>,
    /// What is wrong with the record as a whole. In this case its residues are not checked.
    pub problem: Option<InputError>,
    /// Unusual things in the record that are no errors.
    pub warnings: Vec<Warning>,
    /// Whether it has a header line. If so, its residues begin on the line after the header.
    has_header: bool,
    /// Whether its header begins with a code of PIR.
    pir: bool,
}

impl Record {
    /// Its id, if it has one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.header.as_ref()?.id.as_deref()
    }

    /// Its number in messages, from 1.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.index + 1
    }

    /// Cleans its residues. Errors contain record, line and column in the whole input.
    ///
    /// # Errors
    /// [`Record::problem`] if there is one, else the errors of [`clean`](crate::sequence::clean()).
    pub fn clean(&self, options: &CleanOptions) -> Result<Cleaned, InputErrors> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone().into());
        }
        let line = self.line + usize::from(self.has_header);
        let place = Place { record: Some(self.number()), line };
        let mut cleaned = clean_text(Text { raw: &self.raw, place, pir: self.pir }, options)?;
        cleaned.warnings.extend(self.warnings.iter().cloned());
        Ok(cleaned)
    }
}

/// Reads records one by one from a buffered reader. Gzip must be unpacked before.
#[derive(Debug)]
pub struct Reader<R> {
    lines: Lines<R>,
    index: usize,
    max_record_bytes: usize,
    /// The line that was read last.
    line: Bounded,
    /// The line number of the header in [`Self::line`], if that line is a header.
    header: Option<usize>,
    /// Whether an I/O error has ended the reading.
    failed: bool,
}

impl<R: BufRead> Reader<R> {
    /// A reader that keeps up to [`MAX_RECORD_BYTES`] of each record.
    pub fn new(inner: R) -> Self {
        Self::with_limit(inner, MAX_RECORD_BYTES)
    }

    /// A reader that keeps up to `max_record_bytes` of each record.
    pub fn with_limit(inner: R, max_record_bytes: usize) -> Self {
        // A line may also be a header. A header needs room beyond its limit, to show that it is too long.
        let line = Bounded::new(max_record_bytes.max(2 * MAX_HEADER_BYTES));
        Self { lines: Lines::new(inner), index: 0, max_record_bytes, line, header: None, failed: false }
    }

    /// The same reader, but its first record has this index (from 0), as a part of a larger input.
    #[must_use]
    pub const fn numbered_from(mut self, index: usize) -> Self {
        self.index = index;
        self
    }

    fn next_record(&mut self) -> io::Result<Option<Record>> {
        let mut comments = 0;
        let begin = match self.header.take() {
            Some(line) => Begin::with_header(line, &self.line),
            None => {
                // Only the first record can begin without a header: `read_body` stops at headers.
                let mut body = Body::new(self.max_record_bytes, self.lines.number);
                self.read_body(&mut body)?;
                if body.has_text() {
                    let begin = Begin::without_header(&body, self.header.is_some());
                    return Ok(Some(self.finish(begin, body)));
                }
                comments = body.comments;
                let Some(line) = self.header.take() else { return Ok(None) };
                Begin::with_header(line, &self.line)
            }
        };
        let mut body = Body::new(self.max_record_bytes, self.lines.number);
        body.comments = comments;
        self.read_body(&mut body)?;
        Ok(Some(self.finish(begin, body)))
    }

    /// Reads lines up to the next header or the end. The header stays in [`Self::line`].
    fn read_body(&mut self, body: &mut Body) -> io::Result<()> {
        loop {
            let number = self.lines.number;
            self.line.clear();
            if !self.lines.read_line(&mut self.line)? {
                return Ok(());
            }
            match first_visible(self.line.bytes()) {
                Some(b'>') => {
                    self.header = Some(number);
                    return Ok(());
                }
                Some(b';') => body.comments += 1,
                first => {
                    if first.is_some() && body.first_text_line.is_none() {
                        body.first_text_line = Some(number);
                    }
                    body.text.append(&self.line);
                }
            }
            // A comment line becomes an empty line, so that later line numbers are right.
            body.text.push(b"\n");
        }
    }

    fn finish(&mut self, begin: Begin, body: Body) -> Record {
        let index = self.index;
        self.index += 1;
        let mut warnings = begin.warnings;
        let mut header = begin.header;
        let pir = header.as_mut().is_some_and(|header| read_pir_header(header, body.text.bytes()));
        if header.is_none() {
            header = flat_file_name(body.text.bytes()).map(|id| Header { id: Some(id), description: None });
        }
        let has_header = pir || begin.has_header;
        if header.as_ref().is_none_or(|h| h.id.is_none()) {
            let message = format!("record {} has no id", index + 1);
            warnings.push(Warning::new(WarningCode::MissingId, message));
        }
        if body.comments > 0 {
            let plural = if body.comments == 1 { "" } else { "s" };
            let message = format!("{} comment line{plural} left out", body.comments);
            warnings.push(Warning::new(WarningCode::CommentIgnored, message));
        }
        let problem = begin.problem.or_else(|| body.too_large(begin.line));
        Record {
            index,
            line: begin.line,
            header,
            has_header,
            pir,
            raw: body.text.into_bytes(),
            problem: problem.map(|p| p.in_record(index + 1)),
            warnings,
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let record = self.next_record();
        self.failed = record.is_err();
        record.transpose()
    }
}

/// How a record begins.
struct Begin {
    line: usize,
    has_header: bool,
    header: Option<Header>,
    problem: Option<InputError>,
    warnings: Vec<Warning>,
}

impl Begin {
    fn without_header(body: &Body, header_follows: bool) -> Self {
        let problem = || {
            let place = Place { record: None, line: body.line };
            if let Some(fault) = recognized_fault(body.text.bytes(), place) {
                return fault;
            }
            let detail = "text before the first FASTA header";
            let hint = "begin the record with a line >name, or remove the text";
            let line = body.first_text_line.unwrap_or(body.line);
            InputError::new(ErrorCode::TextBeforeHeader, detail, hint).at(line, Some(1))
        };
        let problem = header_follows.then(problem);
        Self { line: body.line, has_header: false, header: None, problem, warnings: Vec::new() }
    }

    /// `line` begins with `>`, perhaps after blanks.
    fn with_header(number: usize, line: &Bounded) -> Self {
        let at = line.bytes().iter().position(|&b| b == b'>').map_or(0, |at| at + 1);
        let (before, text) = line.bytes().split_at(at);
        let is_cut = text.len() > MAX_HEADER_BYTES || line.overflowed();
        let text = &text[..text.len().min(MAX_HEADER_BYTES)];
        let column = String::from_utf8_lossy(before).trim_start_matches('\u{feff}').chars().count() + 1;
        let (parsed, problem) = match parse_header(text, is_cut) {
            Ok(header) => (header, None),
            Err((fault, at)) => {
                let column = column + String::from_utf8_lossy(&text[..at]).chars().count();
                (Header::default(), Some(fault.at(number, column)))
            }
        };
        let mut warnings = Vec::new();
        if is_cut {
            let message = format!("the header was cut to {MAX_HEADER_BYTES} bytes");
            warnings.push(Warning::new(WarningCode::HeaderCut, message));
        }
        Self { line: number, has_header: true, header: Some(parsed), problem, warnings }
    }
}

/// The first byte of a line that is neither white space nor invisible.
fn first_visible(line: &[u8]) -> Option<u8> {
    let first = line.iter().find(|b| !matches!(b, b' ' | b'\t'))?;
    if first.is_ascii_graphic() {
        return Some(*first);
    }
    for chunk in line.utf8_chunks() {
        if let Some(at) = chunk.valid().find(|c| !is_blank(c)) {
            return chunk.valid()[at..].bytes().next();
        }
        if let Some(&byte) = chunk.invalid().first() {
            return Some(byte);
        }
    }
    None
}

/// If `header` is a header of PIR, sets its id and description: the id follows a code, the description is the
/// first line of `body`. Returns whether it is one.
fn read_pir_header(header: &mut Header, body: &[u8]) -> bool {
    let whole = [header.id.as_deref().unwrap_or_default(), header.description.as_deref().unwrap_or_default()];
    let whole = whole.join(" ");
    let Some(name) = pir_name(&whole) else { return false };
    let title = body.split(|&b| b == b'\n').next().unwrap_or_default();
    let title = String::from_utf8_lossy(&title[..title.len().min(MAX_HEADER_BYTES)]);
    let title = one_line(&title).trim().to_owned();
    *header = Header {
        id: (!name.is_empty()).then(|| name.to_owned()),
        description: (!title.is_empty()).then_some(title),
    };
    true
}

/// Parses the text after `>`. An error comes with its byte position.
fn parse_header(text: &[u8], is_cut: bool) -> Result<Header, (InputError, usize)> {
    if let Some(at) = text.iter().position(|&b| b == 0) {
        let detail = "a NUL character in the header, so this is a binary file or UTF-16 text";
        return Err((InputError::new(ErrorCode::Nul, detail, "save the file as plain UTF-8 text"), at));
    }
    match std::str::from_utf8(text) {
        Ok(text) => Ok(Header::parse(text)),
        // The cut may be inside a character.
        Err(e) if is_cut && e.error_len().is_none() => {
            Ok(Header::parse(&String::from_utf8_lossy(&text[..e.valid_up_to()])))
        }
        Err(e) => {
            let at = e.valid_up_to();
            let mut error = not_utf8(text, at, Place { record: None, line: 1 }).first().clone();
            error.detail = "the header is not UTF-8".to_owned();
            Err((error, at))
        }
    }
}

/// The sequence lines of a record.
struct Body {
    text: Bounded,
    line: usize,
    first_text_line: Option<usize>,
    comments: usize,
}

impl Body {
    fn new(limit: usize, line: usize) -> Self {
        Self { text: Bounded::new(limit), line, first_text_line: None, comments: 0 }
    }

    fn has_text(&self) -> bool {
        self.first_text_line.is_some()
    }

    fn too_large(&self, line: usize) -> Option<InputError> {
        self.text.overflowed().then(|| {
            let detail = format!("the record is larger than {} bytes", self.text.limit());
            let hint = "send its chains or domains one by one";
            InputError::new(ErrorCode::TooLong, detail, hint).at(line, None)
        })
    }
}
