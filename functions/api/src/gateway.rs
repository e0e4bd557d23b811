//! A gateway in front of the service: its information about a request, and its limits on answers.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Extensions, HeaderMap, header};
use http_body_util::LengthLimitError;
use tokio::time::Instant;

use crate::app::Ctx;
use crate::headers;
use crate::paths;
use crate::problem::{Kind, Problem};

/// The time that is reserved after a wait for reading the job and writing the answer.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// The gateway's information about a request. The host adds it to the extensions of the request. Behind the
/// server of `pssp-host` there is no gateway, and the default applies.
#[derive(Debug, Clone, Default)]
pub struct Gateway {
    /// The prefix that callers need before the paths of the API. Every link begins with it.
    pub prefix: String,
    /// The time when the answer must be complete.
    pub answer_by: Option<Instant>,
    /// The address of the caller, as the gateway saw it.
    pub peer: Option<IpAddr>,
    /// The gateway's id of the request, used if the caller sends none.
    pub request_id: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Gateway {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

impl Gateway {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// A path of the API as the caller has to write it.
    pub(crate) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The time that the caller wants to wait (`Prefer: wait`), cut to `max` and to the time of the gateway.
    pub(crate) fn wait(&self, headers: &HeaderMap, max: Duration) -> Option<Duration> {
        headers::wait(headers, self.cap(max))
    }

    /// `max`, or less if the gateway does not leave so much time.
    pub(crate) fn cap(&self, max: Duration) -> Duration {
        self.left().map_or(max, |left| left.saturating_sub(ANSWER_TIME).min(max))
    }

    /// The time that is left for the answer, if it is known.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.answer_by.map(|by| by.saturating_duration_since(Instant::now()))
    }
}

/// The most bytes of a prefix that a proxy tells.
const MAX_PREFIX_BYTES: usize = 200;

/// The prefix that a proxy has removed from the path, as it tells in `X-Forwarded-Prefix`.
pub(crate) fn forwarded_prefix(headers: &HeaderMap) -> Option<String> {
    let prefix = headers.get("x-forwarded-prefix")?.to_str().ok()?.trim_end_matches('/');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let is_path = prefix.starts_with('/') && !prefix.contains("//") && prefix.bytes().all(allowed);
    (is_path && prefix.len() <= MAX_PREFIX_BYTES).then(|| prefix.to_owned())
}

/// Collects every answer, for a gateway that does not accept streams. An answer that is too large, too slow or
/// broken off becomes a problem. This is the outermost layer, so that it measures answers after compression.
pub(crate) async fn collect(State(ctx): State<Ctx>, request: Request, next: Next) -> Response {
    let Some(most) = ctx.config().max_answer_bytes else { return next.run(request).await };
    let gateway = Gateway::of(request.extensions());
    let is_v1 = paths::is_v1(request.uri().path());
    let (parts, body) = next.run(request).await.into_parts();
    if body.size_hint().exact().is_some_and(|size| size <= most as u64) {
        return Response::from_parts(parts, body);
    }
    let request_id = parts.headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let bytes = axum::body::to_bytes(body, most);
    let collected = match gateway.left() {
        Some(left) => tokio::time::timeout(left, bytes).await,
        None => Ok(bytes.await),
    };
    let problem = match collected {
        Ok(Ok(bytes)) => return Response::from_parts(parts, bytes.into()),
        Ok(Err(error)) if is_too_long(&error) => too_long(most),
        Ok(Err(_)) => Problem::new(Kind::Unavailable, "the answer broke off; ask again")
            .with_retry_after(Duration::from_secs(5)),
        Err(_) => Problem::new(Kind::Timeout, "the answer takes longer than the gateway waits; ask for less"),
    };
    let mut response = problem.clone().into_response();
    response.extensions_mut().remove::<Problem>();
    problem.write(&mut response, request_id, is_v1);
    for name in ["x-request-id", "x-content-type-options"] {
        if let Some(value) = parts.headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response.headers_mut().remove(header::CONTENT_ENCODING);
    response
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<LengthLimitError>())
}

fn too_long(most: usize) -> Problem {
    let detail = "the answer is larger than the gateway lets through; accept gzip, or read the jobs one by one \
                  (fewer records in a batch, a smaller limit in a list)";
    Problem::new(Kind::TooLarge, detail).with_limit("max_answer_bytes", most)
}
