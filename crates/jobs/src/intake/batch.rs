//! Batches: FASTA, or a list of names and sequences. A record with an error does not affect the others.

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

/// The records of a batch in the order of the input, and the digest of the request.
#[derive(Debug, Clone)]
pub struct ParsedBatch {
    /// A job for each record that can be used, and the errors of each record that cannot.
    pub records: Vec<Result<NewJob, BatchItem>>,
    /// Digest of names, texts and options as the caller sent them, for an idempotency key.
    pub digest: [u8; 32],
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

impl Rules {
    /// Parses and cleans the records of FASTA texts, in order. The elements of `parts` are separate texts: a
    /// record ends at the end of its part, and lines are counted from the beginning of the part.
    ///
    /// # Errors
    /// [`IntakeError::TooManyRecords`], [`IntakeError::NoneUsable`], [`IntakeError::Empty`].
    pub fn batch<P: AsRef<[u8]>>(&self, parts: &[P], force: bool) -> Result<ParsedBatch, IntakeError> {
        let mut collected = Collected::new(self, force);
        let mut records = Records::new(&[][..], self);
        for (index, part) in parts.iter().enumerate() {
            records.next_part(part.as_ref());
            let part = (parts.len() > 1).then_some(index + 1);
            // Reading from memory does not fail.
            for record in records.by_ref().map_while(Result::ok) {
                let cleaned = record.clean(self, force).map_err(|errors| in_part(errors, part));
                let (name, line) = (record.record.id().map(str::to_owned), record.record.line);
                collected.add(name, record.record.raw, cleaned, Some(line))?;
            }
        }
        collected.finish()
    }

    /// Parses and cleans the entries of a list, in order.
    ///
    /// # Errors
    /// As for [`Rules::batch`].
    pub fn list(
        &self,
        entries: impl IntoIterator<Item = Listed>,
        force: bool,
    ) -> Result<ParsedBatch, IntakeError> {
        let mut collected = Collected::new(self, force);
        let mut ids = Ids::default();
        for (number, entry) in (1..).zip(entries) {
            let (name, sequence) = match entry {
                Listed::Record { name, sequence } => (name, sequence),
                Listed::Other { detail, hint } => {
                    let error = InputError::new(ErrorCode::InvalidRecord, detail, hint).in_record(number);
                    collected.add(None, Vec::new(), Err(error.into()), None)?;
                    continue;
                }
            };
            let input = sequence.into_bytes();
            let (header, cleaned) = match clean_single(&input, &self.clean(force)) {
                Ok((header, cleaned)) => (header, Ok(cleaned)),
                Err(errors) => (None, Err(errors.in_record(number))),
            };
            let name = name.and_then(|name| name::cut(&name)).or_else(|| header.and_then(|h| h.id));
            let odd = match name.as_deref() {
                Some(name) => ids.note(name, number),
                None => Some(Warning::new(WarningCode::MissingId, format!("record {number} has no name"))),
            };
            let cleaned = cleaned.map(|mut cleaned| {
                cleaned.warnings.extend(odd);
                cleaned
            });
            collected.add(name, input, cleaned, None)?;
        }
        collected.finish()
    }
}

/// The records of a batch so far.
struct Collected {
    max: usize,
    records: Vec<Result<NewJob, BatchItem>>,
    digest: FieldDigest,
}

impl Collected {
    fn new(rules: &Rules, force: bool) -> Self {
        let digest = FieldDigest::of("batch").flag(force);
        Self { max: rules.max_records, records: Vec::new(), digest }
    }

    fn add(
        &mut self,
        name: Option<String>,
        input: Vec<u8>,
        cleaned: Result<Cleaned, InputErrors>,
        line: Option<usize>,
    ) -> Result<(), IntakeError> {
        if self.records.len() >= self.max {
            let number = self.records.len() + 1;
            let first =
                InputError::new(ErrorCode::TooManyRecords, "the first record too many", "split the batch");
            let first = line.into_iter().fold(first.in_record(number), |first, line| first.at(line, 1));
            return Err(IntakeError::TooManyRecords { max: self.max, first });
        }
        self.digest = self.digest.clone().optional(name.as_deref()).bytes(&input);
        self.records.push(match cleaned {
            Ok(cleaned) => Ok(new_job(name, input, cleaned)),
            Err(errors) => Err(BatchItem::Rejected { name, errors }),
        });
        Ok(())
    }

    fn finish(self) -> Result<ParsedBatch, IntakeError> {
        if self.records.is_empty() {
            return Err(IntakeError::Empty);
        }
        if self.records.iter().any(Result::is_ok) {
            return Ok(ParsedBatch { records: self.records, digest: self.digest.finish() });
        }
        let records = self.records.len();
        let rejected = self.records.into_iter().filter_map(|record| match record {
            Err(BatchItem::Rejected { errors, .. }) => errors.into_iter().next(),
            _ => None,
        });
        Err(IntakeError::NoneUsable { records, errors: rejected.take(MAX_ERRORS).collect() })
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
