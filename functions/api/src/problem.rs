//! Every error that a caller can get: RFC 9457 in the v1 API, text in the classic API.
//!
//! A handler returns a [`Problem`], which becomes an extension of the response. A layer around all routes knows
//! the request id and the API (classic or v1), and writes the problem as the body.

mod kind;

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use pssp_api_types::{self as types, JobError, LimitExceeded};
use pssp_common::error_chain;
use pssp_jobs::intake::{IntakeError, Paused};
use pssp_jobs::service::JobsError;
use pssp_jobs::{Failure, Refused, StoreError};
use pssp_predict::name;
use pssp_predict::sequence::{ErrorCode, InputError, InputErrors};

use crate::retry_after;
pub(crate) use kind::Kind;

/// The default of `Retry-After`.
const RETRY_SOON: Duration = Duration::from_secs(1);
/// `Retry-After` if the store failed.
const RETRY_STORE: Duration = Duration::from_secs(5);
/// `Retry-After` if the store is full: results expire or are deleted, which takes time.
const RETRY_FULL: Duration = Duration::from_mins(1);
/// `Retry-After` if the store refuses the service: a person has to act.
const RETRY_DENIED: Duration = Duration::from_secs(30);

/// Pause between two log lines about a store that is full or refuses. Every request meets the same error.
const LOG_PAUSE: Duration = Duration::from_secs(10);

/// `Retry-After` if intake is paused and the end of the pause is unknown.
const RETRY_PAUSED: Duration = Duration::from_mins(5);

/// The most characters of the caller's text that an error repeats.
const MAX_ECHO_CHARS: usize = 200;

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    kind: Kind,
    detail: String,
    faults: Vec<InputError>,
    retry_after: Option<Duration>,
    headers: HeaderMap,
    limit: Option<LimitExceeded>,
    error: Option<JobError>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let headers = HeaderMap::new();
        Self(Box::new(Parts {
            kind,
            detail: detail.into(),
            faults: Vec::new(),
            retry_after: None,
            headers,
            limit: None,
            error: None,
        }))
    }

    /// An error of the service. The log has its whole text, but the caller does not see it.
    pub(crate) fn internal(error: &dyn Error) -> Self {
        tracing::error!(error = %error_chain(error), "request failed: {}", error_chain(error));
        Self::new(Kind::Internal, "the fault is ours and has been logged; quote the request id")
    }

    /// There is no job with this id, or it belongs to another owner.
    pub(crate) fn no_job() -> Self {
        Self::new(Kind::NotFound, "no job of yours has this id; ids are UUIDs")
    }

    /// Something exceeds the limit `name` (as in `/v1/limits`).
    pub(crate) fn too_large(what: &str, limit: usize, unit: &str, name: &str) -> Self {
        Self::new(Kind::TooLarge, format!("{what} is over the limit of {limit} {unit} ({name})"))
            .with_limit(name, limit)
    }

    /// A limit on load is reached. The same request may succeed later.
    pub(crate) fn overloaded(what: &str) -> Self {
        Self::new(Kind::Overloaded, what).with_retry_after(RETRY_SOON)
    }

    pub(crate) fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    pub(crate) fn with_fault(mut self, fault: InputError) -> Self {
        self.0.faults.push(fault);
        self
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Adds the exceeded limit, with its name in `/v1/limits`.
    pub(crate) fn with_limit(mut self, name: &str, value: usize) -> Self {
        self.0.limit = Some(LimitExceeded { name: name.to_owned(), value });
        self
    }

    /// Adds the failure of the job.
    pub(crate) fn with_error(mut self, error: Option<&Failure>) -> Self {
        self.0.error = error.map(JobError::from);
        self
    }

    /// The same problem for the classic API, which uses status 400 for input that is not a protein sequence.
    pub(crate) fn classic(mut self) -> Self {
        if self.0.kind == Kind::InvalidInput {
            self.0.kind = Kind::Unparsable;
        }
        self
    }

    /// Writes this problem as the body and the headers of `response`.
    pub(crate) fn write(self, response: &mut Response, request_id: &str, as_json: bool) {
        let (content_type, body) = if as_json {
            ("application/problem+json", self.json(request_id))
        } else {
            ("text/plain; charset=utf-8", self.text())
        };
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.extend(self.headers());
        *response.body_mut() = body.into();
    }

    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }

    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    pub(crate) fn faults(&self) -> &[InputError] {
        &self.0.faults
    }

    /// The whole seconds after which the same request may succeed.
    pub(crate) fn retry_s(&self) -> Option<u64> {
        self.0.retry_after.map(retry_after::whole_seconds)
    }

    /// The headers of its answer, whatever its body is.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = self.0.headers.clone();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, retry_after::seconds(after));
        }
        headers
    }

    fn json(&self, request_id: &str) -> String {
        let Parts { kind, detail, faults, retry_after, limit, error, .. } = &*self.0;
        let body = types::Problem {
            kind: format!("urn:pssp:problem:{}", kind.slug()),
            title: kind.title().to_owned(),
            status: kind.status().as_u16(),
            detail: detail.clone(),
            request_id: request_id.to_owned(),
            retryable: retry_after.is_some(),
            errors: faults.iter().map(Into::into).collect(),
            error: error.clone(),
            limit: limit.clone(),
        };
        serde_json::to_string(&body).unwrap_or_default() // cannot fail: the body has only text and numbers
    }

    fn text(&self) -> String {
        // The detail already contains the first error with its place.
        let others = self.0.faults.iter().skip(1);
        let lines = others.map(|fault| format!("{}; {}\n", fault.detail, fault.hint));
        format!("{}\n{}", self.0.detail, lines.collect::<String>())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<InputErrors> for Problem {
    fn from(errors: InputErrors) -> Self {
        let mut problem = Self::new(Kind::InvalidInput, errors.to_string());
        problem.0.faults = errors.into();
        problem
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        let detail = error.to_string();
        match error {
            IntakeError::Input(errors) => errors.into(),
            IntakeError::Name(fault) => {
                Self::too_large("the name", name::MAX_BYTES, "bytes", "max_name_bytes").with_fault(fault)
            }
            IntakeError::TooManyRecords { max, first } => {
                Self::too_large("the batch", max, "records", "max_batch_records").with_fault(first)
            }
            IntakeError::Empty => {
                let fault =
                    InputError::new(ErrorCode::EmptyBody, "there is no record", "send at least one record");
                Self::new(Kind::InvalidInput, detail).with_fault(fault)
            }
            IntakeError::NoneUsable { errors, .. } => {
                errors.into_iter().fold(Self::new(Kind::InvalidInput, detail), Self::with_fault)
            }
            other => Self::internal(&other),
        }
    }
}

impl From<Paused> for Problem {
    fn from(paused: Paused) -> Self {
        Self::new(Kind::Maintenance, paused.to_string()).with_retry_after(paused.left.unwrap_or(RETRY_PAUSED))
    }
}

impl From<JobsError> for Problem {
    fn from(error: JobsError) -> Self {
        match error {
            JobsError::NotFound => Self::no_job(),
            JobsError::Expired(at) => Self::new(Kind::Expired, format!("kept until {at}, then forgotten")),
            JobsError::TooMany { most, .. } => Self::new(Kind::TooManyRequests, error.to_string())
                .with_limit("max_jobs_of_owner", usize::try_from(most).unwrap_or(usize::MAX))
                .with_retry_after(RETRY_FULL),
            JobsError::Refused(Refused::State(..)) => Self::new(Kind::Conflict, error.to_string()),
            JobsError::Refused(_) => {
                Self::new(Kind::Conflict, error.to_string()).with_retry_after(RETRY_SOON)
            }
            JobsError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotFound => Self::no_job(),
            StoreError::Conflict(_) => {
                Self::new(Kind::Conflict, error.to_string()).with_retry_after(RETRY_SOON)
            }
            StoreError::KeyReused => Self::new(
                Kind::KeyReused,
                "this idempotency key came before with another request; use a new key",
            ),
            StoreError::TooLarge(what) => Self::new(Kind::TooLarge, what.clone()),
            StoreError::Full(_) => {
                log_store_failure(&error);
                let detail = "there is no room for new jobs now; those that were accepted will finish, and results stay \
                              readable; try again later, or delete jobs that you need no more";
                Self::new(Kind::StorageFull, detail).with_retry_after(RETRY_FULL)
            }
            StoreError::Denied(_) => {
                log_store_failure(&error);
                Self::new(Kind::Unavailable, "the store refuses this service; the operator has been told")
                    .with_retry_after(RETRY_DENIED)
            }
            temporary if temporary.is_temporary() => {
                tracing::warn!(error = %error_chain(&error), "the store failed: {}", error_chain(&error));
                Self::new(Kind::Unavailable, "the store does not answer; try again later")
                    .with_retry_after(RETRY_STORE)
            }
            _ => Self::internal(&error),
        }
    }
}

/// Logs an error that an operator must act on, at most once in a while.
fn log_store_failure(error: &StoreError) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_none_or(|at| at.elapsed() >= LOG_PAUSE) {
        *last = Some(Instant::now());
        tracing::error!(error = %error_chain(error), "new jobs are refused: {}", error_chain(error));
    }
}

/// The caller's text as repeated in an error: on one line, and cut.
pub(crate) fn echo(text: &str) -> String {
    let mut shown: String =
        text.chars().take(MAX_ECHO_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MAX_ECHO_CHARS).is_some() {
        shown.push('…');
    }
    shown
}
