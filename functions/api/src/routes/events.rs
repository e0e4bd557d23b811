//! `/v1/jobs/{id}/events`: sends every change of a job as a server-sent event.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode};
use pssp_api_types::{Deleted, JobEventKind};
use pssp_common::PeerClosed;
use pssp_jobs::service::JobsError;
use pssp_jobs::{Job, JobId, Owner, Watcher};
use tokio::time::Instant;

use super::path::JobPath;
use crate::app::Ctx;
use crate::auth::Caller;
use crate::bounds::Waiting;
use crate::gateway::Gateway;
use crate::headers::LAST_EVENT_ID;
use crate::problem::Problem;
use crate::view;

/// Controls whether a proxy (nginx, and others with the same header) may buffer the answer.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The time that a client should wait before it connects again.
const RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// The longest wait for a new event, if the answer cannot be a stream.
const LONG_POLL_TIMEOUT: Duration = Duration::from_secs(20);

/// Sends the current state, then each later state up to the terminal one. A state that the client already has
/// (`Last-Event-ID`) is not sent again. If it was the terminal one, the status is 204, so that the client does not
/// connect again. If answers cannot be streams, each answer has one event.
pub(super) async fn watch(
    State(ctx): State<Ctx>,
    Caller { owner, client, .. }: Caller,
    JobPath(id): JobPath,
    gateway: Gateway,
    extensions: Extensions,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let watcher = ctx.jobs().watch(id); // before reading, so that no change is missed
    let job = ctx.jobs().find(&owner, id).await?;
    let seen = headers.get(LAST_EVENT_ID).and_then(|v| v.to_str().ok()).map(str::to_owned);
    if job.state().is_terminal() && seen.as_deref() == Some(&view::event_id(&job.status)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let place = ctx.waits.take(&client);
    let place = place.ok_or_else(|| Problem::overloaded("too many event streams at the moment"))?;
    let keep_alive = KeepAlive::new().interval(ctx.config().sse_heartbeat);
    let (streaming, timeout) = (ctx.config().streaming, gateway.cap(LONG_POLL_TIMEOUT));
    let ends_at = Instant::now() + ctx.config().max_stream_age;
    let peer = PeerClosed::of(&extensions);
    let events = Events {
        ctx,
        gateway,
        owner,
        id,
        watcher,
        seen,
        first: true,
        done: false,
        ends_at,
        peer,
        _place: place,
    };
    let mut response = if streaming {
        Sse::new(stream::unfold(events, Events::next).fuse()).keep_alive(keep_alive).into_response()
    } else {
        events.long_poll(timeout).await
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
    /// The id of the last event that the client has.
    seen: Option<String>,
    first: bool,
    done: bool,
    ends_at: Instant,
    peer: PeerClosed,
    _place: Waiting,
}

impl Events {
    /// A complete answer with the next event. Waits at most `timeout` for it. Afterwards the client connects again
    /// and sends the id of the last event that it has.
    async fn long_poll(self, timeout: Duration) -> Response {
        let event = match tokio::time::timeout(timeout, self.next()).await {
            Ok(Some((Ok(event), _))) => event,
            Ok(None) | Err(_) => Event::default().comment("nothing new").retry(RECONNECT_DELAY),
        };
        Sse::new(stream::iter([Ok::<_, Infallible>(event)])).into_response()
    }

    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        while !self.done {
            if let Some(event) = self.new_event().await {
                return Some((Ok(event), self));
            }
            if self.done {
                break;
            }
            let shutdown = self.ctx.app.shutdown.clone();
            tokio::select! {
                () = self.watcher.changed() => {}
                () = shutdown.cancelled() => self.done = true,
                () = self.peer.closed() => self.done = true,
                () = tokio::time::sleep_until(self.ends_at) => self.done = true,
            }
        }
        None
    }

    /// The event for the current state, if the client does not have it yet.
    async fn new_event(&mut self) -> Option<Event> {
        match self.ctx.jobs().find(&self.owner, self.id).await {
            Ok(job) => {
                self.done = job.state().is_terminal();
                self.changed(&job)
            }
            Err(JobsError::NotFound | JobsError::Expired(_)) => {
                self.done = true;
                let deleted = serde_json::to_string(&Deleted { id: self.id }).unwrap_or_default(); // cannot fail
                Some(Event::default().event(JobEventKind::Deleted.as_str()).data(deleted))
            }
            Err(error) => {
                tracing::warn!(job = %self.id, "event stream of job {} ends: {error}", self.id);
                self.done = true; // the client connects again and continues after its last event
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
        let event = Event::default()
            .event(JobEventKind::Status.as_str())
            .id(id)
            .data(view::json(&view::job(job, &self.gateway)));
        Some(if std::mem::take(&mut self.first) { event.retry(RECONNECT_DELAY) } else { event })
    }
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use pssp_api_types::{Deleted, JobEvent};
    use utoipa::ToSchema;
    use utoipa::openapi::Ref;

    use crate::operation::{Answer, Operation};

    pub(in crate::routes) fn watch(o: Operation) -> Operation {
        let description = "events `status` with the job as data and `<status>-<attempts>` as id; `deleted` with the \
            job's id as data if it goes. A comment every 15 s. Ends after the last. Behind a gateway that takes no \
            streams (such as AWS Lambda) it is one event, or a comment if nothing happens for 20 s: connect again \
            with `Last-Event-ID`, as EventSource does on its own.";
        o.id("watchJob", "jobs", "Every change of a job as server-sent events")
            .header("Last-Event-ID", "the last event that the caller has seen: not to be sent again")
            .answer(
                200,
                Answer::new(description)
                    .content("text/event-stream", Ref::from_schema_name(JobEvent::name()))
                    .with_schema::<JobEvent>()
                    .with_schema::<Deleted>(),
            )
            .answer(204, Answer::new("`Last-Event-ID` was the last there is"))
            .problems([(404, "NotFound"), (410, "Expired")])
    }
}
