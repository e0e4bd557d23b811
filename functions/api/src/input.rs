//! From a body to what is asked: one sequence, or a batch of records.

mod batch;
mod fields;

use pssp_jobs::Request;
use pssp_jobs::service::NewJob;
use pssp_predict::sequence::clean_single;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::app::{Config, Ctx};
use crate::body::{Media, Payload};
use crate::problem::{Fault, Kind, Problem, echo};

pub(crate) use batch::{HeldBatch, parse_batch};
pub(crate) use fields::{Fields, parse_form, query};

/// Longest name of a job, in bytes: that of a FASTA header.
pub(crate) const MAX_NAME: usize = pssp_predict::fasta::MAX_HEADER_BYTES;

/// What one job is asked for, as it came.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) name: Option<String>,
    pub(crate) input: Vec<u8>,
    pub(crate) force: bool,
}

/// A job ready to be submitted, and the digest of what it was asked with.
pub(crate) struct ParsedJob {
    pub(crate) job: NewJob,
    pub(crate) digest: [u8; 32],
}

/// The JSON form of one job.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JobForm {
    sequence: String,
    name: Option<String>,
    #[serde(default)]
    options: Options,
}

/// What a caller may choose.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// Take what looks like nucleotides.
    pub(crate) force: bool,
}

/// Parses and cleans the one sequence of a body.
pub(crate) async fn parse_job(ctx: &Ctx, payload: Payload) -> Result<ParsedJob, Problem> {
    let mut draft = draft(payload).await?;
    draft.name = draft.name.map(checked_name).transpose()?.flatten();
    clean(ctx, draft).await
}

/// Cleans, on another thread if it is much.
pub(crate) async fn clean(ctx: &Ctx, draft: Draft) -> Result<ParsedJob, Problem> {
    let app = ctx.clone();
    ctx.cpu.run_if_large(draft.input.len(), move || draft.clean(app.config())).await?
}

async fn draft(payload: Payload) -> Result<Draft, Problem> {
    let query = fields::query(&payload.parts)?;
    match payload.media {
        Media::Json => {
            object_expected(&payload.bytes)?;
            let form: JobForm = from_json(&payload.bytes)?;
            Ok(Draft { name: form.name, input: form.sequence.into_bytes(), force: form.options.force })
        }
        Media::Text => {
            let (name, force) = (query.text("name")?, query.switch("force")?);
            Ok(Draft { name, input: payload.bytes.to_vec(), force })
        }
        Media::Form | Media::Multipart => parse_form(payload).await?.into_draft(),
    }
}

impl Draft {
    fn clean(self, config: &Config) -> Result<ParsedJob, Problem> {
        let (header, cleaned) = clean_single(&self.input, &config.clean(self.force))?;
        let digest =
            Hasher::new("job").flag(self.force).field(self.name.as_deref()).bytes(&self.input).finish();
        let request = Request {
            // The cleaner takes nothing but UTF-8.
            input: String::from_utf8_lossy(&self.input).into_owned(),
            sequence: cleaned.sequence,
            edits: cleaned.edits,
            warnings: cleaned.warnings,
        };
        let name = self.name.or_else(|| header.and_then(|h| h.id));
        Ok(ParsedJob { job: NewJob { name, request }, digest })
    }
}

/// A name on one line and not too long; an empty one is none.
pub(crate) fn checked_name(name: String) -> Result<Option<String>, Problem> {
    if name.len() > MAX_NAME {
        return Err(Problem::too_large("the name", MAX_NAME, "bytes", "max_name_bytes"));
    }
    let name = name.replace(char::is_control, " ").trim().to_owned();
    Ok((!name.is_empty()).then_some(name))
}

/// The parser would also take a list of the values of the fields; a list is rather a batch.
fn object_expected(bytes: &[u8]) -> Result<(), Problem> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        let fault = Fault::new("bad_json", "a list, where one job is expected", "send a list to /v1/batches");
        return Err(Problem::new(Kind::Unparsable, "the body is a list").with_fault(fault.at(1, 1)));
    }
    Ok(())
}

/// Parses JSON; the error says where it is wrong.
pub(crate) fn from_json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let hint = "see /openapi.json for the fields";
        Problem::new(Kind::Unparsable, "the body is not the JSON that is expected here").with_fault(
            Fault::new("bad_json", echo(&error.to_string()), hint).at(error.line(), error.column().max(1)),
        )
    })
}

/// Digests what was asked, field by field, so that two requests have the same digest if and only
/// if they ask for the same, however they are written.
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn new(what: &str) -> Self {
        Self(Sha256::new()).bytes(what.as_bytes())
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    pub(crate) fn field(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.flag(true).bytes(text.as_bytes()),
            None => self.flag(false),
        }
    }

    pub(crate) fn flag(mut self, flag: bool) -> Self {
        self.0.update([u8::from(flag)]);
        self
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
