//! Reads one sequence or a batch of records from a body. [`pssp_jobs::intake`] decides what is accepted.

mod fields;
mod json;

use bytes::Bytes;
use pssp_jobs::intake::{Draft, ParsedBatch, ParsedJob};

use crate::app::Ctx;
use crate::body::{Media, Payload};
use crate::buffers::Share;
use crate::problem::Problem;

pub(crate) use fields::{Fields, parse_form, query};

/// A parsed batch with its share of the memory for bodies.
pub(crate) struct HeldBatch {
    pub(crate) batch: ParsedBatch,
    pub(crate) held: Share,
}

/// Parses and cleans the one sequence of a body, on another thread if it is large.
pub(crate) async fn parse_job(ctx: &Ctx, payload: Payload) -> Result<ParsedJob, Problem> {
    let draft = draft(ctx, payload).await?;
    let rules = ctx.intake.rules;
    Ok(ctx.cpu.run_if_large(draft.input.len(), move || rules.job(draft)).await??)
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

/// Parses and cleans all records of a body, on another thread.
pub(crate) async fn parse_batch(ctx: &Ctx, payload: Payload) -> Result<HeldBatch, Problem> {
    let force = query(&payload.parts)?.switch("force")?;
    let media = payload.media;
    // This share is for the records made from the body. They stay in memory until all of them are stored.
    let mut held = ctx.buffers.hold(payload.bytes.len())?;
    let rules = ctx.intake.rules;
    let batch = match media {
        Media::Json => {
            let (bytes, body) = payload.into_bytes();
            held.merge(body);
            let parse = move || {
                let (list, asked) = json::batch(&bytes)?;
                Ok::<_, Problem>(rules.list(list, force || asked)?)
            };
            ctx.cpu.run(parse).await??
        }
        Media::Text => {
            let (bytes, body) = payload.into_bytes();
            held.merge(body);
            ctx.cpu.run(move || rules.batch(&[bytes], force)).await??
        }
        Media::Form | Media::Multipart => {
            let form = parse_form(ctx, payload).await?;
            held.merge(form.held);
            let (parts, asked) = form.fields.into_parts()?;
            ctx.cpu.run(move || rules.batch::<Bytes>(&parts, force || asked)).await??
        }
    };
    Ok(HeldBatch { batch, held })
}
