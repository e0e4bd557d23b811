//! `/v1/batches`: many records at once, and how far they are.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, header};
use pssp_jobs::service::Key;
use pssp_jobs::{Batch, BatchId, BatchItem, JobId, State as JobState};
use serde::Serialize;
use serde_json::{Value, json};

use super::BatchPath;
use super::jobs::{gone, location, replayed};
use crate::app::Ctx;
use crate::auth::Caller;
use crate::body::{Limit, Payload};
use crate::gateway::Gateway;
use crate::headers;
use crate::input::{self, HeldBatch};
use crate::problem::Problem;

/// Jobs asked for at a time while counting.
const CHUNK: usize = 500;
/// Rejected records told on a page, unless the caller says.
const DEFAULT_REJECTED: usize = 100;
/// Most rejected records on a page.
const MAX_REJECTED: usize = 1_000;

pub(super) async fn create(
    State(ctx): State<Ctx>,
    Caller(owner): Caller,
    gateway: Gateway,
    request: Request,
) -> Result<Response, Problem> {
    ctx.intake.admit(ctx.jobs()).await?;
    let key = headers::idempotency_key(request.headers())?;
    let jobs = ctx.submitting(request.headers());
    let limit = Limit { bytes: ctx.config().max_batch_bytes, name: "max_batch_bytes" };
    let payload = Payload::read(&ctx, request, limit).await?;
    let HeldBatch { batch: parsed, held: _held } = input::parse_batch(&ctx, payload).await?;
    let key = key.map(|key| Key { key, digest: parsed.digest });
    let accepted = jobs.submit_batch(&owner, parsed.records, key).await.map_err(gone)?;
    let batch = accepted.value;
    if !accepted.replayed {
        metrics::counter!("pssp_jobs_submitted_total", "by" => "batch")
            .increment(batch.jobs().count() as u64);
    }
    let counts = match accepted.replayed {
        true => Counts::of(&ctx, &batch).await?,
        false => Counts::of_new(&batch, accepted.reused),
    };
    let mut response = respond(&gateway, &batch, StatusCode::ACCEPTED, counts, &Window::default());
    response.headers_mut().insert(header::LOCATION, location(&gateway.link(&path(batch.id))));
    replayed(&mut response, accepted.replayed);
    Ok(response)
}

pub(super) async fn read(
    State(ctx): State<Ctx>,
    Caller(owner): Caller,
    BatchPath(id): BatchPath,
    gateway: Gateway,
    parts: Parts,
) -> Result<Response, Problem> {
    let window = Window::of(&parts)?;
    let batch = ctx.jobs().batch(&owner, id).await?;
    let counts = Counts::of(&ctx, &batch).await?;
    Ok(respond(&gateway, &batch, StatusCode::OK, counts, &window))
}

/// Which rejected records are told.
struct Window {
    /// From this place in the input on.
    from: usize,
    limit: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { from: 0, limit: DEFAULT_REJECTED }
    }
}

impl Window {
    fn of(parts: &Parts) -> Result<Self, Problem> {
        let query = input::query(parts)?;
        let limit: Option<std::num::NonZeroUsize> = query.parsed("limit", "a number from 1 to 1000")?;
        Ok(Self {
            from: query.parsed("cursor", "the rejected_next of an earlier answer")?.unwrap_or(0),
            limit: limit.map_or(DEFAULT_REJECTED, usize::from).min(MAX_REJECTED),
        })
    }
}

/// A batch's records by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    submitted: usize,
    running: usize,
    finished: usize,
    failed: usize,
    cancelled: usize,
    /// Deleted or expired.
    gone: usize,
    rejected: usize,
}

impl Counts {
    /// Those of a batch that was made just now: nothing of it has changed yet.
    fn of_new(batch: &Batch, reused: usize) -> Self {
        let jobs = batch.jobs().count();
        let (finished, submitted) = (reused, jobs - reused);
        Self { submitted, finished, rejected: batch.items.len() - jobs, ..Self::default() }
    }

    /// Asks the store for the state of every job.
    pub(super) async fn of(ctx: &Ctx, batch: &Batch) -> Result<Self, Problem> {
        let ids: Vec<JobId> = batch.jobs().collect();
        let mut counts = Self { rejected: batch.items.len() - ids.len(), ..Self::default() };
        let now = ctx.jobs().now();
        for chunk in ids.chunks(CHUNK) {
            for job in ctx.jobs().get_many(chunk).await? {
                let live = job.filter(|job| !job.status.is_expired(now));
                counts.add(live.map(|job| job.state()));
            }
        }
        Ok(counts)
    }

    fn add(&mut self, state: Option<JobState>) {
        *match state {
            Some(JobState::Submitted) => &mut self.submitted,
            Some(JobState::Running) => &mut self.running,
            Some(JobState::Finished) => &mut self.finished,
            Some(JobState::Failed) => &mut self.failed,
            Some(JobState::Cancelled) => &mut self.cancelled,
            None => &mut self.gone,
        } += 1;
    }

    /// Whether nothing more will happen.
    pub(super) const fn is_done(&self) -> bool {
        self.submitted + self.running == 0
    }

    /// Records that have no result and get none any more, or not yet.
    pub(super) const fn without_result(&self) -> usize {
        self.submitted + self.running + self.failed + self.cancelled + self.gone + self.rejected
    }
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
    let body = json!({
        "id": batch.id,
        "status": if counts.is_done() { "finished" } else { "running" },
        "created_at": batch.created_at,
        "expires_at": batch.expires_at,
        "total": batch.items.len(),
        "counts": counts,
        "rejected": rejected,
        "rejected_next": next,
        "links": { "self": this, "results": format!("{this}/results") },
    });
    let mut response = (status, Json(body)).into_response();
    if !counts.is_done() {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, headers::seconds(std::time::Duration::from_secs(1)));
    }
    response
}

/// The rejected records within the window, and where the next window begins.
fn rejected(batch: &Batch, window: &Window) -> (Vec<Value>, Option<usize>) {
    let mut all = batch.items.iter().enumerate().skip(window.from).filter_map(|(index, item)| match item {
        BatchItem::Rejected { name, errors } => {
            Some((index, json!({ "index": index, "name": name, "errors": errors })))
        }
        BatchItem::Job(_) => None,
    });
    let page = all.by_ref().take(window.limit).map(|(_, told)| told).collect();
    (page, all.next().map(|(index, _)| index))
}

pub(super) fn path(id: BatchId) -> String {
    format!("/v1/batches/{id}")
}
