//! The HTTP client: one service, time-outs on purpose, and retries that cannot do anything twice.
//!
//! Every request may be repeated: reads and deletes by nature, submissions since they carry
//! an `Idempotency-Key`. So whatever says "not now" (429, 503, no connection) is tried again.

use std::io::Read;
use std::thread::sleep;
use std::time::Duration;

use ureq::http::{Method, Request, Response, StatusCode, header};
use ureq::{Agent, Body};

use crate::args::Global;
use crate::exit::{Exit, Failure};

pub(crate) mod jobs;
mod problem;
pub(crate) mod sse;

/// Time to reach the service at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Silence that means the other side is gone: over the longest `Prefer: wait` (20 s) and over two
/// heartbeats of an event stream (15 s each).
const READ_TIMEOUT: Duration = Duration::from_secs(45);

/// A stream that goes on longer is asked for anew.
const LONGEST_STREAM: Duration = Duration::from_secs(3600);

/// Connections that wait for the next request: we ask one after the other.
const IDLE_CONNECTIONS: usize = 3;

/// Waits between tries. Together about three seconds: a restart, not an outage.
const BACKOFF_MS: [u64; 4] = [100, 300, 800, 2_000];

/// The longest `Retry-After` that is waited out without asking.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(10);

/// One service.
pub(crate) struct Client {
    agent: Agent,
    base: String,
    key: Option<String>,
}

/// A request, apart from the address of the service.
#[derive(Clone)]
pub(crate) struct ApiRequest<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: &'a [u8],
    /// The longest that an answer may go on; for streams.
    pub(crate) at_most: Option<Duration>,
}

impl<'a> ApiRequest<'a> {
    pub(crate) fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, headers: Vec::new(), body: &[], at_most: None }
    }

    pub(crate) fn get(path: &'a str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &'a str, content_type: &str, body: &'a [u8]) -> Self {
        Self::new(Method::POST, path).body(content_type, body)
    }

    pub(crate) fn body(self, content_type: &str, body: &'a [u8]) -> Self {
        Self { body, ..self }.header("content-type", content_type)
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn at_most(self, span: Duration) -> Self {
        Self { at_most: Some(span.min(LONGEST_STREAM)), ..self }
    }
}

impl Client {
    /// Keeps connections for the requests to come.
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        Self::keeping(IDLE_CONNECTIONS, global)
    }

    /// Connects anew for every request: nothing depends on what happened to a connection before, and
    /// behind a load balancer every server has its turn.
    pub(crate) fn fresh(global: &Global) -> Result<Self, Failure> {
        Self::keeping(0, global)
    }

    fn keeping(idle_connections: usize, global: &Global) -> Result<Self, Failure> {
        let base = global.url.trim_end_matches('/').to_owned();
        let wrong = || {
            Failure::usage(
                format!("{base:?} is no address of a service"),
                "write for instance http://host:5000",
            )
        };
        let uri: ureq::http::Uri = base.parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(wrong());
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_idle_connections(idle_connections)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(READ_TIMEOUT))
            .timeout_per_write(Some(READ_TIMEOUT))
            .user_agent(concat!("pssp/", env!("CARGO_PKG_VERSION")));
        if is_loopback(host) {
            config = config.proxy(None); // a proxy's loopback is another machine's
        }
        Ok(Self { agent: config.build().new_agent(), key: global.api_key.clone(), base })
    }

    /// The full address of `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sends a request, again if need be, and returns a successful response; any other is a failure.
    pub(crate) fn send(&self, request: &ApiRequest<'_>) -> Result<Response<Body>, Failure> {
        let mut waits = BACKOFF_MS.into_iter().map(Duration::from_millis);
        loop {
            let (failure, at_least) = match self.once(request) {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let busy = matches!(
                        response.status(),
                        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
                    );
                    let after = retry_after(&response);
                    let failure = problem::failure(response);
                    if !busy || after > RETRY_AFTER_LIMIT {
                        return Err(failure);
                    }
                    (failure, after)
                }
                Err(error) => (self.unreachable(&error)?, Duration::ZERO),
            };
            let Some(wait) = waits.next() else { return Err(failure) };
            sleep(wait.max(at_least));
        }
    }

    /// Sends a request and reads a JSON response.
    pub(crate) fn json(&self, request: &ApiRequest<'_>) -> Result<serde_json::Value, Failure> {
        let mut response = self.send(request)?;
        let json = response.body_mut().with_config().limit(MAX_JSON).read_json();
        json.map_err(|e| {
            Failure::server(format!("{} did not answer with JSON: {e}", self.url(request.path)))
                .hint("check that --url names a pssp service")
        })
    }

    /// The body of a response as a reader, for what may be long.
    pub(crate) fn body(&self, request: &ApiRequest<'_>) -> Result<impl Read + use<>, Failure> {
        Ok(self.send(request)?.into_body().into_with_config().limit(u64::MAX).reader())
    }

    /// One try, and its response of any status: for those who check responses instead of using them.
    pub(crate) fn look(&self, request: &ApiRequest<'_>) -> Result<Response<Body>, Failure> {
        self.once(request).map_err(|error| self.unreachable(&error).unwrap_or_else(|failure| failure))
    }

    /// The same service, asked with another key or with none.
    pub(crate) fn with_key(&self, key: Option<String>) -> Self {
        Self { agent: self.agent.clone(), base: self.base.clone(), key }
    }

    fn once(&self, request: &ApiRequest<'_>) -> Result<Response<Body>, ureq::Error> {
        let mut http = Request::builder().method(&request.method).uri(self.url(request.path));
        for (name, value) in &request.headers {
            http = http.header(*name, value);
        }
        if let Some(key) = &self.key {
            http = http.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        if request.method == Method::POST || !request.body.is_empty() {
            return self.agent.run(http.body(request.body)?);
        }
        let http = self.agent.configure_request(http.body(())?).timeout_recv_body(request.at_most);
        self.agent.run(http.build())
    }

    /// What a failed connection means: worth another try (`Ok`), or not (`Err`).
    fn unreachable(&self, error: &ureq::Error) -> Result<Failure, Failure> {
        let failure = Failure::server(format!("cannot reach {}: {error}", self.base))
            .hint("check the address (--url or PSSP_URL), or start one with `pssp serve`");
        match error {
            ureq::Error::Io(_)
            | ureq::Error::Timeout(_)
            | ureq::Error::ConnectionFailed
            | ureq::Error::Protocol(_) => Ok(failure),
            ureq::Error::Http(_) => Err(Failure::usage(
                format!("the request cannot be written: {error}"),
                "check --api-key, --name and --idempotency-key for odd characters",
            )),
            _ => Err(failure),
        }
    }
}

/// Largest JSON answer: a page of a list, or a batch of a thousand.
const MAX_JSON: u64 = 256 << 20;

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|a| a.is_loopback())
}

fn retry_after(response: &Response<Body>) -> Duration {
    let seconds = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

/// How to exit for an HTTP status.
pub(crate) fn exit_of(status: StatusCode) -> Exit {
    match status.as_u16() {
        401 | 403 => Exit::Auth,
        404 | 410 => Exit::NotFound,
        400 | 405..=409 | 411..=417 | 422 => Exit::Input,
        _ => Exit::Server,
    }
}
