//! Reading an archive.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use pssp_jobs::Entry;
use sha2::{Digest, Sha256};

use super::line::{ChunkLine, Line};
use super::{ArchiveError, End, FORMAT, Header, MAX_CHUNK_BYTES, NO_CHUNK};
use crate::totals::Totals;

/// How far an archive is whole, and what it has up to there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// Whole chunks.
    pub chunks: u64,
    /// Where the last of them ends in the file.
    pub offset: u64,
    /// Where the scan of the store goes on. `None`: the archive is complete, or has no whole chunk.
    pub next: Option<String>,
    /// What the chunks have.
    pub totals: Totals,
    /// Records that the store could not read. Known only at the end of a complete archive.
    pub damaged: Vec<String>,
    pub(super) digest: [u8; 32],
}

/// A chunk whose digest was checked.
#[derive(Debug)]
pub struct Chunk {
    /// Its number, from 1.
    pub number: u64,
    /// Its entries.
    pub entries: Vec<Entry>,
    /// The end of the archive, in its last chunk.
    pub end: Option<End>,
}

/// Reads an archive chunk by chunk, and checks each before it gives out what it has.
pub struct Reader<R: BufRead> {
    input: Counted<R>,
    header: Header,
    /// The entries of the first chunk, which was read for the header.
    first: Option<Chunk>,
    position: Position,
    done: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the beginning of an archive.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn open(input: R) -> Result<Self, ArchiveError> {
        let mut input = Counted { input, count: 0 };
        if !input.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
            return Err(ArchiveError::Foreign("it does not begin like a gzip file".to_owned()));
        }
        let mut reader = Self {
            input,
            header: Header::unread(),
            first: None,
            position: Position { digest: NO_CHUNK, ..Position::default() },
            done: false,
        };
        reader.first = reader.read_chunk()?;
        Ok(reader)
    }

    /// What the archive says of itself.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// How far the archive was read.
    #[must_use]
    pub const fn position(&self) -> &Position {
        &self.position
    }

    /// The next chunk; `None` after the last one.
    ///
    /// # Errors
    /// [`ArchiveError`]. The chunks before are whole.
    pub fn chunk(&mut self) -> Result<Option<Chunk>, ArchiveError> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.read_chunk(),
        }
    }

    /// Reads all, and returns the end of the archive.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn verify(mut self) -> Result<(Header, End), ArchiveError> {
        let mut end = None;
        while let Some(chunk) = self.chunk()? {
            end = chunk.end;
        }
        Ok((self.header, end.unwrap_or_default()))
    }

    fn read_chunk(&mut self) -> Result<Option<Chunk>, ArchiveError> {
        let number = self.position.chunks + 1;
        let offset = self.input.count;
        let damaged = |why: String| ArchiveError::Damaged { chunk: number, offset, why };
        let truncated = ArchiveError::Truncated { chunks: self.position.chunks, offset };
        if self.input.fill_buf()?.is_empty() {
            return if self.done { Ok(None) } else { Err(truncated) };
        }
        if self.done {
            return Err(damaged("more follows after the end of the archive".to_owned()));
        }
        let mut text = Vec::new();
        let limit = MAX_CHUNK_BYTES as u64 + 1;
        match GzDecoder::new(&mut self.input).take(limit).read_to_end(&mut text) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(truncated),
            Err(error) if is_of_data(&error) => return Err(damaged(error.to_string())),
            Err(error) => return Err(error.into()),
        }
        if text.len() > MAX_CHUNK_BYTES {
            return Err(damaged(format!("it has more than {MAX_CHUNK_BYTES} bytes of text")));
        }
        let (body, last) = split_last_line(&text).ok_or_else(|| damaged("it has no last line".to_owned()))?;
        let Ok(Line::Chunk(chunk)) = serde_json::from_slice(last) else {
            return Err(if number == 1 {
                ArchiveError::Foreign("its first part has not the form of a chunk".to_owned())
            } else {
                damaged("its last line does not say what it has".to_owned())
            });
        };
        let digest: [u8; 32] =
            Sha256::new().chain_update(self.position.digest).chain_update(body).finalize().into();
        self.check(&chunk, number, &digest, body).map_err(damaged)?;
        let mut found = Chunk { number, entries: Vec::new(), end: None };
        for (n, line) in body.split_inclusive(|byte| *byte == b'\n').enumerate() {
            self.take_line(&mut found, number == 1 && n == 0, line).map_err(|why| match why {
                LineError::Later(error) => error,
                LineError::Bad(why) => damaged(format!("line {}: {why}", n + 1)),
            })?;
        }
        if chunk.next.is_some() == found.end.is_some() {
            return Err(damaged("it does not say how the archive goes on".to_owned()));
        }
        self.done = found.end.is_some();
        let position = &mut self.position;
        (position.chunks, position.offset, position.next) = (number, self.input.count, chunk.next);
        position.digest = digest;
        Ok(Some(found))
    }

    fn check(&self, chunk: &ChunkLine, number: u64, digest: &[u8; 32], body: &[u8]) -> Result<(), String> {
        if chunk.number != number {
            return Err(format!("it is chunk {} of an archive", chunk.number));
        }
        if chunk.sha256 != base16ct::lower::encode_string(digest) {
            return Err("its SHA-256 is another one, or a chunk before it is of another archive".to_owned());
        }
        let lines = body.iter().filter(|byte| **byte == b'\n').count() as u64;
        if chunk.lines != lines {
            return Err(format!("it has {lines} lines and says {}", chunk.lines));
        }
        Ok(())
    }

    fn take_line(&mut self, found: &mut Chunk, first: bool, line: &[u8]) -> Result<(), LineError> {
        if found.end.is_some() {
            return Err(LineError::Bad("it comes after the end".to_owned()));
        }
        if first {
            self.header = header(line)?;
            return Ok(());
        }
        match serde_json::from_slice(line).map_err(|error| LineError::Bad(error.to_string()))? {
            Line::End(end) => {
                if end.totals != self.position.totals {
                    return Err(LineError::Bad(format!(
                        "the archive says that it has {}, and it has {}",
                        end.totals, self.position.totals
                    )));
                }
                self.position.damaged.clone_from(&end.damaged);
                found.end = Some(end);
            }
            line => {
                let entry = line.entry().map_err(LineError::Bad)?;
                self.position.totals.add(&entry);
                found.entries.push(entry);
            }
        }
        Ok(())
    }
}

enum LineError {
    Bad(String),
    Later(ArchiveError),
}

/// The header. A later format may have other fields, so its number is read alone first.
fn header(line: &[u8]) -> Result<Header, LineError> {
    #[derive(serde::Deserialize)]
    struct Any {
        archive: Format,
    }
    #[derive(serde::Deserialize)]
    struct Format {
        format: u32,
        #[serde(default)]
        program: String,
    }
    let bad = |error: serde_json::Error| LineError::Bad(error.to_string());
    let Format { format, program } = serde_json::from_slice::<Any>(line).map_err(bad)?.archive;
    if format > FORMAT {
        return Err(LineError::Later(ArchiveError::Later { found: format, program }));
    }
    match serde_json::from_slice(line).map_err(bad)? {
        Line::Archive(header) => Ok(header),
        _ => Err(LineError::Bad("it is no header".to_owned())),
    }
}

/// Whether the error says that the bytes are wrong, not that they cannot be read.
fn is_of_data(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
}

/// All lines but the last one, with their ends, and the last one.
fn split_last_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let whole = text.strip_suffix(b"\n")?;
    let at = whole.iter().rposition(|byte| *byte == b'\n')? + 1;
    Some((&text[..at], &whole[at..]))
}

/// Counts the bytes that are taken.
struct Counted<R> {
    input: R,
    count: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.count += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.count += amount as u64;
        self.input.consume(amount);
    }
}
