//! The records of a FASTA input, one by one.

use std::io::{self, BufRead};

use pssp_predict::fasta::{Ids, Reader, Record};
use pssp_predict::sequence::{Cleaned, InputErrors, Warning};

use super::Rules;

/// A FASTA record, not cleaned yet, with what only the whole input shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedRecord {
    /// The record.
    pub record: Record,
    /// That an earlier record has the same id.
    pub duplicate: Option<Warning>,
}

impl NumberedRecord {
    /// Cleans its residues. All its warnings are with them.
    ///
    /// # Errors
    /// As for [`Record::clean`].
    pub fn clean(&self, rules: &Rules, force: bool) -> Result<Cleaned, InputErrors> {
        let mut cleaned = self.record.clean(&rules.clean(force))?;
        cleaned.warnings.extend(self.duplicate.clone());
        Ok(cleaned)
    }
}

/// The iterator over the records of a FASTA input. Only I/O errors end it early.
#[derive(Debug)]
pub struct Records<R> {
    reader: Reader<R>,
    record_bytes: usize,
    ids: Ids,
    count: usize,
}

impl<R: BufRead> Records<R> {
    /// The records of `input`, which is unpacked already.
    pub fn new(input: R, rules: &Rules) -> Self {
        let record_bytes = rules.record_bytes();
        let reader = Reader::with_limit(input, record_bytes);
        Self { reader, record_bytes, ids: Ids::default(), count: 0 }
    }

    /// Goes on with `input`, a text of its own whose lines are counted from 1. The numbers of the records go
    /// on.
    pub fn next_part(&mut self, input: R) {
        self.reader = Reader::with_limit(input, self.record_bytes).numbered_from(self.count);
    }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = io::Result<NumberedRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.reader.next()?;
        self.count += 1;
        Some(record.map(|record| NumberedRecord { duplicate: self.ids.note(&record), record }))
    }
}
