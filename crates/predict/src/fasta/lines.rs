//! Reads lines of any length in bounded memory: the bytes of a line beyond a limit are dropped.

use std::io::{self, BufRead, ErrorKind};

/// Bytes up to a limit. Further bytes are dropped.
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

/// A reader of lines that counts them.
#[derive(Debug)]
pub(super) struct Lines<R> {
    inner: R,
    /// The number of the next line, from 1.
    pub(super) number: usize,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner, number: 1 }
    }

    /// Appends the next line to `into`, without its end (CR, LF, CRLF or end of input). Returns whether there
    /// was a line.
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
        // `fill_buf` is called twice, because the borrow checker does not accept to return the first result.
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
