//! Writing an archive.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use pssp_jobs::Entry;
use sha2::{Digest, Sha256};

use super::line::{ChunkLine, Line};
use super::read::Position;
use super::{ArchiveError, CHUNK_BYTES, End, Header, NO_CHUNK};
use crate::totals::Totals;

/// Writes an archive, chunk by chunk.
pub struct Writer<W: Write> {
    output: W,
    /// The text of the chunk in the making.
    text: Vec<u8>,
    chunk_bytes: usize,
    lines: u64,
    chunks: u64,
    digest: [u8; 32],
    end: End,
}

impl<W: Write> Writer<W> {
    /// Begins an archive.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn begin(output: W, header: &Header) -> Result<Self, ArchiveError> {
        let position = Position { digest: NO_CHUNK, ..Position::default() };
        let mut writer = Self::resume(output, position);
        writer.line(&Line::Archive(header.clone()))?;
        Ok(writer)
    }

    /// Goes on with an archive that was cut short. `output` is at the end of its last whole chunk.
    pub fn resume(output: W, position: Position) -> Self {
        let Position { chunks, digest, totals, damaged, .. } = position;
        let end = End { totals, damaged };
        Self { output, text: Vec::new(), chunk_bytes: CHUNK_BYTES, lines: 0, chunks, digest, end }
    }

    /// Makes chunks of about so much text, instead of 4 MiB.
    #[must_use]
    pub fn with_chunks_of(self, bytes: usize) -> Self {
        Self { chunk_bytes: bytes, ..self }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn add(&mut self, entry: &Entry) -> Result<(), ArchiveError> {
        if let Some(line) = Line::of(entry) {
            self.line(&line)?;
            self.end.totals.add(entry);
        }
        Ok(())
    }

    /// Notes a record that the store could not read.
    pub fn add_damaged(&mut self, what: String) {
        self.end.damaged.push(what);
    }

    /// Says that the scan goes on at `next`, so that the export can be resumed there. Ends the chunk if it is large
    /// enough.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn checkpoint(&mut self, next: &str) -> Result<(), ArchiveError> {
        if self.text.len() >= self.chunk_bytes { self.chunk(Some(next.to_owned())) } else { Ok(()) }
    }

    /// What was added so far.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.end.totals
    }

    /// Ends the archive, and returns the output and what was added.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn finish(mut self) -> Result<(W, End), ArchiveError> {
        self.line(&Line::End(self.end.clone()))?;
        self.chunk(None)?;
        self.output.flush()?;
        Ok((self.output, self.end))
    }

    fn line(&mut self, line: &Line) -> Result<(), ArchiveError> {
        serde_json::to_writer(&mut self.text, line).map_err(std::io::Error::from)?;
        self.text.push(b'\n');
        self.lines += 1;
        Ok(())
    }

    fn chunk(&mut self, next: Option<String>) -> Result<(), ArchiveError> {
        self.digest = Sha256::new().chain_update(self.digest).chain_update(&self.text).finalize().into();
        self.chunks += 1;
        let sha256 = base16ct::lower::encode_string(&self.digest);
        let (number, lines) = (self.chunks, self.lines);
        self.line(&Line::Chunk(ChunkLine { number, lines, sha256, next }))?;
        let mut encoder = GzEncoder::new(&mut self.output, Compression::new(4));
        encoder.write_all(&self.text)?;
        encoder.finish()?;
        self.output.flush()?;
        self.text.clear();
        self.lines = 0;
        Ok(())
    }
}
