//! HTTP events for a router: API Gateway (REST and HTTP APIs), function URLs, load balancers.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Extensions, StatusCode, Uri, header};
use lambda_http::request::RequestContext;
use lambda_http::{Body, IntoResponse, Request, RequestExt, Response, Service, service_fn};
use tokio::time::Instant;
use tower::ServiceExt;

use super::mount::Mount;
use super::{Invocation, told};

/// The largest answer that fits Lambda's 6 MB once it is written as base64 within its envelope.
pub const MAX_ANSWER: usize = (6 * 1024 * 1024 - 64 * 1024) / 4 * 3;

/// The largest body of a request that fits likewise.
pub const MAX_REQUEST: usize = MAX_ANSWER;

/// How long an API Gateway waits for an answer (29 s), with a second to spare. Function URLs and load
/// balancers wait as long as the function may run.
const GATEWAY: Duration = Duration::from_secs(28);

/// What is kept of the function's time for handing the answer over.
const MARGIN: Duration = Duration::from_millis(500);

/// What an event tells about its request beside the request itself.
#[derive(Debug, Clone)]
pub struct Through {
    /// What callers have to put before our paths, for links.
    pub prefix: String,
    /// When the answer must be there.
    pub answer_by: Instant,
    /// The platform's id of the request.
    pub request_id: String,
}

/// Answers events until the platform ends the process. `enter` puts what a handler shall know of the
/// gateway among the extensions of a request.
///
/// # Errors
/// If the Runtime API does not answer.
pub async fn run(
    router: Router,
    enter: impl Fn(&mut Extensions, Through) + Send + Sync + 'static,
) -> anyhow::Result<()> {
    lambda_http::run(service(router, enter)).await.map_err(told)
}

/// What [`run`] runs: from an event's request to its answer.
pub fn service(
    router: Router,
    enter: impl Fn(&mut Extensions, Through) + Send + Sync + 'static,
) -> impl Service<Request, Response = Answer, Error = Infallible, Future: Send + 'static> + Clone + Send + 'static
{
    let enter = Arc::new(enter);
    service_fn(move |request: Request| answer(router.clone(), request, enter.clone()))
}

async fn answer<E>(router: Router, request: Request, enter: Arc<E>) -> Result<Answer, Infallible>
where
    E: Fn(&mut Extensions, Through),
{
    let invocation = Invocation::of(&request.lambda_context());
    let mount = Mount::of(&request);
    let answer_by = answer_by(&request, &invocation);
    let through = Through { prefix: mount.prefix, answer_by, request_id: invocation.request_id };
    let mut inner = axum::http::Request::new(body(&request));
    *inner.method_mut() = request.method().clone();
    *inner.headers_mut() = request.headers().clone();
    let Ok(uri) = uri(&mount.path, request.uri().query()) else {
        return Ok(Answer::plain(StatusCode::BAD_REQUEST, "the path cannot be read\n"));
    };
    *inner.uri_mut() = uri;
    enter(inner.extensions_mut(), through);
    let (parts, body) = match router.oneshot(inner).await {
        Ok(response) => response.into_parts(),
        Err(never) => match never {},
    };
    let Ok(bytes) = axum::body::to_bytes(body, MAX_ANSWER).await else {
        // It broke off, or the router keeps to no limit: there is no half an answer here.
        return Ok(Answer::plain(StatusCode::BAD_GATEWAY, "the answer broke off; ask again\n"));
    };
    let mut response = Response::from_parts(parts, encoded(bytes.into()));
    // The connection is the gateway's.
    response.headers_mut().remove(header::CONNECTION);
    Ok(Answer(response))
}

/// Decoded from base64 by now, if it was sent so.
fn body(request: &Request) -> axum::body::Body {
    match request.body() {
        Body::Text(text) => text.clone().into(),
        Body::Binary(bytes) => bytes.clone().into(),
        _ => axum::body::Body::empty(),
    }
}

fn uri(path: &str, query: Option<&str>) -> Result<Uri, axum::http::uri::InvalidUri> {
    let path = path.replace(' ', "%20");
    match query.filter(|query| !query.is_empty()) {
        Some(query) => format!("{path}?{query}").parse(),
        None => path.parse(),
    }
}

fn answer_by(request: &Request, invocation: &Invocation) -> Instant {
    let end = Instant::now() + invocation.left().saturating_sub(MARGIN);
    let is_gateway = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(_)) => true,
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.domain_name.as_deref().is_none_or(|domain| !domain.contains(".lambda-url."))
        }
        _ => false,
    };
    if is_gateway { end.min(Instant::now() + GATEWAY) } else { end }
}

/// Text as it is, the rest as base64, which a gateway turns back. Text in which so much has to be
/// escaped that base64 is shorter goes so too: then what fits is known by its length.
fn encoded(bytes: Vec<u8>) -> Body {
    let escaped: usize = bytes.iter().map(|&byte| escaped(byte)).sum();
    match String::from_utf8(bytes) {
        Ok(text) if text.is_empty() => Body::Empty,
        Ok(text) if escaped <= text.len().max(64) / 3 * 4 => Body::Text(text),
        Ok(text) => Body::Binary(text.into_bytes()),
        Err(error) => Body::Binary(error.into_bytes()),
    }
}

/// How long a byte is in a JSON string.
const fn escaped(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
        0..32 => 6,
        _ => 1,
    }
}

/// An answer whose encoding is decided already.
#[derive(Debug)]
pub struct Answer(Response<Body>);

impl Answer {
    fn plain(status: StatusCode, text: &str) -> Self {
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        Self(response)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(std::future::ready(self.0))
    }
}
