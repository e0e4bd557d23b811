//! Reads a whole FASTA input as a batch: each record with its cleaned sequence or its errors, in order.

use std::collections::HashMap;
use std::io::{self, BufRead};

use super::{Header, MAX_RECORD_BYTES, Reader, Record};
use crate::sequence::{
    CleanOptions, Cleaned, ErrorCode, InputError, InputErrors, Warning, WarningCode, empty_body,
};

/// Bytes of sequence lines allowed for each residue: spaces, numbering and line ends included.
const BYTES_PER_RESIDUE: usize = 16;

/// Options of [`read_all`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOptions {
    /// The maximum number of records; 1,000 by default.
    pub max_records: usize,
    /// How each sequence is cleaned.
    pub clean: CleanOptions,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self { max_records: 1_000, clean: CleanOptions::default() }
    }
}

/// The origin of a sequence of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Its position in the input, from 0.
    pub index: usize,
    /// The line on which its record begins, from 1.
    pub line: usize,
    /// Its header; `None` for text without one.
    pub header: Option<Header>,
}

impl Meta {
    /// Its id, if it has one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.header.as_ref()?.id.as_deref()
    }

    /// The text after its id, if there is any.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.header.as_ref()?.description.as_deref()
    }
}

/// Why the reading of a batch ends early.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The input could not be read (an I/O error).
    #[error("reading FASTA failed: {0}")]
    Io(#[from] io::Error),
    /// The batch as a whole is refused: it is empty or has too many records.
    #[error("{0}")]
    Input(InputError),
}

/// Remembers ids, to find duplicates.
#[derive(Debug, Default)]
pub struct Ids(HashMap<String, usize>);

impl Ids {
    /// Notes the id of `record` and warns if an earlier record had it.
    pub fn note(&mut self, record: &Record) -> Option<Warning> {
        let id = record.id()?;
        if let Some(first) = self.0.get(id) {
            let message = format!("the id {id} is also that of record {first}");
            return Some(Warning::new(WarningCode::DuplicateId, message));
        }
        self.0.insert(id.to_owned(), record.number());
        None
    }
}

/// The iterator of [`read_all`].
#[derive(Debug)]
pub struct Batch<R> {
    reader: Reader<R>,
    options: BatchOptions,
    ids: Ids,
    count: usize,
    done: bool,
}

/// Reads and cleans every record of a FASTA input.
///
/// A record that cannot be used is an inner `Err`; the records after it are read all the same. Duplicate and
/// missing ids are kept, with a warning on the cleaned sequence. The outer `Err` (no records, too many
/// records, or an I/O error) is the last item.
pub fn read_all<R: BufRead>(reader: R, options: BatchOptions) -> Batch<R> {
    let needed = options.clean.max_residues.saturating_mul(BYTES_PER_RESIDUE);
    Batch {
        reader: Reader::with_limit(reader, needed.max(MAX_RECORD_BYTES)),
        options,
        ids: Ids::default(),
        count: 0,
        done: false,
    }
}

impl<R: BufRead> Batch<R> {
    fn read(&mut self) -> Result<Option<Record>, ReadError> {
        let record = self.reader.next().transpose()?;
        match record {
            None if self.count == 0 => Err(ReadError::Input(empty_body())),
            Some(record) if record.index >= self.options.max_records => {
                Err(ReadError::Input(too_many(&record, self.options.max_records)))
            }
            record => Ok(record),
        }
    }

    fn take(&mut self, record: Record) -> (Meta, Result<Cleaned, InputErrors>) {
        self.count += 1;
        let duplicate = self.ids.note(&record);
        let cleaned = record.clean(&self.options.clean).map(|mut cleaned| {
            cleaned.warnings.extend(duplicate);
            cleaned
        });
        let Record { index, line, header, .. } = record;
        (Meta { index, line, header }, cleaned)
    }
}

impl<R: BufRead> Iterator for Batch<R> {
    type Item = Result<(Meta, Result<Cleaned, InputErrors>), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let record = self.read();
        self.done = !matches!(record, Ok(Some(_)));
        let record = record.transpose()?;
        Some(record.map(|record| self.take(record)))
    }
}

fn too_many(record: &Record, max_records: usize) -> InputError {
    InputError::new(
        ErrorCode::TooManyRecords,
        format!("more than {max_records} records in one batch"),
        "split it into several batches",
    )
    .at(record.line, None)
    .in_record(Some(record.number()))
}
