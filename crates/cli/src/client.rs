//! Calls the service over HTTP, with retries.
//!
//! Every request can be sent again without doing anything twice: reads and deletes are idempotent, and submissions have
//! an `Idempotency-Key`. So a request is retried after 429, after 503, and if there is no connection.

use std::io::Read;
use std::thread::sleep;
use std::time::Duration;

use pssp_client::{ApiRequest, HttpClient};
use ureq::Body;
use ureq::http::{Response, StatusCode};

use crate::args::Global;
use crate::exit::Failure;

pub(crate) mod jobs;
mod problem;

/// Idle connections that are kept open. A few are enough, since requests are sent one after the other.
const IDLE_CONNECTIONS: usize = 3;

/// Waits between tries, in milliseconds. Together about three seconds, as long as a restart of the service takes.
const WAITS_MS: [u64; 4] = [100, 300, 800, 2_000];

/// A longer `Retry-After` is an error at once, without another try.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(10);

/// Largest JSON answer, in bytes. A batch of many records has the largest answers.
const MAX_JSON: u64 = 256 << 20;

/// One service.
pub(crate) struct Client {
    http: HttpClient,
}

/// A client that opens a new connection for each request, and does not retry.
pub(crate) fn connect_each_time(global: &Global) -> Result<HttpClient, Failure> {
    http_client(global, 0)
}

fn http_client(global: &Global, idle_connections: usize) -> Result<HttpClient, Failure> {
    HttpClient::new(&global.url, global.api_key.clone(), idle_connections)
        .map_err(|error| Failure::usage(error.to_string(), "write for instance http://host:5000"))
}

/// The waits between the tries of one request.
pub(crate) fn waits() -> impl Iterator<Item = Duration> {
    WAITS_MS.into_iter().map(Duration::from_millis)
}

impl Client {
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        Ok(Self { http: http_client(global, IDLE_CONNECTIONS)? })
    }

    /// A client of the same service with another key, or without one.
    pub(crate) fn with_key(&self, key: Option<String>) -> Self {
        Self { http: self.http.with_key(key) }
    }

    /// Sends the request, again if necessary, and returns a successful answer. Any other answer becomes a [`Failure`].
    pub(crate) fn send(&self, request: &ApiRequest<'_>) -> Result<Response<Body>, Failure> {
        let mut waits = waits();
        loop {
            let (failure, at_least) = match self.http.send(request) {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let busy = matches!(
                        response.status(),
                        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
                    );
                    let after = problem::retry_after(&response);
                    let failure = problem::failure(response);
                    if !busy || after > RETRY_AFTER_LIMIT {
                        return Err(failure);
                    }
                    (failure, after)
                }
                Err(error) => (unreachable(&self.http, &error)?, Duration::ZERO),
            };
            let Some(wait) = waits.next() else { return Err(failure) };
            sleep(wait.max(at_least));
        }
    }

    /// Like [`Client::send`], and reads the answer as JSON.
    pub(crate) fn json(&self, request: &ApiRequest<'_>) -> Result<serde_json::Value, Failure> {
        let mut response = self.send(request)?;
        let json = response.body_mut().with_config().limit(MAX_JSON).read_json();
        json.map_err(|e| {
            let (base, path) = (self.http.base(), request.path);
            Failure::server(format!("{base}{path} did not answer with JSON: {e}"))
                .hint("check that --url names a pssp service")
        })
    }

    /// The body of an answer as a reader, for bodies that may be large.
    pub(crate) fn body(&self, request: &ApiRequest<'_>) -> Result<impl Read + use<>, Failure> {
        Ok(self.send(request)?.into_body().into_with_config().limit(u64::MAX).reader())
    }
}

/// The failure for a request without an answer: `Ok` if another try may help, `Err` if not.
pub(crate) fn unreachable(client: &HttpClient, error: &ureq::Error) -> Result<Failure, Failure> {
    let failure = Failure::server(format!("cannot reach {}: {error}", client.base()))
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
