//! `/v1/batches/{id}/results`: streams the results of a batch in the order of its input.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use pssp_api_types::{BatchLine, RecordStatus};
use pssp_jobs::service::JobsError;
use pssp_jobs::{Batch, BatchItem, Include, JobId, State as JobState};
use pssp_predict::format::{Entry, Format, Writer};
use pssp_predict::structure::{Structure, Structures};
use serde_json::value::RawValue;

use super::batches;
use super::path::{BatchPath, extension};
use super::result::{file_headers, structures};
use crate::app::Ctx;
use crate::auth::Caller;
use crate::bounds::{Client, Waiting};
use crate::problem::{Kind, Problem};
use crate::render::Finished;
use crate::{input, negotiate, view};

/// The number of results that are read in advance and so are in memory at a time.
const READ_AHEAD: usize = 4;

/// The number of records without a result in this answer. Formats other than NDJSON cannot contain it.
const SKIPPED: HeaderName = HeaderName::from_static("pssp-skipped");

/// NDJSON has a line for every record with its status, at any time. The other formats contain finished records
/// only, so they are refused until all jobs have ended, unless the query has `partial`.
pub(super) async fn read(
    State(ctx): State<Ctx>,
    caller: Caller,
    BatchPath(id): BatchPath,
    parts: Parts,
) -> Result<Response, Problem> {
    let query = input::query(&parts)?;
    let asked = negotiate::named(&query, extension(&parts.uri))?;
    let format = negotiate::format(&parts.headers, asked, Format::Ndjson)?;
    let partial = query.switch("partial")?;
    let batch = ctx.jobs().batch(&caller.owner, id).await?;
    let structures = structures(&query, &parts.uri, batch.items.len())?;
    let mut headers = file_headers(format, &id.to_string());
    if format != Format::Ndjson {
        let counts = batches::count(&ctx, &batch).await?;
        if !counts.is_done() && !partial {
            return Err(not_ready());
        }
        headers.insert(SKIPPED, HeaderValue::from(counts.without_result()));
    }
    let place = ctx.waits.take(&caller.client);
    let place = place.ok_or_else(|| Problem::overloaded("too many result streams at the moment"))?;
    let body = Body::from_stream(Results::new(ctx, caller, batch, format, structures, place)?.into_stream());
    Ok((headers, body).into_response())
}

fn not_ready() -> Problem {
    let detail = "some records are on their way; try again later, or ask for NDJSON or partial=true";
    Problem::new(Kind::NotReady, detail).with_retry_after(std::time::Duration::from_secs(1))
}

/// One record of the batch with its outcome.
struct Record {
    /// The line in NDJSON, without the result.
    line: BatchLine,
    finished: Option<Box<Finished>>,
}

/// Writes the results, one after the other.
struct Results {
    ctx: Ctx,
    client: Client,
    records: BoxStream<'static, Result<Record, Problem>>,
    /// `None` for NDJSON, which is written line by line, and after the end.
    writer: Option<Writer<Vec<u8>>>,
    structures: Arc<Structures>,
    /// The number of streams is limited, because a slow reader may keep a stream open for long.
    _place: Waiting,
}

impl Results {
    fn new(
        ctx: Ctx,
        caller: Caller,
        batch: Batch,
        format: Format,
        structures: Structures,
        place: Waiting,
    ) -> Result<Self, Problem> {
        let writer = match format {
            Format::Ndjson => None,
            other => Some(Writer::new(other, Vec::new()).map_err(|e| Problem::internal(&e))?),
        };
        let (reader, client) = (ctx.clone(), caller.client.clone());
        let records = stream::iter(batch.items.into_iter().enumerate())
            .map(move |(index, item)| find(reader.clone(), caller.clone(), index, item))
            .buffered(READ_AHEAD)
            .boxed();
        Ok(Self { ctx, client, records, writer, structures: Arc::new(structures), _place: place })
    }

    fn into_stream(self) -> BoxStream<'static, io::Result<Bytes>> {
        let pieces = stream::unfold(Some(self), |state| async {
            let mut state = state?;
            match state.records.next().await {
                Some(Ok(record)) => Some(match state.write(record).await {
                    Ok((state, bytes)) => (Ok(bytes), Some(state)),
                    Err(problem) => (Err(broken(&problem)), None),
                }),
                // The answer has begun, so the only way to report the error is to break the answer off.
                Some(Err(problem)) => Some((Err(broken(&problem)), None)),
                None => Some((state.end(), None)),
            }
        });
        pieces
            .filter(|piece| std::future::ready(!matches!(piece, Ok(bytes) if bytes.is_empty())))
            .fuse() // the compression polls once more after the end
            .boxed()
    }

    /// Writes a record on another thread. The writer moves there and back.
    async fn write(mut self, record: Record) -> Result<(Self, Bytes), Problem> {
        let (writer, structures) = (self.writer.take(), self.structures.clone());
        let large = record.residues() * 100;
        let (writer, bytes) = self
            .ctx
            .cpu
            .run_if_large(&self.client, large, move || match writer {
                Some(mut writer) => {
                    let structure = structures.of(record.line.index);
                    let bytes = record.write_to(&mut writer, structure);
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
    fn new(line: BatchLine) -> Self {
        Self { line, finished: None }
    }

    fn residues(&self) -> usize {
        self.finished.as_ref().map_or(0, |finished| finished.prediction.len())
    }

    /// Adds the record to a file, and returns the bytes written so far.
    fn write_to(&self, writer: &mut Writer<Vec<u8>>, structure: Structure<'_>) -> Result<Vec<u8>, Problem> {
        let written = match &self.finished {
            // The ids of the caller, so that results can be matched with the input.
            Some(finished) => writer.entry(&Entry { structure, ..finished.entry(&finished.name()) }),
            None => writer.skip(),
        };
        written.map_err(|e| Problem::internal(&e))?;
        Ok(std::mem::take(writer.get_mut()))
    }

    /// The record as one line of NDJSON.
    fn line(mut self) -> Result<Vec<u8>, Problem> {
        let internal = |error: serde_json::Error| Problem::internal(&error);
        if let Some(finished) = &self.finished {
            let result = finished.write(Format::Json, Structure::default())?;
            let result = String::from_utf8(result).map_err(|error| Problem::internal(&error))?;
            self.line.result = Some(RawValue::from_string(result).map_err(internal)?);
        }
        let mut line = serde_json::to_vec(&self.line).map_err(internal)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// The line of a record without a result.
fn line(index: usize, id: JobId, name: Option<String>, status: RecordStatus) -> BatchLine {
    BatchLine { index, id: Some(id), name, status, error: None, errors: None, result: None }
}

async fn find(ctx: Ctx, caller: Caller, index: usize, item: BatchItem) -> Result<Record, Problem> {
    let id = match item {
        BatchItem::Job(id) => id,
        BatchItem::Rejected { name, errors } => {
            let errors = errors.as_slice().iter().map(Into::into).collect();
            let status = RecordStatus::Rejected;
            return Ok(Record::new(BatchLine {
                index,
                id: None,
                name,
                status,
                error: None,
                errors: Some(errors),
                result: None,
            }));
        }
    };
    let gone = || Record::new(line(index, id, None, RecordStatus::Gone));
    let record = match ctx.jobs().find_with(&caller.owner, id, Include::ALL).await {
        Ok(record) => record,
        Err(JobsError::NotFound | JobsError::Expired(_)) => return Ok(gone()),
        Err(error) => return Err(error.into()),
    };
    let job = &record.job;
    let mut line = line(index, id, job.head.name.clone(), job.state().into());
    if job.state() == JobState::Finished {
        let finished = Finished::of(&ctx, &caller.client, record).await?;
        return Ok(Record { line, finished: Some(Box::new(finished)) });
    }
    line.error = view::failure(&job.status).map(Into::into);
    Ok(Record::new(line))
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use pssp_api_types::schema::one_of;
    use pssp_api_types::{BatchLine, JobResult, TrackResult};
    use pssp_predict::format::{FORMATS, Format};

    use super::super::result::describe::named;
    use crate::operation::{Answer, Operation, array, media, text};

    /// A response with the results of a batch in `format`.
    fn with(answer: Answer, format: Format) -> Answer {
        match format {
            Format::Json => answer.content("application/json", array::<JobResult>()),
            other => answer.content(media(other), text()),
        }
    }

    pub(in crate::routes) fn read(o: Operation) -> Operation {
        let description = match o.format() {
            None => {
                "the results in the order of the input, streamed. NDJSON (the default) has a line, a `BatchLine`, for \
                 every record, whatever its status; the other formats have finished records only, and `Pssp-Skipped` \
                 counts the rest. An answer that breaks off without its end failed half-way: ask again."
            }
            Some(Format::Ndjson) => {
                "a line, a `BatchLine`, for every record in the order of the input, whatever its status; streamed. An \
                 answer that breaks off without its end failed half-way: ask again."
            }
            Some(_) => {
                "the results of finished records in the order of the input, streamed; `Pssp-Skipped` counts the \
                 others. An answer that breaks off without its end failed half-way: ask again."
            }
        };
        let answer = Answer::new(description)
            .with_schema::<JobResult>()
            .with_schema::<TrackResult>()
            .with_schema::<BatchLine>()
            .headers(["Content-Disposition", "Pssp-Skipped"]);
        let o = match o.format() {
            None => {
                let others = FORMATS.iter().copied().filter(|format| *format != Format::Ndjson);
                let formats = one_of(FORMATS.iter().map(|format| format.extension()));
                o.id(
                    "readBatchResults",
                    "batches",
                    "All results, in the format that Accept or `format` asks for",
                )
                .details("Each format also has a path of its own.")
                .query("format", "instead of Accept", formats)
                .answer(200, others.fold(with(answer, Format::Ndjson), with))
                .problem(406, "NotAcceptable")
            }
            Some(format) => {
                let (id, summary) = named("readBatchResultsAs", "All results as", format);
                o.id(&id, "batches", &summary).answer(200, with(answer, format))
            }
        };
        o.structure(true).switch("partial", "answer even if some records are on their way").problems([
            (400, "Unparsable"),
            (404, "NotFound"),
            (409, "NoResult"),
            (410, "Expired"),
            (413, "TooLarge"),
        ])
    }
}
