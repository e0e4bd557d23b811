//! `/v1/jobs`: submits a job, lists jobs.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use pssp_api_types::{JobPage, PageLinks};
use pssp_common::PeerClosed;
use pssp_jobs::service::{JobsError, Key};
use pssp_jobs::{JobId, ListQuery, State as JobState};

use super::job;
use super::path::single_limit;
use crate::app::Ctx;
use crate::auth::Caller;
use crate::body::Payload;
use crate::gateway::Gateway;
use crate::headers::{self, IDEMPOTENT_REPLAYED};
use crate::input;
use crate::problem::{Kind, Problem};
use crate::view;

/// Jobs on a page, if the caller sets no limit.
const DEFAULT_PAGE: u32 = 50;
/// The most jobs on a page.
const MAX_PAGE: u32 = 200;

/// The status is 202, or 201 for a job that is already finished (a reused result, a repeated idempotency key, or
/// `Prefer: wait`).
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
    let wait = gateway.wait(request.headers(), ctx.config().max_wait);
    let jobs = ctx.submitting(request.headers());
    let peer = PeerClosed::of(request.extensions());
    let payload = Payload::read(&ctx, request, single_limit(&ctx)).await?;
    let parsed = input::parse_job(&ctx, payload).await?;
    let key = key.map(|key| Key { key, digest: parsed.digest });
    // What an earlier request made is answered also when nothing new is taken.
    let accepted = match (paused.and_then(|()| caller.count_jobs(1)), key) {
        (Ok(()), key) => jobs.submit(&caller.owner, parsed.job, Duration::ZERO, key).await.map_err(gone)?,
        (Err(refusal), None) => return Err(refusal),
        (Err(refusal), Some(key)) => {
            jobs.submitted_before(&caller.owner, key).await.map_err(gone)?.ok_or(refusal)?
        }
    };
    if !accepted.replayed {
        metrics::counter!("pssp_jobs_submitted_total", "by" => "single").increment(1);
        metrics::counter!("pssp_results_reused_total").increment(accepted.reused as u64);
    }
    let id = accepted.value.id();
    let awaited = match wait {
        Some(_) if !accepted.value.state().is_terminal() => {
            job::awaited(&ctx, &caller, &peer, id, wait).await?
        }
        _ => job::Awaited::at_once(accepted.value),
    };
    let status = if awaited.job.state().is_terminal() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    let mut response = (status, awaited.into_response(&ctx, &gateway)).into_response();
    response.headers_mut().insert(header::LOCATION, location(&gateway.link(&view::path(id))));
    replayed(&mut response, accepted.replayed);
    Ok(response)
}

/// The error for an idempotency key whose job was deleted or has expired: it does not make a new job.
pub(super) fn gone(error: JobsError) -> Problem {
    match error {
        JobsError::NotFound | JobsError::Expired(_) => Problem::new(
            Kind::Expired,
            "what this idempotency key made was deleted or has expired; use a new key",
        ),
        error => error.into(),
    }
}

pub(super) fn replayed(response: &mut Response, replayed: bool) {
    if replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
}

pub(super) fn location(path: &str) -> HeaderValue {
    HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"))
}

/// One page of jobs, newest first.
pub(super) async fn list(
    State(ctx): State<Ctx>,
    Caller { owner, .. }: Caller,
    gateway: Gateway,
    parts: Parts,
) -> Result<Response, Problem> {
    let query = input::query(&parts)?;
    let state: Option<JobState> =
        query.parsed("status", "submitted, running, finished, failed or cancelled")?;
    let before: Option<JobId> = query.parsed("cursor", "the next of an earlier page")?;
    let limit: Option<NonZeroU32> = query.parsed("limit", "a whole number from 1 on")?;
    let limit = limit.map_or(DEFAULT_PAGE, NonZeroU32::get).min(MAX_PAGE);
    let page = ctx.jobs().list(&ListQuery { owner, state, before, limit: limit as usize }).await?;
    let next = page.next.map(|next| gateway.link(&next_link(next, limit, state)));
    let this = parts.uri.path_and_query().map_or("/v1/jobs", |path| path.as_str());
    let body = JobPage {
        jobs: page.items.iter().map(|job| view::job(job, &gateway)).collect(),
        next: page.next,
        links: PageLinks { this: gateway.link(this), next: next.clone() },
    };
    let mut response = Json(body).into_response();
    if let Some(link) = next.and_then(|next| HeaderValue::try_from(format!("<{next}>; rel=\"next\"")).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

fn next_link(next: JobId, limit: u32, state: Option<JobState>) -> String {
    let state = state.map(|state| format!("&status={state}")).unwrap_or_default();
    format!("/v1/jobs?cursor={next}&limit={limit}{state}")
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use pssp_api_types::{Form, Job, JobPage, JobRequest, schema};

    use super::{DEFAULT_PAGE, MAX_PAGE};
    use crate::operation::{Answer, Body, Operation, number, text, uuid};
    use utoipa::openapi::Ref;

    /// The description of a body with one sequence, in every accepted form.
    pub(in crate::routes) fn one_sequence() -> Body {
        let description = "One sequence, also as a FASTA record; plain or with `Content-Encoding: gzip`. Without a \
                           Content-Type it is read as text.";
        Body::new(description, true).of::<JobRequest>("application/json").fasta().form::<Form>()
    }

    pub(in crate::routes) fn create(o: Operation) -> Operation {
        let job = |description| {
            Answer::json::<Job>(description).headers([
                "Location",
                "ETag",
                "Retry-After",
                "Preference-Applied",
                "Idempotent-Replayed",
            ])
        };
        o.id("createJob", "jobs", "Submit one sequence")
            .shared_parameter("idempotencyKey")
            .shared_parameter("cacheControl")
            .shared_parameter("prefer")
            .query("name", "for text bodies; else that of the FASTA header", text())
            .switch("force", "take what looks like nucleotides; a body may say so, too")
            .body(one_sequence())
            .answer(
                201,
                job("the job, already finished (a reused result, a replayed key, or `Prefer: wait`)"),
            )
            .answer(202, job("the job, on its way"))
            .problems([
                (400, "Unparsable"),
                (408, "SlowBody"),
                (410, "Expired"),
                (413, "TooLarge"),
                (415, "UnsupportedMediaType"),
                (422, "InvalidInput"),
            ])
    }

    pub(in crate::routes) fn list(o: Operation) -> Operation {
        let limit = format!("Jobs on a page; more than {MAX_PAGE} counts as {MAX_PAGE}.");
        o.id("listJobs", "jobs", "Your jobs, newest first")
            .query("status", "only jobs in this state", Ref::from_schema_name("State"))
            .query("limit", &limit, number(1).default(Some(DEFAULT_PAGE.into())))
            .query("cursor", "the `next` of an earlier page", uuid())
            .answer(200, Answer::json::<JobPage>("one page").with_schema::<schema::State>().headers(["Link"]))
            .problem(400, "Unparsable")
    }
}
