//! A batch: FASTA or a JSON list. A bad record is told and does not sink the others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use bytes::Bytes;
use pssp_jobs::service::NewJob;
use pssp_jobs::{BatchItem, Request};
use pssp_predict::fasta::{self, Ids, Record};
use pssp_predict::sequence::{
    Cleaned, ErrorCode, InputError, InputErrors, Warning, WarningCode, clean_single,
};
use serde::de::{Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tokio::sync::OwnedSemaphorePermit;

use super::{Draft, Hasher, MAX_NAME, Options, from_json, parse_form};
use crate::app::{Config, Ctx};
use crate::body::{Media, Payload, hold};
use crate::problem::{Fault, Kind, Problem};

/// Bytes of a FASTA record kept for each residue: blanks, numbering and line ends included.
const BYTES_PER_RESIDUE: usize = 16;

/// The records of a batch in the order of the input, and the digest of what was asked.
pub(crate) struct ParsedBatch {
    pub(crate) records: Vec<Result<NewJob, BatchItem>>,
    pub(crate) digest: [u8; 32],
}

/// A parsed batch with its share of what may be held in memory, given back with it.
pub(crate) struct HeldBatch {
    pub(crate) batch: ParsedBatch,
    pub(crate) held: OwnedSemaphorePermit,
}

/// The JSON form with options; without any, the list alone will do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchObject {
    records: Records,
    #[serde(default)]
    options: Options,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordForm {
    name: Option<String>,
    /// Missing or null counts as empty: that record is refused, not the batch.
    sequence: Option<String>,
}

/// A list of records that stops being read when it is absurdly long: a small `{}` of the body is
/// a much larger record in memory.
struct Records(Vec<Listed>);

/// An entry of the list, or something else: that one is refused, not the batch.
#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    Record(RecordForm),
    Other(IgnoredAny),
}

/// Where it stops, far above any limit that an operator would set.
const MAX_LISTED: usize = 100_000;

impl<'de> Deserialize<'de> for Records {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Records;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of {name, sequence}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Records, A::Error> {
        let mut records = Vec::new();
        while let Some(record) = list.next_element()? {
            if records.len() == MAX_LISTED {
                return Err(A::Error::custom(format_args!("more than {MAX_LISTED} records")));
            }
            records.push(record);
        }
        Ok(Records(records))
    }
}

/// Parses and cleans all records of a body, on another thread.
pub(crate) async fn parse_batch(ctx: &Ctx, payload: Payload) -> Result<HeldBatch, Problem> {
    let force = super::fields::query(&payload.parts)?.switch("force")?;
    let media = payload.media;
    // For the records that are made of it, which live until all of them are stored.
    let mut held = hold(ctx, payload.bytes.len())?;
    let (bytes, force) = match media {
        Media::Json | Media::Text => {
            let (bytes, body) = payload.into_bytes();
            held.merge(body);
            (bytes, force)
        }
        Media::Form | Media::Multipart => {
            let Draft { input, force: asked, .. } = parse_form(payload).await?.into_draft()?;
            (Bytes::from(input), force || asked)
        }
    };
    let app = ctx.clone();
    let parse = move || match media {
        Media::Json => from_list(&bytes, force, app.config()),
        _ => from_fasta(&bytes, force, app.config()),
    };
    Ok(HeldBatch { batch: ctx.cpu.run(parse).await??, held })
}

fn from_fasta(bytes: &[u8], force: bool, config: &Config) -> Result<ParsedBatch, Problem> {
    let keep = config.max_residues.saturating_mul(BYTES_PER_RESIDUE).max(fasta::MAX_RECORD_BYTES);
    let mut collected = Collected::new(force, config);
    let mut ids = Ids::default();
    for record in fasta::Reader::with_limit(bytes, keep) {
        let record = record.map_err(|e| Problem::internal(&e))?; // it reads from memory
        let duplicate = ids.note(&record);
        let cleaned = record.clean(&config.clean(force));
        let (name, line) = (record.id().map(str::to_owned), record.line);
        let Record { raw, .. } = record;
        collected.add(name, raw, cleaned, duplicate).map_err(|p| p.with_fault(over(line)))?;
    }
    collected.finish()
}

/// Where the limit on records was passed.
fn over(line: usize) -> Fault {
    Fault::new("too_many_records", "the first record too many", "split the batch").at(line, 1)
}

fn from_list(bytes: &[u8], force: bool, config: &Config) -> Result<ParsedBatch, Problem> {
    let (Records(forms), options) = if bytes.trim_ascii_start().starts_with(b"[") {
        (from_json::<Records>(bytes)?, Options::default())
    } else {
        from_json::<BatchObject>(bytes).map(|object| (object.records, object.options))?
    };
    let force = force || options.force;
    let mut collected = Collected::new(force, config);
    let mut names = HashMap::new();
    for (index, listed) in forms.into_iter().enumerate() {
        let form = match listed {
            Listed::Record(form) => form,
            Listed::Other(_) => {
                collected.add(None, Vec::new(), Err(no_record(index + 1)), None)?;
                continue;
            }
        };
        let input = form.sequence.unwrap_or_default().into_bytes();
        let (header, cleaned) = match clean_single(&input, &config.clean(force)) {
            Ok((header, cleaned)) => (header, Ok(cleaned)),
            Err(errors) => (None, Err(in_record(errors, index + 1))),
        };
        let name = form.name.map(one_line).filter(|n| !n.is_empty()).or_else(|| header.and_then(|h| h.id));
        let warning = odd_name(name.as_deref(), index + 1, &mut names);
        collected.add(name, input, cleaned, warning)?;
    }
    collected.finish()
}

/// A name within bounds; unlike that of a single job it is cut, so as not to sink the batch.
fn one_line(name: String) -> String {
    let mut name = name.replace(char::is_control, " ").trim().to_owned();
    let fits = (0..=MAX_NAME.min(name.len())).rev().find(|&at| name.is_char_boundary(at));
    name.truncate(fits.unwrap_or(0));
    name
}

fn odd_name(name: Option<&str>, number: usize, names: &mut HashMap<String, usize>) -> Option<Warning> {
    let Some(name) = name else {
        let message = format!("record {number} has no name");
        return Some(Warning { code: WarningCode::MissingId, message });
    };
    match names.entry(name.to_owned()) {
        Entry::Vacant(free) => {
            free.insert(number);
            None
        }
        Entry::Occupied(first) => {
            let message = format!("the name {name} is also that of record {}", first.get());
            Some(Warning { code: WarningCode::DuplicateId, message })
        }
    }
}

fn no_record(number: usize) -> InputErrors {
    InputErrors::from(InputError {
        code: ErrorCode::InvalidRecord,
        detail: "this entry is no record".to_owned(),
        record: Some(number),
        line: None,
        column: None,
        hint: "send an object with sequence and, if you like, name, both text".to_owned(),
    })
}

fn in_record(errors: InputErrors, number: usize) -> InputErrors {
    let numbered = errors.clone().into_iter().map(|mut error| {
        error.record = Some(number);
        error
    });
    InputErrors::from_vec(numbered.collect()).unwrap_or(errors)
}

/// What has been read of a batch so far.
struct Collected<'a> {
    config: &'a Config,
    records: Vec<Result<NewJob, BatchItem>>,
    hasher: Hasher,
}

impl<'a> Collected<'a> {
    fn new(force: bool, config: &'a Config) -> Self {
        Self { config, records: Vec::new(), hasher: Hasher::new("batch").flag(force) }
    }

    fn add(
        &mut self,
        name: Option<String>,
        input: Vec<u8>,
        cleaned: Result<Cleaned, InputErrors>,
        warning: Option<Warning>,
    ) -> Result<(), Problem> {
        let most = self.config.max_batch_records;
        if self.records.len() >= most {
            return Err(Problem::too_large("the batch", most, "records", "max_batch_records"));
        }
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new(""));
        self.hasher = hasher.field(name.as_deref()).bytes(&input);
        self.records.push(match cleaned {
            Ok(cleaned) => Ok(new_job(name, &input, cleaned, warning)),
            Err(errors) => Err(BatchItem::Rejected { name, errors }),
        });
        Ok(())
    }

    fn finish(self) -> Result<ParsedBatch, Problem> {
        if self.records.iter().any(Result::is_ok) {
            return Ok(ParsedBatch { records: self.records, digest: self.hasher.finish() });
        }
        Err(none_usable(&self.records))
    }
}

fn new_job(name: Option<String>, input: &[u8], mut cleaned: Cleaned, warning: Option<Warning>) -> NewJob {
    cleaned.warnings.extend(warning);
    let request = Request {
        input: String::from_utf8_lossy(input).into_owned(),
        sequence: cleaned.sequence,
        edits: cleaned.edits,
        warnings: cleaned.warnings,
    };
    NewJob { name, request }
}

/// Most faults told of a batch without any good record.
const MAX_FAULTS: usize = 20;

fn none_usable(records: &[Result<NewJob, BatchItem>]) -> Problem {
    if records.is_empty() {
        let hint = "send at least one record";
        return Problem::new(Kind::InvalidInput, "there is no sequence in the input").with_fault(Fault::new(
            "empty_body",
            "there is no record",
            hint,
        ));
    }
    let rejected = records.iter().filter_map(|record| match record {
        Err(BatchItem::Rejected { errors, .. }) => Some(errors.first()),
        _ => None,
    });
    let problem =
        Problem::new(Kind::InvalidInput, format!("none of the {} records can be used", records.len()));
    rejected.take(MAX_FAULTS).fold(problem, |problem, error| problem.with_fault(Fault::from(error)))
}
