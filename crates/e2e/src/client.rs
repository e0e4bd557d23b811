//! An HTTP client for the tests. It returns answers of any status.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

/// A header that allows a stored result as the answer to a submission.
pub const REUSE: (&str, &str) = ("cache-control", "max-age=604800");

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If the body is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// A header; empty if it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Returns the answer.
    ///
    /// # Panics
    /// If the status is not `status`.
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// A client of one service.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    url: String,
}

impl Client {
    /// A client of the service at `url`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .max_redirects(0)
            .build()
            .new_agent();
        Self { agent, url: url.trim_end_matches('/').to_owned() }
    }

    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request; returns `None` if no answer arrives. Submissions are computed even if there is a stored result,
    /// unless `headers` contain another `Cache-Control`.
    #[must_use]
    pub fn try_send(&self, verb: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        let mut request = Request::builder().method(verb).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if verb == "POST" && headers.iter().all(|(name, _)| *name != REUSE.0) {
            request = request.header(REUSE.0, "no-cache");
        }
        let response = if body.is_empty() && matches!(verb, "GET" | "DELETE") {
            self.agent.run(request.body(()).unwrap())
        } else {
            self.agent.run(request.body(body).unwrap())
        };
        let mut response = response.ok()?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(64 << 20).read_to_vec().ok()?;
        Some(Answer { status, headers, body })
    }

    /// Sends a request.
    ///
    /// # Panics
    /// If no answer arrives.
    #[must_use]
    pub fn send(&self, verb: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_send(verb, path, headers, body).unwrap_or_else(|| panic!("no answer to {verb} {path}"))
    }

    /// Sends a `GET` request.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// Submits a sequence and returns the job's id.
    #[must_use]
    pub fn submit(&self, sequence: &str) -> String {
        let answer = self.send("POST", "/v1/jobs", &[("content-type", "text/plain")], sequence.as_bytes());
        answer.expect(202).json()["id"].as_str().expect("an id").to_owned()
    }

    /// Waits until the job is terminal, and returns it.
    #[must_use]
    pub fn finished(&self, id: &str) -> Value {
        crate::until("the job to end", || {
            let path = format!("/v1/jobs/{id}");
            let answer = self.try_send("GET", &path, &[("prefer", "wait=5")], b"")?;
            let job = (answer.status == 200).then(|| answer.json())?;
            matches!(job["status"].as_str(), Some("finished" | "failed" | "cancelled")).then_some(job)
        })
    }
}
