//! The HTTP client of one service.

use std::time::Duration;

use ureq::http::{Method, Request, Response, Uri, header};
use ureq::{Agent, Body};

use crate::request::ApiRequest;

/// Limit on the time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// If no data arrives for this time, the connection counts as broken. The time is longer than the longest `Prefer:
/// wait` (20 s) and than two heartbeats of an event stream (15 s each).
const READ_TIMEOUT: Duration = Duration::from_secs(45);

/// The text is not an address of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address of a service")]
pub struct BadUrl(pub String);

/// A client of one service, with the API key that it sends.
#[derive(Debug, Clone)]
pub struct HttpClient {
    agent: Agent,
    base: String,
    key: Option<String>,
}

impl HttpClient {
    /// A client of the service at `url` that sends `key` with each request, and keeps up to `idle_connections` open
    /// between requests. With 0, each request opens a new connection, so that a load balancer can pass it to another
    /// server.
    ///
    /// # Errors
    /// If `url` is not an `http` or `https` URL with a host.
    pub fn new(url: &str, key: Option<String>, idle_connections: usize) -> Result<Self, BadUrl> {
        let base = url.trim_end_matches('/').to_owned();
        let wrong = || BadUrl(base.clone());
        let uri: Uri = base.parse().map_err(|_| wrong())?;
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
            config = config.proxy(None); // for a proxy, loopback would be its own machine
        }
        Ok(Self { agent: config.build().new_agent(), base, key })
    }

    /// A client of the same service with another key, or without one.
    #[must_use]
    pub fn with_key(&self, key: Option<String>) -> Self {
        Self { key, ..self.clone() }
    }

    /// The URL of the service, without a slash at its end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends the request once, and returns the answer, whatever its status.
    ///
    /// # Errors
    /// If no answer arrives.
    pub fn send(&self, request: &ApiRequest<'_>) -> Result<Response<Body>, ureq::Error> {
        let url = format!("{}{}", self.base, request.path);
        let mut http = Request::builder().method(&request.method).uri(url);
        for (name, value) in &request.headers {
            http = http.header(*name, value);
        }
        if let Some(key) = &self.key {
            http = http.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        if request.method == Method::POST || !request.body.is_empty() {
            return self.agent.run(http.body(request.body)?);
        }
        let http = self.agent.configure_request(http.body(())?).timeout_recv_body(request.timeout);
        self.agent.run(http.build())
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|a| a.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_and_invalid_addresses() {
        for good in ["http://localhost:5000/", "https://example.org/base/", "http://[::1]:5000"] {
            let client = HttpClient::new(good, None, 0).unwrap();
            assert_eq!(client.base(), good.trim_end_matches('/'));
        }
        for bad in ["", "example.org", "ftp://example.org", "http://"] {
            assert_eq!(
                HttpClient::new(bad, None, 0).unwrap_err(),
                BadUrl(bad.trim_end_matches('/').to_owned())
            );
        }
    }

    #[test]
    fn loopback_hosts_are_recognised() {
        for (host, expected) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("example.org", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }
}
