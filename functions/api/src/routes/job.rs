//! `/v1/jobs/{id}`: reads a job (with an optional wait), cancels it, deletes it.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use pssp_common::PeerClosed;
use pssp_jobs::{Job, JobId};

use super::path::JobPath;
use crate::app::Ctx;
use crate::auth::Caller;
use crate::gateway::Gateway;
use crate::headers::{self, PREFERENCE_APPLIED};
use crate::input;
use crate::problem::Problem;
use crate::view;

/// A job, read after the wait that the caller prefers.
pub(super) struct Awaited {
    pub(super) job: Job,
    /// The wait that was applied.
    applied: Option<Duration>,
    /// Whether to show the errors of all attempts.
    with_attempts: bool,
}

/// Waits as long as the caller prefers. It does not wait if too many requests wait already or this process shuts
/// down: a preference need not be followed.
pub(super) async fn awaited(
    ctx: &Ctx,
    Caller { owner, client, .. }: &Caller,
    peer: &PeerClosed,
    id: JobId,
    wait: Option<Duration>,
) -> Result<Awaited, Problem> {
    let place = wait.and_then(|wait| Some((wait, ctx.waits.take(client)?)));
    if let Some((wait, _place)) = place {
        tokio::select! {
            job = ctx.jobs().wait(owner, id, wait) => return Ok(Awaited { applied: Some(wait), ..Awaited::at_once(job?) }),
            () = ctx.app.shutdown.cancelled() => {}
            // A client that closed only its sending side still gets the answer, but no wait.
            () = peer.closed() => {}
        }
    }
    Ok(Awaited::at_once(ctx.jobs().find(owner, id).await?))
}

impl Awaited {
    pub(super) fn at_once(job: Job) -> Self {
        Self { job, applied: None, with_attempts: false }
    }

    /// The job as the body, with the headers `ETag`, `Preference-Applied` and `Retry-After`.
    pub(super) fn into_response(self, ctx: &Ctx, gateway: &Gateway) -> Response {
        let mut body = view::job(&self.job, gateway);
        if self.with_attempts {
            body.attempt_errors = Some(self.job.status.errors.iter().map(Into::into).collect());
        }
        let body = view::json(&body);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        if let Ok(etag) = HeaderValue::try_from(view::etag(&body)) {
            headers.insert(header::ETAG, etag);
        }
        if let Some(wait) = self.applied {
            headers.insert(PREFERENCE_APPLIED, headers::applied(wait));
        }
        if !self.job.state().is_terminal() {
            let after = headers::poll_again(&self.job, ctx.jobs().now());
            headers.insert(header::RETRY_AFTER, headers::seconds(after));
        }
        (headers, body).into_response()
    }
}

pub(super) async fn read(
    State(ctx): State<Ctx>,
    caller: Caller,
    JobPath(id): JobPath,
    gateway: Gateway,
    parts: Parts,
) -> Result<Response, Problem> {
    let headers = &parts.headers;
    let with_attempts = input::query(&parts)?.switch("attempts")?;
    let wait = gateway.wait(headers, ctx.config().max_wait);
    let awaited = Awaited {
        with_attempts,
        ..awaited(&ctx, &caller, &PeerClosed::of(&parts.extensions), id, wait).await?
    };
    let mut response = awaited.into_response(&ctx, &gateway);
    let etag = response.headers().get(header::ETAG).and_then(|v| v.to_str().ok());
    if etag.is_some_and(|etag| headers::none_match(headers, etag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = axum::body::Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    Ok(response)
}

/// The status is 202 the first time and 200 when repeated.
pub(super) async fn cancel(
    State(ctx): State<Ctx>,
    Caller { owner, .. }: Caller,
    JobPath(id): JobPath,
    gateway: Gateway,
) -> Result<Response, Problem> {
    let cancelled = ctx.jobs().cancel(&owner, id).await?;
    let status = if cancelled.replayed { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Awaited::at_once(cancelled.value).into_response(&ctx, &gateway)).into_response())
}

/// The status is 204 whether or not there was a job, so that the request can be repeated.
pub(super) async fn delete(
    State(ctx): State<Ctx>,
    Caller { owner, .. }: Caller,
    JobPath(id): JobPath,
) -> Result<StatusCode, Problem> {
    ctx.jobs().delete(&owner, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use pssp_api_types::Job;

    use crate::operation::{Answer, Operation};

    fn job(description: &str) -> Answer {
        Answer::json::<Job>(description).headers(["ETag", "Retry-After", "Preference-Applied"])
    }

    pub(in crate::routes) fn read(o: Operation) -> Operation {
        o.id("readJob", "jobs", "One job; waits for it with `Prefer: wait`")
            .shared_parameter("prefer")
            .switch("attempts", "also show the error of each attempt")
            .header("If-None-Match", "the ETag of the job as the caller knows it")
            .answer(200, job("the job"))
            .answer(304, Answer::new("as the caller knows it").headers(["ETag", "Retry-After"]))
            .problems([(400, "Unparsable"), (404, "NotFound"), (410, "Expired")])
    }

    pub(in crate::routes) fn cancel(o: Operation) -> Operation {
        o.id("cancelJob", "jobs", "Cancel a job")
            .answer(200, job("it was cancelled before"))
            .answer(202, job("cancelled"))
            .problems([(404, "NotFound"), (409, "Conflict"), (410, "Expired")])
    }

    pub(in crate::routes) fn delete(o: Operation) -> Operation {
        o.id("deleteJob", "jobs", "Cancel and purge; may be repeated")
            .answer(204, Answer::new("it is gone, or never was"))
            .problem(404, "NotFound")
    }
}
