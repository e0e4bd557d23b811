//! Passes HTTP events of API Gateway (REST and HTTP APIs), function URLs and load balancers to a router.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Extensions, StatusCode, Uri, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::{
    Adapter, Body, IntoResponse, LambdaEvent, Request, RequestExt, Response, Service, service_fn,
};
use serde::Serialize;
use tokio::time::Instant;
use tower::ServiceExt;

use super::base_path::BasePath;
use super::{Invocation, runtime_error};

/// The largest response body, in bytes. As base64 in its JSON envelope it fits Lambda's limit of 6 MB.
pub const MAX_ANSWER: usize = (6 * 1024 * 1024 - 64 * 1024) / 4 * 3;

/// The largest request body, in bytes, for the same reason.
pub const MAX_REQUEST: usize = MAX_ANSWER;

/// How long a handler may take behind an API Gateway, which waits 29 s. Function URLs and load balancers wait as long
/// as the function may run.
const GATEWAY_TIMEOUT: Duration = Duration::from_secs(28);

/// The part of the function's time that is reserved for sending the response.
const RESPONSE_MARGIN: Duration = Duration::from_millis(500);

/// Data of an event that is not part of the HTTP request itself.
#[derive(Debug, Clone)]
pub struct GatewayContext {
    /// The prefix of the service's paths, for links.
    pub prefix: String,
    /// When the response must be ready.
    pub answer_by: Instant,
    /// The address of the caller, if the platform tells it.
    pub peer: Option<IpAddr>,
    /// The platform's id of the request.
    pub request_id: String,
}

/// Answers events until the platform ends the process. `enter` adds data about the gateway to the extensions of a
/// request, for its handlers.
///
/// # Errors
/// If the Runtime API does not answer.
pub async fn run(
    router: Router,
    enter: impl Fn(&mut Extensions, GatewayContext) + Send + Sync + 'static,
) -> anyhow::Result<()> {
    lambda_runtime::run(service(router, enter)).await.map_err(runtime_error)
}

/// The service that [`run`] runs: it turns an event into the response format that the sender of the event expects.
pub fn service(
    router: Router,
    enter: impl Fn(&mut Extensions, GatewayContext) + Send + Sync + 'static,
) -> impl Service<
    LambdaEvent<LambdaRequest>,
    Response: Serialize + Send + 'static,
    Error = Infallible,
    Future: Send + 'static,
> + Clone
+ Send
+ 'static {
    let enter = Arc::new(enter);
    service_fn(move |mut event: LambdaEvent<LambdaRequest>| {
        let (router, enter) = (router.clone(), enter.clone());
        // The library panics if the event marks its body as base64 and the body is not valid base64.
        let readable = drop_bad_body(&mut event.payload);
        let answer = service_fn(move |request: Request| {
            let (router, enter) = (router.clone(), enter.clone());
            async move {
                match readable {
                    true => answer(router, request, enter).await,
                    false => Ok(Answer::plain(
                        StatusCode::BAD_REQUEST,
                        "the body is said to be base64 and cannot be decoded\n",
                    )),
                }
            }
        });
        Adapter::from(answer).call(event)
    })
}

/// Removes the body of an event if it cannot be decoded. Returns whether the event is unchanged.
fn drop_bad_body(event: &mut LambdaRequest) -> bool {
    let (body, is_base64) = match event {
        LambdaRequest::ApiGatewayV1(event) => (&mut event.body, event.is_base64_encoded),
        LambdaRequest::ApiGatewayV2(event) => (&mut event.body, event.is_base64_encoded),
        LambdaRequest::Alb(event) => (&mut event.body, event.is_base64_encoded),
        _ => return true,
    };
    let is_bad = is_base64 && body.as_ref().is_some_and(|body| BASE64_STANDARD.decode(body).is_err());
    if is_bad {
        *body = None;
    }
    !is_bad
}

async fn answer<E>(router: Router, request: Request, enter: Arc<E>) -> Result<Answer, Infallible>
where
    E: Fn(&mut Extensions, GatewayContext),
{
    let invocation = Invocation::of(&request.lambda_context());
    let path = BasePath::of(&request);
    let answer_by = answer_by(&request, &invocation);
    let peer = peer(&request);
    let context = GatewayContext { prefix: path.prefix, answer_by, peer, request_id: invocation.request_id };
    let mut inner = axum::http::Request::new(body(&request));
    *inner.method_mut() = request.method().clone();
    *inner.headers_mut() = request.headers().clone();
    let Ok(uri) = uri(&path.path, request.uri().query()) else {
        return Ok(Answer::plain(StatusCode::BAD_REQUEST, "the path cannot be read\n"));
    };
    *inner.uri_mut() = uri;
    enter(inner.extensions_mut(), context);
    let (parts, body) = match router.oneshot(inner).await {
        Ok(response) => response.into_parts(),
        Err(never) => match never {},
    };
    let Ok(bytes) = axum::body::to_bytes(body, MAX_ANSWER).await else {
        // The body ended with an error or is over the limit. A part of a response cannot be sent.
        return Ok(Answer::plain(StatusCode::BAD_GATEWAY, "the answer broke off; ask again\n"));
    };
    let mut response = Response::from_parts(parts, encoded(bytes.into()));
    // The gateway sets the headers of the connection.
    response.headers_mut().remove(header::CONNECTION);
    Ok(Answer(response))
}

/// The address of the caller. A load balancer adds it at the end of `X-Forwarded-For`.
fn peer(request: &Request) -> Option<IpAddr> {
    let given = match request.request_context() {
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip,
        RequestContext::ApiGatewayV2(context) => context.http.source_ip,
        _ => {
            let hops = request.headers().get("x-forwarded-for").and_then(|hops| hops.to_str().ok());
            hops.and_then(|hops| hops.rsplit(',').next()).map(str::to_owned)
        }
    };
    given.and_then(|address| address.trim().parse().ok())
}

/// The body. The library has decoded it if it was base64.
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
    let end = Instant::now() + invocation.left().saturating_sub(RESPONSE_MARGIN);
    let is_gateway = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(_)) => true,
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.domain_name.as_deref().is_none_or(|domain| !domain.contains(".lambda-url."))
        }
        _ => false,
    };
    if is_gateway { end.min(Instant::now() + GATEWAY_TIMEOUT) } else { end }
}

/// Text stays text; other bytes become base64, which the gateway decodes. Text with so many escapes that base64 is
/// shorter becomes base64 too. So the length of the body alone decides whether a response fits.
fn encoded(bytes: Vec<u8>) -> Body {
    let escaped: usize = bytes.iter().map(|&byte| escaped(byte)).sum();
    match String::from_utf8(bytes) {
        Ok(text) if text.is_empty() => Body::Empty,
        Ok(text) if escaped <= text.len().max(64) / 3 * 4 => Body::Text(text),
        Ok(text) => Body::Binary(text.into_bytes()),
        Err(error) => Body::Binary(error.into_bytes()),
    }
}

/// Length of a byte in a JSON string.
const fn escaped(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
        0..32 => 6,
        _ => 1,
    }
}

/// A response with its final encoding.
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
