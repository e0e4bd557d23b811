//! Lines of any length in bounded memory: what a line has beyond a limit is counted and dropped.

use std::io::{self, BufRead, ErrorKind};

/// UTF-8's byte-order mark.
const BOM: &[u8; 3] = b"\xef\xbb\xbf";

/// Bytes up to a limit; whatever comes after is dropped.
#[derive(Debug)]
pub(super) struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    overflowed: bool,
}

impl Bounded {
    pub(super) const fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, overflowed: false }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = self.limit - self.bytes.len();
        // Line ends alone do not make a record too large.
        self.overflowed |= bytes.len() > room && bytes != b"\n";
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    pub(super) fn append(&mut self, other: &Self) {
        self.push(&other.bytes);
        self.overflowed |= other.overflowed;
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.overflowed = false;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) const fn overflowed(&self) -> bool {
        self.overflowed
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }
}

/// A reader that knows its line number.
#[derive(Debug)]
pub(super) struct Lines<R> {
    inner: R,
    /// The number of the line that comes next, from 1.
    pub(super) number: usize,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner, number: 1 }
    }

    /// The next byte, left where it is.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.fill()?.first().copied())
    }

    /// Skips the byte just peeked at.
    pub(super) fn skip_byte(&mut self) {
        self.inner.consume(1);
    }

    /// Moves blanks and byte-order marks at the start of a line into `lead`; says whether it took
    /// nothing else (half a byte-order mark is something else).
    pub(super) fn skip_lead(&mut self, lead: &mut Bounded) -> io::Result<bool> {
        let mut of_bom = 0;
        while let Some(byte) = self.peek()? {
            match byte {
                b' ' | b'\t' if of_bom == 0 => {}
                _ if byte == BOM[of_bom] => of_bom = (of_bom + 1) % BOM.len(),
                _ => break,
            }
            lead.push(&[byte]);
            self.skip_byte();
        }
        Ok(of_bom == 0)
    }

    /// Moves the rest of the line into `into`, without its end (CR, LF, CRLF or end of input).
    pub(super) fn read_line(&mut self, into: &mut Bounded) -> io::Result<()> {
        loop {
            let available = self.fill()?;
            if available.is_empty() {
                return Ok(());
            }
            let Some(at) = available.iter().position(|b| matches!(b, b'\n' | b'\r')) else {
                into.push(available);
                let taken = available.len();
                self.inner.consume(taken);
                continue;
            };
            into.push(&available[..at]);
            let end = available[at];
            self.inner.consume(at + 1);
            if end == b'\r' && self.peek()? == Some(b'\n') {
                self.skip_byte();
            }
            self.number += 1;
            return Ok(());
        }
    }

    fn fill(&mut self) -> io::Result<&[u8]> {
        // Asked twice because the borrow checker cannot see that the first answer is dropped.
        loop {
            match self.inner.fill_buf() {
                Ok(_) => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.inner.fill_buf()
    }
}
