//! The Runtime API of one execution environment.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use super::process::signal;
use super::{InvokeError, LARGEST_RESPONSE};

/// The channel for the answer to an invocation.
type Reply = oneshot::Sender<Result<Bytes, InvokeError>>;

/// An event for the function.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) id: String,
    pub(super) event: Bytes,
    pub(super) deadline_ms: i64,
    pub(super) function_arn: String,
    pub(super) reply: Reply,
}

/// The state of the initialisation.
#[derive(Clone, Debug)]
pub(super) enum Init {
    Running,
    /// The function has asked for its first invocation.
    Done,
    Failed(InvokeError),
}

/// State that the handlers share with the environment.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) init: watch::Sender<Init>,
    /// The id of the process, once it is started.
    pub(super) process: OnceLock<u32>,
    waiting: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    /// The invocation in progress: its id, and the channel for its answer.
    current: Mutex<Option<(String, Reply)>>,
}

impl Api {
    /// New state, and the channel for invocations.
    pub(super) fn new() -> (Arc<Self>, mpsc::Sender<Invocation>) {
        let (sender, receiver) = mpsc::channel(1);
        let api = Self {
            init: watch::Sender::new(Init::Running),
            process: OnceLock::new(),
            waiting: tokio::sync::Mutex::new(receiver),
            current: Mutex::default(),
        };
        (Arc::new(api), sender)
    }

    pub(super) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            // The limit here is above Lambda's, so that a response that is too large gets Lambda's error below.
            .layer(DefaultBodyLimit::max(4 * LARGEST_RESPONSE))
            .with_state(self)
    }

    /// The channel for the answer to `id`, if that is the invocation in progress.
    fn take(&self, id: &str) -> Option<Reply> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.take_if(|(running, _)| running == id).map(|(_, reply)| reply)
    }

    /// Waits for an invocation, and freezes the process meanwhile.
    async fn wait(&self) -> Option<Invocation> {
        let mut waiting = self.waiting.lock().await;
        if let Ok(invocation) = waiting.try_recv() {
            return Some(invocation);
        }
        let process = self.process.get().copied();
        process.inspect(|process| signal(*process, Signal::STOP));
        let invocation = waiting.recv().await;
        process.inspect(|process| signal(*process, Signal::CONT));
        invocation
    }
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    api.init.send_replace(Init::Done);
    let Some(invocation) = api.wait().await else {
        return StatusCode::GONE.into_response();
    };
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", invocation.id.clone()),
        ("lambda-runtime-deadline-ms", invocation.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", invocation.function_arn),
        ("lambda-runtime-trace-id", trace_id()),
    ];
    let current = Some((invocation.id, invocation.reply));
    *api.current.lock().unwrap_or_else(PoisonError::into_inner) = current;
    (headers, invocation.event).into_response()
}

async fn response(State(api): State<Arc<Api>>, Path(id): Path<String>, body: Bytes) -> Response {
    let Some(reply) = api.take(&id) else { return unknown(&id) };
    if body.len() > LARGEST_RESPONSE {
        let message = format!(
            "Response payload size ({} bytes) exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes).",
            body.len()
        );
        // An error here means that the caller no longer waits. That is not an error of the function.
        let _ = reply.send(Err(InvokeError::function("Function.ResponseSizeTooLarge", message.clone())));
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message);
    }
    let _ = reply.send(Ok(body));
    accepted()
}

async fn error(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(reply) = api.take(&id) else { return unknown(&id) };
    let _ = reply.send(Err(reported(&headers, &body)));
    accepted()
}

async fn init_error(State(api): State<Arc<Api>>, headers: HeaderMap, body: Bytes) -> Response {
    api.init.send_replace(Init::Failed(reported(&headers, &body)));
    accepted()
}

/// The error that the function reports, from the body or else from the header.
fn reported(headers: &HeaderMap, body: &[u8]) -> InvokeError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let header = headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    let kind = body["errorType"].as_str().or(header).unwrap_or("Unhandled");
    InvokeError::function(kind, body["errorMessage"].as_str().unwrap_or_default())
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "status": "OK" }))).into_response()
}

fn unknown(id: &str) -> Response {
    refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", &format!("Invalid request ID: {id}"))
}

fn refuse(status: StatusCode, kind: &str, message: &str) -> Response {
    (status, Json(json!({ "errorType": kind, "errorMessage": message }))).into_response()
}

/// The id of a trace that is not sampled.
fn trace_id() -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    let seconds = jiff::Timestamp::now().as_second();
    format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", &random[..24], &random[..16])
}
