//! Lines of any length in bounded memory: what a line has beyond a limit is counted and dropped.

use std::io::{self, BufRead, ErrorKind};

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

    /// Appends the next line, without its end (CR, LF, CRLF or end of input), to `into`; returns
    /// whether there was one.
    pub(super) fn read_line(&mut self, into: &mut Bounded) -> io::Result<bool> {
        let mut found = false;
        loop {
            let available = self.fill()?;
            if available.is_empty() {
                return Ok(found);
            }
            found = true;
            let Some(at) = available.iter().position(|b| matches!(b, b'\n' | b'\r')) else {
                into.push(available);
                let taken = available.len();
                self.inner.consume(taken);
                continue;
            };
            into.push(&available[..at]);
            let end = available[at];
            self.inner.consume(at + 1);
            if end == b'\r' && self.fill()?.first() == Some(&b'\n') {
                self.inner.consume(1);
            }
            self.number += 1;
            return Ok(true);
        }
    }

    fn fill(&mut self) -> io::Result<&[u8]> {
        // Called twice because the borrow checker cannot see that the first result is dropped.
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
