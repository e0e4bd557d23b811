//! One request to the API.

use std::time::Duration;

use ureq::http::Method;

/// Limit on the duration of a stream. A client can continue with another request.
const STREAM_LIMIT: Duration = Duration::from_hours(1);

/// A request, without the address of the service and the API key.
#[derive(Debug, Clone)]
pub struct ApiRequest<'a> {
    /// The HTTP method.
    pub method: Method,
    /// Path and query, with the leading slash.
    pub path: &'a str,
    /// Headers: names in lower case, with their values.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty if there is none.
    pub body: &'a [u8],
    /// How long the whole answer may take; for event streams. No limit if `None`.
    pub timeout: Option<Duration>,
}

impl<'a> ApiRequest<'a> {
    /// A request without headers and without a body.
    #[must_use]
    pub fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, headers: Vec::new(), body: &[], timeout: None }
    }

    /// A `GET` request.
    #[must_use]
    pub fn get(path: &'a str) -> Self {
        Self::new(Method::GET, path)
    }

    /// A `POST` request with a body.
    #[must_use]
    pub fn post(path: &'a str, content_type: &str, body: &'a [u8]) -> Self {
        Self::new(Method::POST, path).body(content_type, body)
    }

    /// Sets the body.
    #[must_use]
    pub fn body(self, content_type: &str, body: &'a [u8]) -> Self {
        Self { body, ..self }.header("content-type", content_type)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Limits the time for the whole answer to `timeout`, and to one hour at most.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout.min(STREAM_LIMIT)), ..self }
    }
}
