//! `/v1/batches/{id}/results`: the results of a batch in the order of its input, one at a time.

use std::io;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use pssp_jobs::service::JobsError;
use pssp_jobs::{Batch, BatchItem, Include, JobId, Owner, State as JobState};
use pssp_predict::format::{Format, Writer};
use serde_json::{Value, json};

use super::batches::Counts;
use super::result::file_headers;
use super::{BatchPath, extension};
use tokio::sync::OwnedSemaphorePermit;

use crate::app::Ctx;
use crate::auth::Caller;
use crate::problem::{Kind, Problem};
use crate::render::Finished;
use crate::{input, negotiate, view};

/// Results read ahead of the one being written; so many are in memory at a time.
const AHEAD: usize = 4;

/// How many records have no result in this answer (formats other than NDJSON have no place to say it).
const SKIPPED: HeaderName = HeaderName::from_static("pssp-skipped");

/// NDJSON tells every record with its status at any time. The other formats have finished records
/// only, so they are refused while some are on their way, unless `partial` is asked for.
pub(super) async fn read(
    State(ctx): State<Ctx>,
    Caller(owner): Caller,
    BatchPath(id): BatchPath,
    parts: Parts,
) -> Result<Response, Problem> {
    let query = input::query(&parts)?;
    let asked = negotiate::named(&query, extension(&parts.uri))?;
    let format = negotiate::format(&parts.headers, asked, Format::Ndjson)?;
    let partial = query.switch("partial")?;
    let batch = ctx.jobs().batch(&owner, id).await?;
    let mut headers = file_headers(format, &id.to_string());
    if format != Format::Ndjson {
        let counts = Counts::of(&ctx, &batch).await?;
        if !counts.is_done() && !partial {
            return Err(not_ready());
        }
        headers.insert(SKIPPED, HeaderValue::from(counts.without_result()));
    }
    let permit = ctx.waits.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::overloaded("too many result streams at the moment"))?;
    let body = Body::from_stream(Results::new(ctx, owner, batch, format, permit)?.into_stream());
    Ok((headers, body).into_response())
}

fn not_ready() -> Problem {
    let detail = "some records are on their way; try again later, or ask for NDJSON or partial=true";
    Problem::new(Kind::NotReady, detail).with_retry_after(std::time::Duration::from_secs(1))
}

/// One record with what became of it.
struct Record {
    index: usize,
    found: Found,
}

enum Found {
    Finished(Box<Finished>),
    /// What is told instead of a result.
    Other(Value),
}

/// Writes records one by one.
struct Results {
    ctx: Ctx,
    records: BoxStream<'static, Result<Record, Problem>>,
    /// None for NDJSON, which is written line by line, and at the end.
    writer: Option<Writer<Vec<u8>>>,
    /// A slow reader holds one of a bounded number.
    _permit: OwnedSemaphorePermit,
}

impl Results {
    fn new(
        ctx: Ctx,
        owner: Owner,
        batch: Batch,
        format: Format,
        permit: OwnedSemaphorePermit,
    ) -> Result<Self, Problem> {
        let writer = match format {
            Format::Ndjson => None,
            other => Some(Writer::new(other, Vec::new()).map_err(|e| Problem::internal(&e))?),
        };
        let reader = ctx.clone();
        let records = stream::iter(batch.items.into_iter().enumerate())
            .map(move |(index, item)| find(reader.clone(), owner.clone(), index, item))
            .buffered(AHEAD)
            .boxed();
        Ok(Self { ctx, records, writer, _permit: permit })
    }

    fn into_stream(self) -> BoxStream<'static, io::Result<Bytes>> {
        let pieces = stream::unfold(Some(self), |state| async {
            let mut state = state?;
            match state.records.next().await {
                Some(Ok(record)) => Some(match state.write(record).await {
                    Ok((state, bytes)) => (Ok(bytes), Some(state)),
                    Err(problem) => (Err(broken(&problem)), None),
                }),
                // The answer has begun: cutting it off is the only way left to say that it failed.
                Some(Err(problem)) => Some((Err(broken(&problem)), None)),
                None => Some((state.end(), None)),
            }
        });
        pieces
            .filter(|piece| std::future::ready(!matches!(piece, Ok(bytes) if bytes.is_empty())))
            .fuse() // packing asks once more after the end
            .boxed()
    }

    /// On another thread, which takes the writer along and brings it back.
    async fn write(mut self, record: Record) -> Result<(Self, Bytes), Problem> {
        let writer = self.writer.take();
        let large = record.residues() * 100;
        let (writer, bytes) = self
            .ctx
            .cpu
            .run_if_large(large, move || match writer {
                Some(mut writer) => {
                    let bytes = record.write_to(&mut writer);
                    (Some(writer), bytes)
                }
                None => (None, record.line()),
            })
            .await?;
        self.writer = writer;
        Ok((self, bytes?.into()))
    }

    fn end(&mut self) -> io::Result<Bytes> {
        match self.writer.take() {
            Some(writer) => writer.finish().map(Bytes::from),
            None => Ok(Bytes::new()),
        }
    }
}

fn broken(problem: &Problem) -> io::Error {
    tracing::warn!("results of a batch cut off: {problem:?}");
    io::Error::other("the results cannot be read on")
}

impl Record {
    fn residues(&self) -> usize {
        match &self.found {
            Found::Finished(finished) => finished.prediction.len(),
            Found::Other(_) => 0,
        }
    }

    /// Adds a finished record to a file, and takes out what is written so far.
    fn write_to(&self, writer: &mut Writer<Vec<u8>>) -> Result<Vec<u8>, Problem> {
        if let Found::Finished(finished) = &self.found {
            // The caller's own ids, to join with what was sent.
            let id = finished.job.head.name.clone().unwrap_or_else(|| finished.job.id().to_string());
            writer.entry(&finished.entry(&id)).map_err(|e| Problem::internal(&e))?;
        }
        Ok(std::mem::take(writer.get_mut()))
    }

    /// As one line of NDJSON.
    fn line(&self) -> Result<Vec<u8>, Problem> {
        match &self.found {
            Found::Other(told) => Ok(format!("{told}\n").into_bytes()),
            Found::Finished(finished) => {
                let job = &finished.job;
                let head = about(self.index, job.id(), job.head.name.as_deref(), JobState::Finished.as_str());
                let head = head.to_string();
                let mut line = head.trim_end_matches('}').as_bytes().to_vec();
                line.extend_from_slice(b",\"result\":");
                line.extend_from_slice(finished.write(Format::Json)?.trim_ascii_end());
                line.extend_from_slice(b"}\n");
                Ok(line)
            }
        }
    }
}

fn about(index: usize, id: JobId, name: Option<&str>, status: &str) -> Value {
    json!({ "index": index, "id": id, "name": name, "status": status })
}

async fn find(ctx: Ctx, owner: Owner, index: usize, item: BatchItem) -> Result<Record, Problem> {
    let id = match item {
        BatchItem::Job(id) => id,
        BatchItem::Rejected { name, errors } => {
            let told = json!({ "index": index, "name": name, "status": "rejected", "errors": errors });
            return Ok(Record { index, found: Found::Other(told) });
        }
    };
    let record = match ctx.jobs().find_with(&owner, id, Include::ALL).await {
        Ok(record) => record,
        Err(JobsError::NotFound | JobsError::Expired(_)) => {
            return Ok(Record { index, found: Found::Other(about(index, id, None, "gone")) });
        }
        Err(error) => return Err(error.into()),
    };
    if record.job.state() == JobState::Finished {
        let finished = Finished::of(&ctx, record).await?;
        return Ok(Record { index, found: Found::Finished(Box::new(finished)) });
    }
    let job = record.job;
    let mut told = about(index, id, job.head.name.as_deref(), job.state().as_str());
    if let Some(error) = view::failure(&job.status) {
        told["error"] = json!(error);
    }
    Ok(Record { index, found: Found::Other(told) })
}
