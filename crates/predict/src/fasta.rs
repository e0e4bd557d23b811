//! A streaming reader of FASTA in bounded memory, including the malformed kind that people send.
//!
//! What is wrong with one record is a value on that record and never sinks the others; only I/O
//! errors end the reading. Rules where FASTA has none:
//!
//! - CR, LF and CRLF each end a line; a missing last line end is fine; a byte-order mark or blanks
//!   before `>` are skipped;
//! - text without any `>` is one record without a header; text *before* the first `>` is a record
//!   of its own with [`ErrorCode::TextBeforeHeader`];
//! - lines that begin with `;` (comments in Pearson's old format) are left out, with a warning;
//! - a header is kept up to [`MAX_HEADER_BYTES`], a record up to the reader's limit; the rest of
//!   a record that is too large is skipped up to the next `>`.
//!
//! ```
//! use pssp_predict::fasta::{BatchOptions, read_all};
//!
//! let text = ">a first\nMKVLT\r\nAYG\n>b\nMK?LT\n";
//! let mut records = read_all(text.as_bytes(), BatchOptions::default());
//! let (a, cleaned) = records.next().unwrap()?;
//! assert_eq!(a.id(), Some("a"));
//! assert_eq!(cleaned.unwrap().sequence.as_str(), "MKVLTAYG");
//! let (_, errors) = records.next().unwrap()?;
//! assert_eq!(
//!     errors.unwrap_err().to_string(),
//!     "record 2, line 5, column 3: '?' cannot stand in a protein sequence; remove it"
//! );
//! # Ok::<(), pssp_predict::fasta::ReadError>(())
//! ```

use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

use crate::name::one_line;
use crate::sequence::{
    CleanOptions, Cleaned, ErrorCode, InputError, InputErrors, Place, Warning, WarningCode, clean_at,
    not_utf8,
};

mod batch;
mod lines;

pub use batch::{Batch, BatchOptions, Ids, Meta, ReadError, read_all};
use lines::{Bounded, Lines};

/// Bytes of a header that are kept.
pub const MAX_HEADER_BYTES: usize = crate::name::MAX_BYTES;

/// Bytes of a record's sequence lines that are kept, unless told otherwise.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// A FASTA header, without its `>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Header {
    /// The first word; `None` if the header is empty.
    pub id: Option<String>,
    /// What follows the id; `None` if nothing does.
    pub description: Option<String>,
}

impl Header {
    /// Parses the text after `>`. Control characters become blanks, so a header stays one line.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let line = one_line(text);
        let text = line.trim();
        let (id, description) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let some = |part: &str| (!part.is_empty()).then(|| part.to_owned());
        Self { id: some(id), description: some(description.trim()) }
    }
}

/// One FASTA record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the input, from 0.
    pub index: usize,
    /// The line on which it begins (its header, if it has one), from 1.
    pub line: usize,
    /// Its header; `None` for text without one.
    pub header: Option<Header>,
    /// The lines after the header, each ended by LF; cut at the reader's limit.
    pub raw: Vec<u8>,
    /// What is wrong with the record as such; its residues are not looked at then.
    pub problem: Option<InputError>,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
}

impl Record {
    /// Its id, if it has one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.header.as_ref()?.id.as_deref()
    }

    /// Its number for people, from 1.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.index + 1
    }

    /// Cleans its residues; errors tell record, line and column in the whole input.
    ///
    /// # Errors
    /// [`Record::problem`] if there is one, or what [`clean`](crate::sequence::clean()) finds.
    pub fn clean(&self, options: &CleanOptions) -> Result<Cleaned, InputErrors> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone().into());
        }
        let line = self.line + usize::from(self.header.is_some());
        let place = Place { record: Some(self.number()), line };
        let mut cleaned = clean_at(&self.raw, options, place)?;
        cleaned.warnings.extend(self.warnings.iter().cloned());
        Ok(cleaned)
    }
}

/// Reads records one by one from anything buffered (unpack gzip before).
#[derive(Debug)]
pub struct Reader<R> {
    lines: Lines<R>,
    index: usize,
    max_record_bytes: usize,
}

impl<R: BufRead> Reader<R> {
    /// A reader that keeps up to [`MAX_RECORD_BYTES`] of each record.
    pub fn new(inner: R) -> Self {
        Self::with_limit(inner, MAX_RECORD_BYTES)
    }

    /// A reader that keeps up to `max_record_bytes` of each record.
    pub fn with_limit(inner: R, max_record_bytes: usize) -> Self {
        Self { lines: Lines::new(inner), index: 0, max_record_bytes }
    }

    /// The same, where the first record is the one at `index` (from 0) of a larger input.
    #[must_use]
    pub const fn numbered_from(mut self, index: usize) -> Self {
        self.index = index;
        self
    }

    /// The same, where the input begins on `line` (from 1) of a larger one.
    #[must_use]
    pub(crate) fn starting_at(mut self, line: usize) -> Self {
        self.lines.number = line;
        self
    }

    fn next_record(&mut self) -> io::Result<Option<Record>> {
        let mut body = Body::new(self.max_record_bytes, self.lines.number);
        // Only the first record can begin without a header: `read_body` stops at headers.
        let next_is_header = self.read_body(&mut body)?;
        if body.has_text() {
            return Ok(Some(self.finish(Begin::without_header(&body, next_is_header), body)));
        }
        if !next_is_header {
            return Ok(None);
        }
        let begin = self.read_header()?;
        let mut body = Body::new(self.max_record_bytes, self.lines.number);
        self.read_body(&mut body)?;
        Ok(Some(self.finish(begin, body)))
    }

    fn read_header(&mut self) -> io::Result<Begin> {
        let line = self.lines.number;
        let mut text = Bounded::new(MAX_HEADER_BYTES);
        self.lines.skip_byte();
        self.lines.read_line(&mut text)?;
        Ok(Begin::with_header(line, &text))
    }

    /// Reads lines up to the next header or the end; says which it was.
    fn read_body(&mut self, body: &mut Body) -> io::Result<bool> {
        let mut lead = Bounded::new(self.max_record_bytes);
        loop {
            let line = self.lines.number;
            lead.clear();
            let blank = self.lines.skip_lead(&mut lead)?;
            match self.lines.peek()? {
                Some(b'>') if blank => return Ok(true),
                Some(b';') if blank => {
                    body.comments += 1;
                    self.lines.read_line(&mut Bounded::new(0))?;
                }
                next => {
                    body.text.append(&lead);
                    if next.is_none() {
                        return Ok(false);
                    }
                    let at_end_of_line = matches!(next, Some(b'\n' | b'\r'));
                    if !at_end_of_line && body.first_text_line.is_none() {
                        body.first_text_line = Some(line);
                    }
                    self.lines.read_line(&mut body.text)?;
                }
            }
            // Comment lines leave an empty line behind, so that later places stay right.
            body.text.push(b"\n");
        }
    }

    fn finish(&mut self, begin: Begin, body: Body) -> Record {
        let index = self.index;
        self.index += 1;
        let mut warnings = begin.warnings;
        if begin.header.as_ref().is_none_or(|h| h.id.is_none()) {
            let message = format!("record {} has no id", index + 1);
            warnings.push(Warning::new(WarningCode::MissingId, message));
        }
        if body.comments > 0 {
            let message = format!("{} comment line(s) left out", body.comments);
            warnings.push(Warning::new(WarningCode::CommentIgnored, message));
        }
        let problem = begin.problem.or_else(|| body.too_large(begin.line));
        Record {
            index,
            line: begin.line,
            header: begin.header,
            raw: body.text.into_bytes(),
            problem: problem.map(|p| p.in_record(index + 1)),
            warnings,
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}

/// How a record begins.
struct Begin {
    line: usize,
    header: Option<Header>,
    problem: Option<InputError>,
    warnings: Vec<Warning>,
}

impl Begin {
    fn without_header(body: &Body, header_follows: bool) -> Self {
        let problem = || {
            let detail = "text before the first FASTA header";
            let hint = "begin the record with a line >name, or remove the text";
            let line = body.first_text_line.unwrap_or(body.line);
            InputError::new(ErrorCode::TextBeforeHeader, detail, hint).at(line, Some(1))
        };
        Self { line: body.line, header: None, problem: header_follows.then(problem), warnings: Vec::new() }
    }

    fn with_header(line: usize, text: &Bounded) -> Self {
        let (parsed, problem) = match parse_header(text, line) {
            Ok(header) => (header, None),
            Err(problem) => (Header::default(), Some(problem)),
        };
        let mut warnings = Vec::new();
        if text.overflowed() {
            let message = format!("the header was cut to {MAX_HEADER_BYTES} bytes");
            warnings.push(Warning::new(WarningCode::HeaderCut, message));
        }
        Self { line, header: Some(parsed), problem, warnings }
    }
}

fn parse_header(text: &Bounded, line: usize) -> Result<Header, InputError> {
    let bytes = text.bytes();
    if let Some(at) = bytes.iter().position(|&b| b == 0) {
        let hint = "save the file as plain UTF-8 text";
        let error = InputError::new(ErrorCode::Nul, "a NUL character in the header", hint);
        // The `>` is column 1.
        return Err(error.at(line, Some(String::from_utf8_lossy(&bytes[..at]).chars().count() + 2)));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Header::parse(text)),
        // The cut may have gone through a character.
        Err(e) if text.overflowed() && e.error_len().is_none() => {
            Ok(Header::parse(&String::from_utf8_lossy(&bytes[..e.valid_up_to()])))
        }
        Err(e) => {
            let place = Place { record: None, line };
            let mut error = not_utf8(bytes, e.valid_up_to(), place).first().clone();
            error.detail = "the header is not UTF-8".to_owned();
            error.column = error.column.map(|c| c + 1);
            Err(error)
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
