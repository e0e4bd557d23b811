//! `/v1/jobs/{id}/events`: every change of a job as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pssp_jobs::service::JobsError;
use pssp_jobs::{Job, JobId, Owner, Watcher};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::JobPath;
use crate::app::Ctx;
use crate::auth::Caller;
use crate::gateway::Gateway;
use crate::headers::LAST_EVENT_ID;
use crate::problem::Problem;
use crate::view::{self, JobView};

/// Whether a proxy (nginx, and others that follow it) may hold an answer back until more of it is there.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How long a client should wait before it connects again.
const RECONNECT: Duration = Duration::from_secs(2);

/// How long an answer is held for something new, where it cannot be a stream.
const HOLD: Duration = Duration::from_secs(20);

/// The state now, then each later one, up to the last. What the client has seen (`Last-Event-ID`) is
/// not sent again; if that was the last, 204 tells it to stay away. Where answers cannot be streams it is
/// one event at a time.
pub(super) async fn watch(
    State(ctx): State<Ctx>,
    Caller(owner): Caller,
    JobPath(id): JobPath,
    gateway: Gateway,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let watcher = ctx.jobs().watch(id); // before reading, so that no change is missed
    let job = ctx.jobs().find(&owner, id).await?;
    let seen = headers.get(LAST_EVENT_ID).and_then(|v| v.to_str().ok()).map(str::to_owned);
    if job.state().is_terminal() && seen.as_deref() == Some(&view::event_id(&job.status)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let permit = ctx.waits.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::overloaded("too many event streams at the moment"))?;
    let keep_alive = KeepAlive::new().interval(ctx.config().sse_heartbeat);
    let (streaming, hold) = (ctx.config().streaming, gateway.cap(HOLD));
    let events = Events { ctx, gateway, owner, id, watcher, seen, first: true, done: false, _permit: permit };
    let mut response = if streaming {
        Sse::new(stream::unfold(events, Events::next).fuse()).keep_alive(keep_alive).into_response()
    } else {
        events.held(hold).await
    };
    response.headers_mut().insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

struct Events {
    ctx: Ctx,
    gateway: Gateway,
    owner: Owner,
    id: JobId,
    watcher: Box<dyn Watcher>,
    /// The event that the client knows.
    seen: Option<String>,
    first: bool,
    done: bool,
    _permit: OwnedSemaphorePermit,
}

impl Events {
    /// What is new as a whole answer: at once if something is, else after up to `hold`. The client then
    /// connects again, with the id of the last event that it has seen.
    async fn held(self, hold: Duration) -> Response {
        let event = match tokio::time::timeout(hold, self.next()).await {
            Ok(Some((Ok(event), _))) => event,
            Ok(None) | Err(_) => Event::default().comment("nothing new").retry(RECONNECT),
        };
        Sse::new(stream::iter([Ok::<_, Infallible>(event)])).into_response()
    }

    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        while !self.done {
            if let Some(event) = self.news().await {
                return Some((Ok(event), self));
            }
            if self.done {
                break;
            }
            let shutdown = self.ctx.app.shutdown.clone();
            tokio::select! {
                () = self.watcher.changed() => {}
                () = shutdown.cancelled() => self.done = true,
            }
        }
        None
    }

    /// What the client does not know yet, if anything.
    async fn news(&mut self) -> Option<Event> {
        match self.ctx.jobs().find(&self.owner, self.id).await {
            Ok(job) => {
                self.done = job.state().is_terminal();
                self.changed(&job)
            }
            Err(JobsError::NotFound | JobsError::Expired(_)) => {
                self.done = true;
                Some(Event::default().event("deleted").data(json!({ "id": self.id }).to_string()))
            }
            Err(error) => {
                tracing::warn!(job = %self.id, "event stream of job {} ends: {error}", self.id);
                self.done = true; // the client connects again and goes on where it was
                None
            }
        }
    }

    fn changed(&mut self, job: &Job) -> Option<Event> {
        let id = view::event_id(&job.status);
        if self.seen.as_ref() == Some(&id) {
            return None;
        }
        self.seen = Some(id.clone());
        let event = Event::default().event("status").id(id).data(JobView::of(job, &self.gateway).to_json());
        Some(if std::mem::take(&mut self.first) { event.retry(RECONNECT) } else { event })
    }
}
