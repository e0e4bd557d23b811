//! Middleware for every request: request id, span and log line, metrics, limits, panics and error bodies.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use pssp_jobs::Owner;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};
use tracing::Instrument;
use uuid::Uuid;

use crate::accept;
use crate::app::Ctx;
use crate::auth::{self, Caller};
use crate::bounds::Client;
use crate::client;
use crate::config::Config;
use crate::gateway::{self, Gateway};
use crate::headers;
use crate::page::{self, Asked, RequestId, Root};
use crate::paths;
use crate::problem::{Kind, Problem};

/// The target of the log lines about requests that change something. They are written whatever their outcome.
const AUDIT: &str = "pssp_api::audit";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The status in logs and metrics of a request whose client disconnected before the answer. It is never sent.
const CLIENT_DISCONNECTED: u16 = 499;

/// Statuses of refusals that may be sent before the body is read. In this case the server announces and closes
/// the connection. Otherwise it would read the rest of the body as the next request.
const REFUSED_EARLY: [StatusCode; 9] = [
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// The id of the job or batch that a request made, if its answer does not tell it in `Location`.
#[derive(Debug, Clone)]
pub(crate) struct Made(pub(crate) String);

/// The longest request id that is accepted from a caller, in bytes.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// Surrounds every route and fallback with a span, a log line and metrics, and writes a problem as the body of
/// the response.
pub(crate) async fn observe(State(ctx): State<Ctx>, mut request: Request, next: Next) -> Response {
    if client::is_through_proxy(&request, &ctx.config().trusted_proxies)
        && let Some(prefix) = gateway::forwarded_prefix(request.headers())
    {
        let gateway = Gateway { prefix, ..Gateway::of(request.extensions()) };
        request.extensions_mut().insert(gateway);
    }
    let info = RequestInfo::new(&request, ctx.config());
    request.extensions_mut().insert(RequestId(info.request_id.clone()));
    let root = Root::of(request.extensions());
    let asked = info.is_page.then(|| Asked::new(&request, auth::shows_key(request.headers())));
    let span = tracing::info_span!(
        "request",
        method = info.method,
        route = info.route,
        request_id = info.request_id,
    );
    let mut on_drop = ReportOnDrop { info: Some(&info), span: span.clone() };
    let mut response = guarded(&ctx, request, next).instrument(span.clone()).await;
    on_drop.info = None;
    if let Some(asked) = asked
        && let Some(problem) = response.extensions_mut().remove::<Problem>()
    {
        response = answer_with_page(&ctx, root, response, &problem, &info.request_id, &asked).await;
    }
    info.complete(&mut response);
    let subject = Subject::of(&mut response);
    span.in_scope(|| info.report(response.status(), &subject));
    response
}

/// The answer with `problem` as a page. It keeps the cookie and the other headers of the layers inside.
async fn answer_with_page(
    ctx: &Ctx,
    root: Root,
    response: Response,
    problem: &Problem,
    request_id: &str,
    asked: &Asked,
) -> Response {
    let mut answer = page::problem(ctx, root, problem, request_id, asked).await;
    let (parts, _) = response.into_parts();
    let of_page = answer.headers().clone();
    for (name, value) in &parts.headers {
        if !of_page.contains_key(name) && *name != header::CONTENT_LENGTH {
            answer.headers_mut().append(name, value.clone());
        }
    }
    *answer.extensions_mut() = parts.extensions;
    answer
}

/// Reports a request that is dropped before its answer, because the client has disconnected.
struct ReportOnDrop<'a> {
    info: Option<&'a RequestInfo>,
    span: tracing::Span,
}

impl Drop for ReportOnDrop<'_> {
    fn drop(&mut self) {
        if let (Some(info), Ok(left)) = (self.info, StatusCode::from_u16(CLIENT_DISCONNECTED)) {
            self.span.in_scope(|| info.report(left, &Subject::default()));
        }
    }
}

/// Who made a request, and what it made.
#[derive(Default)]
struct Subject {
    /// The owner, if the request is of a known one.
    owner: Option<Owner>,
    /// The job or batch that the request made.
    made: Option<String>,
}

impl Subject {
    fn of(response: &mut Response) -> Self {
        let is_new = matches!(response.status(), StatusCode::CREATED | StatusCode::ACCEPTED);
        let location = response.headers().get(header::LOCATION).filter(|_| is_new);
        let path = location.and_then(|value| value.to_str().ok());
        let made = path.map(|path| path.rsplit('/').next().unwrap_or(path).to_owned());
        let extensions = response.extensions_mut();
        Self {
            owner: extensions.remove::<Caller>().map(|caller| caller.owner),
            made: made.or_else(|| extensions.remove::<Made>().map(|Made(id)| id)),
        }
    }
}

/// Information about a request, collected before it is handled.
struct RequestInfo {
    method: &'static str,
    route: String,
    request_id: String,
    path: String,
    /// The address of the client.
    address: Client,
    is_v1: bool,
    /// Whether an error is answered with a page.
    is_page: bool,
    /// Whether the request has a body and its connection could be used for another request (HTTP/1).
    sends_body: bool,
    since: Instant,
}

impl RequestInfo {
    fn new(request: &Request, config: &Config) -> Self {
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let path = request.uri().path();
        Self {
            method: verb(request.method()),
            route: route.unwrap_or("unmatched").to_owned(),
            request_id: request_id(request),
            path: path.to_owned(),
            address: client::of_address(request, &config.trusted_proxies),
            is_v1: paths::is_v1(path),
            is_page: page::is_page(path)
                || (path == "/" || route.is_none())
                    && !paths::is_v1(path)
                    && accept::wants_page(request.headers()),
            sends_body: request.version() <= Version::HTTP_11 && !request.body().is_end_stream(),
            since: Instant::now(),
        }
    }

    /// Writes a problem as the body, and adds the headers that every response has.
    fn complete(&self, response: &mut Response) {
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            problem.write(response, &self.request_id, self.is_v1);
        }
        let refused_early = self.sends_body && REFUSED_EARLY.contains(&response.status());
        let headers = response.headers_mut();
        if refused_early {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(id) = HeaderValue::try_from(&self.request_id) {
            headers.insert(REQUEST_ID, id);
        }
    }

    fn report(&self, status: StatusCode, subject: &Subject) {
        let elapsed = self.since.elapsed();
        let labels = [("method", self.method.to_owned()), ("route", self.route.clone())];
        metrics::histogram!("pssp_http_request_seconds", &labels).record(elapsed.as_secs_f64());
        let [method, route] = labels;
        let labels = [method, route, ("status", status.as_u16().to_string())];
        metrics::counter!("pssp_http_requests_total", &labels).increment(1);
        let (status, latency_ms) = (status.as_u16(), elapsed.as_secs_f64() * 1000.0);
        let (method, route) = (self.method, &self.route);
        // Health checks and scrapes of metrics come every few seconds. Lines about successful ones only fill logs.
        let (address, owner) = (self.address.name(), subject.owner.as_ref().map(Owner::as_str));
        // Text in fields is quoted and escaped, so no caller can write a line of its own.
        if status < 400 && is_probe(route) {
            tracing::debug!(status, latency_ms, "{method} {route} {status}");
        } else if matches!(method, "GET" | "HEAD" | "OPTIONS") {
            tracing::info!(status, latency_ms, owner, address, "{method} {route} {status}");
        } else {
            let (path, made) = (self.path.as_str(), subject.made.as_deref());
            tracing::info!(
                target: AUDIT,
                status, latency_ms, owner, address, path, made,
                "{method} {route} {status}"
            );
        }
    }
}

pub(crate) fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics")
}

/// Refuses a request if too many are in progress, limits its time, and turns a panic into an answer.
async fn guarded(ctx: &Ctx, request: Request, next: Next) -> Response {
    // Health checks are answered even under full load. Otherwise a busy process would seem to be dead.
    let permit = (!is_probe(request.uri().path())).then(|| ctx.in_flight.try_acquire());
    if let Some(Err(_)) = permit {
        return Problem::overloaded("too many requests at the moment").into_response();
    }
    let deadline = deadline(ctx.config(), &request);
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(deadline, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => panicked(&*panic).into_response(),
        Err(_) => {
            let detail = format!("no answer within {} s; try again later", deadline.as_secs());
            Problem::new(Kind::Timeout, detail).with_retry_after(Duration::from_secs(5)).into_response()
        }
    }
}

/// The time limit until the answer begins.
fn deadline(config: &Config, request: &Request) -> Duration {
    let allowed = allowed_time(config, request);
    Gateway::of(request.extensions()).left().map_or(allowed, |left| left.min(allowed))
}

fn allowed_time(config: &Config, request: &Request) -> Duration {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read
        && ["/v1/batches", "/batches", "/predict"].iter().any(|path| request.uri().path().starts_with(path))
    {
        return config.batch_timeout;
    }
    let wait = headers::wait(request.headers(), config.max_wait).unwrap_or_default();
    config.request_timeout + wait
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Problem {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    Problem::internal(&std::io::Error::other(format!("a handler panicked: {text}")))
}

/// The caller's request id if it is short and harmless, else the gateway's id or a new one.
fn request_id(request: &Request) -> String {
    let harmless = |id: &&str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&b);
        (1..=MAX_REQUEST_ID_BYTES).contains(&id.len()) && id.bytes().all(allowed)
    };
    let given = request.headers().get(REQUEST_ID).and_then(|v| v.to_str().ok()).filter(harmless);
    let own = || Gateway::of(request.extensions()).request_id.unwrap_or_else(|| Uuid::new_v4().to_string());
    given.map_or_else(own, str::to_owned)
}

/// The method as a label of metrics. All unknown methods have one label, so that callers cannot create labels.
fn verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// Compresses large answers, except answers with a strong `ETag`, which identifies the exact bytes.
pub(crate) fn compression() -> CompressionLayer<impl Predicate> {
    let untagged = |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| {
        headers.get(header::ETAG).is_none_or(|etag| etag.as_bytes().starts_with(b"W/"))
    };
    CompressionLayer::new().compress_when(DefaultPredicate::new().and(untagged))
}

/// Headers of answers that web pages of other origins may read (CORS).
const EXPOSED_HEADERS: [&str; 12] = [
    "content-disposition",
    "etag",
    "idempotent-replayed",
    "link",
    "location",
    "preference-applied",
    "pssp-skipped",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "x-pssp-method",
    "x-request-id",
];

/// Allows web pages of `origins` to call (CORS). `None` if there are no origins. `*` means all origins.
pub(crate) fn cors(origins: &[String]) -> Option<CorsLayer> {
    let list = origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok());
    let allowed = match origins {
        [] => return None,
        all if all.iter().any(|origin| origin == "*") => AllowOrigin::any(),
        _ => AllowOrigin::list(list),
    };
    // Mirrors the requested headers, because `*` does not include `Authorization`.
    let headers = AllowHeaders::mirror_request();
    let layer = CorsLayer::new().allow_origin(allowed).allow_methods(Any).allow_headers(headers);
    Some(layer.expose_headers(EXPOSED_HEADERS.map(HeaderName::from_static)))
}
