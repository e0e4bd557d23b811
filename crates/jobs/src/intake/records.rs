//! The records of a FASTA input, one by one.

use std::io::{self, BufRead};

use pssp_predict::fasta::{Ids, Reader, Record};
use pssp_predict::sequence::{Cleaned, InputErrors, Warning};

use super::Rules;

/// A FASTA record that is not cleaned yet, with a warning that depends on the whole input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedRecord {
    /// The record.
    pub record: Record,
    /// The warning that an earlier record has the same id.
    pub duplicate: Option<Warning>,
}

impl NumberedRecord {
    /// Cleans the residues. The result includes all warnings.
    ///
    /// # Errors
    /// As for [`Record::clean`].
    pub fn clean(&self, rules: &Rules, force: bool) -> Result<Cleaned, InputErrors> {
        let mut cleaned = self.record.clean(&rules.clean(force))?;
        cleaned.warnings.extend(self.duplicate.clone());
        Ok(cleaned)
    }
}

/// An iterator over the records of a FASTA input. Only an I/O error ends it early.
#[derive(Debug)]
pub struct Records<R> {
    reader: Reader<R>,
    record_bytes: usize,
    ids: Ids,
    count: usize,
}

impl<R: BufRead> Records<R> {
    /// The records of `input`, which must not be compressed.
    pub fn new(input: R, rules: &Rules) -> Self {
        let record_bytes = rules.record_bytes();
        let reader = Reader::with_limit(input, record_bytes);
        Self { reader, record_bytes, ids: Ids::default(), count: 0 }
    }

    /// Continues with `input`, a separate text whose lines are counted from 1. The numbers of the records
    /// continue.
    pub fn next_part(&mut self, input: R) {
        self.reader = Reader::with_limit(input, self.record_bytes).numbered_from(self.count);
    }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = io::Result<NumberedRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.reader.next()?;
        self.count += 1;
        Some(record.map(|record| {
            let duplicate = record.id().and_then(|id| self.ids.note(id, record.number()));
            NumberedRecord { record, duplicate }
        }))
    }
}
