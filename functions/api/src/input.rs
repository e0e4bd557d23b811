//! Reads one sequence or a batch of records from a body. [`pssp_jobs::intake`] decides what is accepted.

mod fields;
mod json;

use bytes::Bytes;
use futures::{StreamExt, stream};
use pssp_jobs::intake::{BatchJobs, Draft, IntakeError, ParsedBatch, ParsedJob};
use pssp_jobs::service::{NewBatch, NewJob};
use pssp_predict::sequence::{ErrorCode, InputErrors};

use crate::app::Ctx;
use crate::body::{Media, Payload};
use crate::bounds::Client;
use crate::buffers::Share;
use crate::problem::Problem;

pub(crate) use fields::{Fields, Form, parse_form, query, urlencoded};

/// A checked batch, its client, and the share of its body in the memory for bodies.
pub(crate) struct HeldBatch {
    pub(crate) batch: ParsedBatch,
    client: Client,
    held: Share,
}

/// About how many residues of a batch are cleaned at a time.
const RESIDUES_AT_A_TIME: usize = 50_000;

impl HeldBatch {
    /// The batch to submit. Its jobs are made on another thread, some at a time. The share is held until the last one
    /// is made.
    pub(crate) fn into_new(self, ctx: &Ctx) -> NewBatch {
        let Self { batch: ParsedBatch { outline, jobs, .. }, client, held } = self;
        let cpu = ctx.cpu.clone();
        let jobs = stream::unfold((cpu, client, jobs, held), |(cpu, client, mut jobs, held)| async {
            let take = move || (some_of(&mut jobs), jobs);
            // A panic ends the stream early, and so the submission fails.
            let (some, jobs) = cpu.run(&client, take).await.ok()?;
            (!some.is_empty()).then_some((some, (cpu, client, jobs, held)))
        });
        NewBatch { outline, jobs: jobs.boxed() }
    }
}

/// What a form of a page holds.
pub(crate) enum Parsed {
    /// One sequence.
    One(Box<ParsedJob>),
    /// Several records.
    Many(Box<HeldBatch>),
}

impl Parsed {
    /// The digest of what was asked.
    pub(crate) const fn digest(&self) -> [u8; 32] {
        match self {
            Self::One(job) => job.digest,
            Self::Many(held) => held.batch.digest,
        }
    }
}

fn are_several(errors: &InputErrors) -> bool {
    errors.as_slice().iter().any(|error| error.code == ErrorCode::SeveralRecords)
}

/// Parses the form of a page: one sequence becomes a job, several records become a batch.
pub(crate) async fn parse_page(ctx: &Ctx, client: &Client, form: Form) -> Result<Parsed, Problem> {
    let name = form.fields.text("name")?.filter(|name| !name.trim().is_empty());
    let (parts, force) = form.fields.into_parts()?;
    let (rules, bytes) = (ctx.intake.rules, parts.iter().map(Bytes::len).sum());
    // What is larger than one sequence may be is several.
    let may_be_one = parts.len() < 2 && bytes <= ctx.config().max_body_bytes;
    let (client_of_batch, held) = (client.clone(), form.held);
    let parse = move || -> Result<Parsed, IntakeError> {
        if may_be_one {
            let input = parts.first().map(|part| part.to_vec()).unwrap_or_default();
            match rules.job(Draft { name, input, force }) {
                Err(IntakeError::Input(errors)) if are_several(&errors) => {}
                outcome => return outcome.map(|job| Parsed::One(Box::new(job))),
            }
        }
        let batch = rules.batch(parts, force)?;
        Ok(Parsed::Many(Box::new(HeldBatch { batch, client: client_of_batch, held })))
    };
    Ok(ctx.cpu.run_if_large(client, bytes, parse).await??)
}

fn some_of(jobs: &mut BatchJobs) -> Vec<NewJob> {
    let mut residues = 0;
    let mut some = Vec::new();
    while residues < RESIDUES_AT_A_TIME {
        let Some(job) = jobs.next() else { break };
        residues += job.request.sequence.len();
        some.push(job);
    }
    some
}

/// Parses and cleans the one sequence of a body, on another thread if it is large.
pub(crate) async fn parse_job(ctx: &Ctx, payload: Payload) -> Result<ParsedJob, Problem> {
    let client = payload.client.clone();
    let draft = draft(ctx, payload).await?;
    let rules = ctx.intake.rules;
    Ok(ctx.cpu.run_if_large(&client, draft.input.len(), move || rules.job(draft)).await??)
}

async fn draft(ctx: &Ctx, payload: Payload) -> Result<Draft, Problem> {
    let query = query(&payload.parts)?;
    let force = query.switch("force")?;
    let draft = match payload.media {
        Media::Json => json::job(&payload.bytes)?,
        Media::Text => Draft { name: query.text("name")?, input: payload.bytes.into(), force },
        Media::Form | Media::Multipart => parse_form(ctx, payload).await?.fields.into_draft()?,
    };
    Ok(Draft { force: force || draft.force, ..draft })
}

/// Checks all records of a body, on another thread.
pub(crate) async fn parse_batch(ctx: &Ctx, payload: Payload) -> Result<HeldBatch, Problem> {
    let force = query(&payload.parts)?.switch("force")?;
    let client = payload.client.clone();
    let rules = ctx.intake.rules;
    let (batch, held) = match payload.media {
        Media::Json => {
            let (bytes, held) = payload.into_bytes();
            let parse = move || {
                let (list, asked) = json::batch(&bytes)?;
                Ok::<_, Problem>(rules.list(list, force || asked)?)
            };
            (ctx.cpu.run(&client, parse).await??, held)
        }
        Media::Text => {
            let (bytes, held) = payload.into_bytes();
            (ctx.cpu.run(&client, move || rules.batch(vec![bytes], force)).await??, held)
        }
        Media::Form | Media::Multipart => {
            let form = parse_form(ctx, payload).await?;
            let (parts, asked) = form.fields.into_parts()?;
            (ctx.cpu.run(&client, move || rules.batch(parts, force || asked)).await??, form.held)
        }
    };
    Ok(HeldBatch { batch, client, held })
}
