//! An answer of the service, with the assertions of the cases.

use std::time::Duration;

use pssp_client::ApiRequest;
use serde_json::Value;
use ureq::Body;
use ureq::http::{HeaderMap, Method, Response};

use crate::text::{brief, text};
use crate::verdict::ensure;

/// Limit on a body, in bytes. All answers in the cases are smaller.
const MAX_BODY: u64 = 64 << 20;

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Method and path of the request, for messages.
    what: String,
    /// The HTTP status.
    pub status: u16,
    headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    pub(crate) fn read(what: String, mut response: Response<Body>) -> Result<Self, String> {
        let body = response.body_mut().with_config().limit(MAX_BODY).read_to_vec();
        let body = body.map_err(|e| format!("{what}: the answer broke off: {e}"))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { what, status, headers, body })
    }

    /// The id of the job that the request created, even if it should not have created one, so that it can be deleted.
    pub(crate) fn made(&self, api_request: &ApiRequest<'_>) -> Option<String> {
        let route = api_request.path.split('?').next()?;
        if api_request.method != Method::POST || !(200..300).contains(&self.status) {
            return None;
        }
        match route {
            "/run" => self.text().split(' ').nth(1).map(str::to_owned),
            "/v1/jobs" => self.json().ok()?["id"].as_str().map(str::to_owned),
            _ => None,
        }
    }

    /// Returns the answer if its status is one of these.
    ///
    /// # Errors
    /// If the answer has another status.
    pub fn expect(self, statuses: &[u16]) -> Result<Self, String> {
        if statuses.contains(&self.status) {
            return Ok(self);
        }
        let expected: Vec<String> = statuses.iter().map(u16::to_string).collect();
        let (what, expected, said) = (&self.what, expected.join(" or "), self.explanation());
        Err(format!("{what}: {expected} expected, got {}{said}", self.status))
    }

    /// The explanation in an error response.
    fn explanation(&self) -> String {
        let problem = serde_json::from_slice::<Value>(&self.body).unwrap_or_default();
        let detail = text(&problem, "detail");
        let said = if detail.is_empty() { brief(&self.text()) } else { brief(detail) };
        if said.is_empty() { said } else { format!(": {said}") }
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// If the body is not JSON.
    pub fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body)
            .map_err(|e| format!("{}: not JSON ({e}): {}", self.what, brief(&self.text())))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header that must be present.
    pub(crate) fn needed(&self, name: &str) -> Result<&str, String> {
        self.header(name).ok_or_else(|| format!("{}: the answer has no header {name}", self.what))
    }

    /// Checks the content type, without its parameters.
    pub(crate) fn media(self, expected: &str) -> Result<Self, String> {
        let media = self.header("content-type").unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        ensure(media == expected, || {
            format!("{}: Content-Type {expected} expected, got {media:?}", self.what)
        })?;
        Ok(self)
    }

    /// Checks that the text contains `part`.
    pub(crate) fn contains(&self, part: &str) -> Result<(), String> {
        ensure(self.text().contains(part), || {
            format!("{}: {part:?} is not in the answer: {}", self.what, brief(&self.text()))
        })
    }

    /// The value of `Retry-After`, which must be at least one second.
    pub(crate) fn retry_after(&self) -> Result<Duration, String> {
        let value = self.needed("retry-after")?;
        let seconds = value.parse().ok().filter(|seconds| *seconds >= 1);
        let seconds =
            seconds.ok_or_else(|| format!("{}: Retry-After {value:?} is no number of seconds", self.what))?;
        Ok(Duration::from_secs(seconds))
    }

    /// The problem details (RFC 9457) of a response with this status. They must be complete and contain the request's
    /// id.
    pub(crate) fn problem(self, status: u16) -> Result<Value, String> {
        let answer = self.expect(&[status])?.media("application/problem+json")?;
        let problem = answer.json()?;
        for field in ["type", "title", "detail", "request_id"] {
            ensure(!text(&problem, field).is_empty(), || {
                format!("{}: the problem has no {field}", answer.what)
            })?;
        }
        let complete = problem["status"] == status && problem["retryable"].is_boolean();
        ensure(complete && problem["errors"].is_array(), || {
            format!("{}: status, retryable or errors of the problem are wrong: {problem}", answer.what)
        })?;
        let id = answer.needed("x-request-id")?;
        ensure(id == text(&problem, "request_id"), || {
            format!("{}: request_id is not that of X-Request-Id", answer.what)
        })?;
        Ok(problem)
    }
}
