//! Batches: FASTA, or a list of names and sequences. A record with an error does not affect the others.
//!
//! A batch is read twice: first to check every record ([`ParsedBatch`]), then to make the jobs ([`BatchJobs`]). In
//! between only the input is in memory, not the cleaned records, which may be many times larger.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use pssp_predict::fasta::Ids;
use pssp_predict::name;
use pssp_predict::sequence::{
    Cleaned, ErrorCode, InputError, InputErrors, Warning, WarningCode, clean_single,
};

use super::{IntakeError, Records, Rules, new_job};
use crate::batch::BatchItem;
use crate::digest::FieldDigest;
use crate::service::NewJob;

/// Most errors that are returned for a batch in which no record can be used.
const MAX_ERRORS: usize = 20;

/// A batch whose records were all checked.
#[derive(Debug)]
pub struct ParsedBatch {
    /// The records in the order of the input: the length of each that can be used, in residues, and the errors of
    /// each that cannot.
    pub outline: Vec<Result<usize, BatchItem>>,
    /// Digest of names, texts and options as the caller sent them, for an idempotency key.
    pub digest: [u8; 32],
    /// The jobs of the records that can be used, in order. They are made one by one.
    pub jobs: BatchJobs,
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// A name and a sequence, which is residues alone or a FASTA record.
    Record {
        /// The name that the caller gives, if any.
        name: Option<String>,
        /// The text. A missing text counts as empty.
        sequence: String,
    },
    /// An entry that is not a record, and the reason.
    Other {
        /// The error.
        detail: String,
        /// What to send instead.
        hint: String,
    },
}

/// A list of records in any form.
pub trait List: fmt::Debug + Send + Sync {
    /// The entry at `index`, from 0. `None` after the last one. The same for each call.
    fn entry(&self, index: usize) -> Option<Listed>;
}

impl List for Vec<Listed> {
    fn entry(&self, index: usize) -> Option<Listed> {
        self.get(index).cloned()
    }
}

impl Rules {
    /// Checks the records of FASTA texts, in order. The elements of `parts` are separate texts: a record ends at
    /// the end of its part, and lines are counted from the beginning of the part.
    ///
    /// # Errors
    /// [`IntakeError::TooManyRecords`], [`IntakeError::NoneUsable`], [`IntakeError::Empty`].
    pub fn batch(&self, parts: Vec<Bytes>, force: bool) -> Result<ParsedBatch, IntakeError> {
        self.check(Input::Fasta(parts.into()), force)
    }

    /// Checks the entries of a list, in order.
    ///
    /// # Errors
    /// As for [`Rules::batch`].
    pub fn list(&self, list: impl List + 'static, force: bool) -> Result<ParsedBatch, IntakeError> {
        self.check(Input::List(Arc::new(list)), force)
    }

    fn check(&self, input: Input, force: bool) -> Result<ParsedBatch, IntakeError> {
        let mut outline = Vec::new();
        let mut digest = FieldDigest::of("batch").flag(force);
        for Entry { name, input, cleaned, line } in Entries::new(input.clone(), *self, force) {
            if outline.len() >= self.max_records {
                return Err(too_many(self.max_records, line));
            }
            digest = digest.optional(name.as_deref()).bytes(&input);
            outline.push(match cleaned {
                Ok(cleaned) => Ok(cleaned.sequence.len()),
                Err(errors) => Err(BatchItem::Rejected { name, errors }),
            });
        }
        if outline.is_empty() {
            return Err(IntakeError::Empty);
        }
        if outline.iter().any(Result::is_ok) {
            let jobs = BatchJobs(Entries::new(input, *self, force));
            return Ok(ParsedBatch { outline, digest: digest.finish(), jobs });
        }
        let records = outline.len();
        let rejected = outline.into_iter().filter_map(|record| match record {
            Err(BatchItem::Rejected { errors, .. }) => errors.into_iter().next(),
            _ => None,
        });
        Err(IntakeError::NoneUsable { records, errors: rejected.take(MAX_ERRORS).collect() })
    }
}

fn too_many(max: usize, line: Option<usize>) -> IntakeError {
    let first = InputError::new(ErrorCode::TooManyRecords, "the first record too many", "split the batch");
    let first = line.into_iter().fold(first.in_record(max + 1), |first, line| first.at(line, 1));
    IntakeError::TooManyRecords { max, first }
}

/// The jobs of a batch, made one by one from its input.
#[derive(Debug)]
pub struct BatchJobs(Entries);

impl Iterator for BatchJobs {
    type Item = NewJob;

    fn next(&mut self) -> Option<NewJob> {
        self.0.find_map(|entry| Some(new_job(entry.name, entry.input, entry.cleaned.ok()?)))
    }
}

/// The input of a batch. Cheap to clone.
#[derive(Debug, Clone)]
enum Input {
    Fasta(Arc<[Bytes]>),
    List(Arc<dyn List>),
}

/// One record as sent, and what cleaning made of it.
struct Entry {
    name: Option<String>,
    input: Vec<u8>,
    cleaned: Result<Cleaned, InputErrors>,
    /// Its first line, if it is in a text.
    line: Option<usize>,
}

/// The records of a batch in order, each cleaned when it is its turn.
#[derive(Debug)]
struct Entries {
    input: Input,
    rules: Rules,
    force: bool,
    /// The number of parts that were begun, or of entries that were read.
    read: usize,
    /// The rest of the part that was begun last.
    records: Records<Reader<Bytes>>,
    /// The names so far in a list.
    ids: Ids,
}

impl Entries {
    fn new(input: Input, rules: Rules, force: bool) -> Self {
        let records = Records::new(Bytes::new().reader(), &rules);
        Self { input, rules, force, read: 0, records, ids: Ids::default() }
    }

    fn of_fasta(&mut self, parts: &[Bytes]) -> Option<Entry> {
        loop {
            // Reading from memory does not fail.
            if let Some(record) = self.records.next().and_then(io::Result::ok) {
                let part = (parts.len() > 1).then_some(self.read);
                let cleaned = record.clean(&self.rules, self.force).map_err(|errors| in_part(errors, part));
                let (name, line) = (record.record.id().map(str::to_owned), record.record.line);
                return Some(Entry { name, input: record.record.raw, cleaned, line: Some(line) });
            }
            self.records.next_part(parts.get(self.read)?.clone().reader());
            self.read += 1;
        }
    }

    fn of_list(&mut self, list: &dyn List) -> Option<Entry> {
        let entry = list.entry(self.read)?;
        self.read += 1;
        let number = self.read;
        let (name, sequence) = match entry {
            Listed::Record { name, sequence } => (name, sequence),
            Listed::Other { detail, hint } => {
                let error = InputError::new(ErrorCode::InvalidRecord, detail, hint).in_record(number);
                return Some(Entry { name: None, input: Vec::new(), cleaned: Err(error.into()), line: None });
            }
        };
        let input = sequence.into_bytes();
        let (header, cleaned) = match clean_single(&input, &self.rules.clean(self.force)) {
            Ok((header, cleaned)) => (header, Ok(cleaned)),
            Err(errors) => (None, Err(errors.in_record(number))),
        };
        let name = name.and_then(|name| name::cut(&name)).or_else(|| header.and_then(|h| h.id));
        let odd = match name.as_deref() {
            Some(name) => self.ids.note(name, number),
            None => Some(Warning::new(WarningCode::MissingId, format!("record {number} has no name"))),
        };
        let cleaned = cleaned.map(|mut cleaned| {
            cleaned.warnings.extend(odd);
            cleaned
        });
        Some(Entry { name, input, cleaned, line: None })
    }
}

impl Iterator for Entries {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        match self.input.clone() {
            Input::Fasta(parts) => self.of_fasta(&parts),
            Input::List(list) => self.of_list(&*list),
        }
    }
}

/// Adds to each error the part in which lines are counted, if there are several parts.
fn in_part(errors: InputErrors, part: Option<usize>) -> InputErrors {
    let Some(part) = part else { return errors };
    let mut changed: Vec<InputError> = errors.clone().into();
    for error in &mut changed {
        error.detail = format!("in part {part} of the form, {}", error.detail);
    }
    InputErrors::from_vec(changed).unwrap_or(errors)
}
