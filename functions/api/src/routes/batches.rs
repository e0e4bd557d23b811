//! `/v1/batches`: submits many records at once, and shows their progress.

use std::num::NonZeroU32;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, header};
use pssp_api_types::{Batch as BatchBody, BatchLinks, BatchStatus, Counts, RejectedRecord};
use pssp_jobs::service::Key;
use pssp_jobs::{Batch, BatchId, BatchItem, State as JobState};

use super::jobs::{gone, location, replayed};
use super::path::{BatchPath, batch_limit};
use crate::app::Ctx;
use crate::auth::Caller;
use crate::body::Payload;
use crate::gateway::Gateway;
use crate::headers;
use crate::input;
use crate::problem::Problem;

/// Jobs that are read from the store at a time to count them.
const COUNT_CHUNK: usize = 500;
/// Rejected records on a page, if the caller sets no limit.
const DEFAULT_REJECTED: u32 = 100;
/// The most rejected records on a page.
const MAX_REJECTED: u32 = 1_000;

pub(super) async fn create(
    State(ctx): State<Ctx>,
    caller: Caller,
    gateway: Gateway,
    request: Request,
) -> Result<Response, Problem> {
    let paused = ctx.intake.admit(ctx.jobs()).await.map_err(Problem::from);
    let key = headers::idempotency_key(request.headers())?;
    if key.is_none() {
        paused.clone()?;
    }
    let jobs = ctx.submitting(request.headers());
    let payload = Payload::read(&ctx, request, batch_limit(&ctx)).await?;
    let parsed = input::parse_batch(&ctx, payload).await?;
    let key = key.map(|key| Key { key, digest: parsed.batch.digest });
    if let Err(refusal) = paused.and_then(|()| caller.count_jobs(parsed.batch.outline.len())) {
        // What an earlier request made is answered, and completed, also when nothing new is taken.
        let known = match &key {
            Some(key) => jobs.is_known_batch(&caller.owner, key).await?,
            None => false,
        };
        if !known {
            return Err(refusal);
        }
    }
    let accepted = jobs.submit_batch(&caller.owner, parsed.into_new(&ctx), key).await.map_err(gone)?;
    let batch = accepted.value;
    if !accepted.replayed {
        metrics::counter!("pssp_jobs_submitted_total", "by" => "batch")
            .increment(batch.jobs().count() as u64);
    }
    let counts = match accepted.replayed {
        true => count(&ctx, &batch).await?,
        false => count_new(&batch, accepted.reused),
    };
    let mut response = respond(&gateway, &batch, StatusCode::ACCEPTED, counts, &Window::default());
    response.headers_mut().insert(header::LOCATION, location(&gateway.link(&path(batch.id))));
    replayed(&mut response, accepted.replayed);
    Ok(response)
}

pub(super) async fn read(
    State(ctx): State<Ctx>,
    Caller { owner, .. }: Caller,
    BatchPath(id): BatchPath,
    gateway: Gateway,
    parts: Parts,
) -> Result<Response, Problem> {
    let window = Window::of(&parts)?;
    let batch = ctx.jobs().batch(&owner, id).await?;
    let counts = count(&ctx, &batch).await?;
    Ok(respond(&gateway, &batch, StatusCode::OK, counts, &window))
}

/// Cancels the jobs that have not ended. The status is 202, also when repeated.
pub(super) async fn cancel(
    State(ctx): State<Ctx>,
    Caller { owner, .. }: Caller,
    BatchPath(id): BatchPath,
    gateway: Gateway,
) -> Result<Response, Problem> {
    let batch = ctx.jobs().cancel_batch(&owner, id).await?;
    let counts = count(&ctx, &batch).await?;
    Ok(respond(&gateway, &batch, StatusCode::ACCEPTED, counts, &Window::default()))
}

/// The status is 204 whether or not there was a batch, so that the request can be repeated.
pub(super) async fn delete(
    State(ctx): State<Ctx>,
    Caller { owner, .. }: Caller,
    BatchPath(id): BatchPath,
) -> Result<StatusCode, Problem> {
    ctx.jobs().delete_batch(&owner, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The range of rejected records to show.
struct Window {
    /// The first position in the input.
    from: usize,
    limit: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { from: 0, limit: DEFAULT_REJECTED as usize }
    }
}

impl Window {
    fn of(parts: &Parts) -> Result<Self, Problem> {
        let query = input::query(parts)?;
        let limit: Option<NonZeroU32> = query.parsed("limit", "a whole number from 1 on")?;
        let from: Option<u32> = query.parsed("cursor", "the rejected_next of an earlier answer")?;
        Ok(Self {
            from: from.unwrap_or(0) as usize,
            limit: limit.map_or(DEFAULT_REJECTED, NonZeroU32::get).min(MAX_REJECTED) as usize,
        })
    }
}

/// The counts of a new batch, whose jobs have not changed yet.
fn count_new(batch: &Batch, reused: usize) -> Counts {
    let jobs = batch.jobs().count();
    Counts {
        submitted: jobs - reused,
        finished: reused,
        rejected: batch.items.len() - jobs,
        ..Counts::default()
    }
}

/// Counts the states of all jobs. Reads those that may have changed since the last time.
pub(super) async fn count(ctx: &Ctx, batch: &Batch) -> Result<Counts, Problem> {
    let mut known = ctx.settled.known(batch);
    let mut counts = known.counts;
    let mut open = Vec::new();
    let now = ctx.jobs().now();
    for chunk in known.open.chunks(COUNT_CHUNK) {
        for (id, job) in chunk.iter().zip(ctx.jobs().get_many(chunk).await?) {
            let state = job.filter(|job| !job.status.is_expired(now)).map(|job| job.state());
            counts.add(state);
            match state {
                // A failed job may be sent again.
                Some(JobState::Submitted | JobState::Running | JobState::Failed) => open.push(*id),
                Some(JobState::Finished | JobState::Cancelled) | None => known.counts.add(state),
            }
        }
    }
    // A batch that is not sealed has jobs that do not exist yet.
    if batch.sealed {
        known.open = open;
        ctx.settled.keep(batch.id, known);
    }
    Ok(counts)
}

fn respond(
    gateway: &Gateway,
    batch: &Batch,
    status: StatusCode,
    counts: Counts,
    window: &Window,
) -> Response {
    let (rejected, next) = rejected(batch, window);
    let this = gateway.link(&path(batch.id));
    let body = BatchBody {
        id: batch.id,
        status: if counts.is_done() { BatchStatus::Finished } else { BatchStatus::Running },
        created_at: batch.created_at,
        expires_at: batch.expires_at,
        total: batch.items.len(),
        counts,
        rejected,
        rejected_next: next,
        links: BatchLinks {
            results: format!("{this}/results"),
            cancel: format!("{this}/cancel"),
            page: gateway.link(&format!("/batches/{}", batch.id)),
            this,
        },
    };
    let mut response = (status, Json(body)).into_response();
    if !counts.is_done() {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, headers::seconds(std::time::Duration::from_secs(1)));
    }
    response
}

/// The rejected records within the window, and the first position of the next window.
fn rejected(batch: &Batch, window: &Window) -> (Vec<RejectedRecord>, Option<usize>) {
    let mut all = batch.items.iter().enumerate().skip(window.from).filter_map(|(index, item)| match item {
        BatchItem::Rejected { name, errors } => {
            let errors = errors.as_slice().iter().map(Into::into).collect();
            Some(RejectedRecord { index, name: name.clone(), errors })
        }
        BatchItem::Job(_) => None,
    });
    let page = all.by_ref().take(window.limit).collect();
    (page, all.next().map(|record| record.index))
}

pub(super) fn path(id: BatchId) -> String {
    format!("/v1/batches/{id}")
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use pssp_api_types::{Batch, BatchRequest, Form};

    use super::{DEFAULT_REJECTED, MAX_REJECTED};
    use crate::operation::{Answer, Body, Operation, number};

    /// The description of a body with many records, in every accepted form.
    pub(in crate::routes) fn many_sequences() -> Body {
        let description = "FASTA of many records, or a JSON list; plain or with `Content-Encoding: gzip`. Without a Content-Type it \
             is read as text.";
        Body::new(description, true)
            .fasta()
            .bytes("application/gzip")
            .of::<BatchRequest>("application/json")
            .form::<Form>()
    }

    pub(in crate::routes) fn create(o: Operation) -> Operation {
        o.id("createBatch", "batches", "Submit many records; a bad one does not affect the others")
            .shared_parameter("idempotencyKey")
            .shared_parameter("cacheControl")
            .switch("force", "take what looks like nucleotides")
            .body(many_sequences())
            .answer(
                202,
                Answer::json::<Batch>("the batch").headers([
                    "Location",
                    "Retry-After",
                    "Idempotent-Replayed",
                ]),
            )
            .problems([
                (400, "Unparsable"),
                (408, "SlowBody"),
                (410, "Expired"),
                (413, "TooLarge"),
                (415, "UnsupportedMediaType"),
                (422, "InvalidInput"),
            ])
    }

    pub(in crate::routes) fn cancel(o: Operation) -> Operation {
        o.id("cancelBatch", "batches", "Cancel the jobs of a batch that have not ended; may be repeated")
            .answer(202, Answer::json::<Batch>("the batch").headers(["Retry-After"]))
            .problems([(404, "NotFound"), (410, "Expired")])
    }

    pub(in crate::routes) fn delete(o: Operation) -> Operation {
        o.id("deleteBatch", "batches", "Cancel and purge a batch with all its jobs; may be repeated")
            .answer(204, Answer::new("it is gone, or never was"))
            .problem(404, "NotFound")
    }

    pub(in crate::routes) fn read(o: Operation) -> Operation {
        let limit = format!("Rejected records on a page; more than {MAX_REJECTED} counts as {MAX_REJECTED}.");
        o.id("readBatch", "batches", "How far a batch is")
            .query("limit", &limit, number(1).default(Some(DEFAULT_REJECTED.into())))
            .query("cursor", "the `rejected_next` of an earlier answer", number(0))
            .answer(200, Answer::json::<Batch>("the batch").headers(["Retry-After"]))
            .problems([(400, "Unparsable"), (404, "NotFound"), (410, "Expired")])
    }
}
