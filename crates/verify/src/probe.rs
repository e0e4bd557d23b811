//! The service under test, and the jobs that the cases have created.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use pssp_client::{ApiRequest, HttpClient};
use pssp_jobs::{Notice, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use ureq::http::Method;

use crate::answer::Answer;
use crate::pace::Pace;
use crate::text::text;
use crate::verdict::{Verdict, ensure};

/// The sequence of most jobs. It has helix, strand and coil.
pub const CHAIN: &str = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKV";

/// The name of every job of the cases. By it an operator recognises a job that was left behind.
pub(crate) const JOB_NAME: &str = "pssp verify";

/// The job timeout after one job was stuck, so that a broken service is reported soon.
const TIMEOUT_AFTER_STUCK_JOB: Duration = Duration::from_secs(3);

/// Content type of form bodies.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
/// Content type of FASTA bodies.
pub(crate) const FASTA: &str = "text/x-fasta";
/// Content type of JSON bodies.
pub(crate) const JSON: &str = "application/json";

/// The service under test.
pub struct Probe {
    client: HttpClient,
    /// How long a job may take.
    timeout: Duration,
    pub(crate) expected_version: Option<String>,
    /// Ids of the jobs that [`Probe::clean_up`] deletes.
    made: RefCell<BTreeSet<String>>,
    was_stuck: Cell<bool>,
    finished: OnceCell<Result<String, String>>,
    pub(crate) classic: OnceCell<Result<ClassicJob, String>>,
}

/// A job that was submitted through the classic API.
pub(crate) struct ClassicJob {
    pub(crate) id: String,
    /// Its entry in `/jobs`, read right after the POST.
    pub(crate) row: Value,
}

impl Probe {
    /// A probe for the service of `client`. A job counts as stuck after `timeout`. If `expected_version` is given, the
    /// service must have that version.
    #[must_use]
    pub fn new(client: HttpClient, timeout: Duration, expected_version: Option<String>) -> Self {
        Self {
            client,
            timeout,
            expected_version,
            made: RefCell::default(),
            was_stuck: Cell::default(),
            finished: OnceCell::new(),
            classic: OnceCell::new(),
        }
    }

    /// Sends a request. [`Probe::clean_up`] deletes the jobs that it creates.
    pub(crate) fn send(&self, request: &ApiRequest<'_>) -> Result<Answer, String> {
        let what = format!("{} {}", request.method, request.path);
        let request = &computed_anew(request);
        let response = self.client.send(request).map_err(|error| self.no_answer(&what, &error))?;
        let answer = Answer::read(what, response)?;
        if let Some(id) = answer.made(request) {
            self.note_made(&id);
        }
        Ok(answer)
    }

    fn no_answer(&self, what: &str, error: &ureq::Error) -> String {
        format!("{what}: cannot reach {}: {error}", self.client.base())
    }

    /// Sends a request with another key, or without a key.
    pub(crate) fn send_with_key(
        &self,
        key: Option<&str>,
        request: &ApiRequest<'_>,
    ) -> Result<Answer, String> {
        let what = format!("{} {} as a stranger", request.method, request.path);
        let client = self.client.with_key(key.map(str::to_owned));
        let response = client.send(request).map_err(|error| self.no_answer(&what, &error))?;
        Answer::read(what, response)
    }

    /// Sends a request whose answer is a stream.
    pub(crate) fn stream(
        &self,
        request: &ApiRequest<'_>,
    ) -> Result<ureq::http::Response<ureq::Body>, String> {
        self.client.send(request).map_err(|error| self.no_answer(request.path, &error))
    }

    /// Sends a `GET` request.
    ///
    /// # Errors
    /// If there is no complete answer.
    pub fn get(&self, path: &str) -> Result<Answer, String> {
        self.send(&ApiRequest::get(path))
    }

    pub(crate) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Result<Answer, String> {
        self.send(&ApiRequest::post(path, content_type, body))
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Answer, String> {
        self.send(&ApiRequest::new(Method::DELETE, path))
    }

    /// How long a job may take. The time is shorter after a job was stuck.
    pub(crate) fn job_timeout(&self) -> Duration {
        if self.was_stuck.get() { self.timeout.min(TIMEOUT_AFTER_STUCK_JOB) } else { self.timeout }
    }

    /// Notes that a job took longer than [`Probe::job_timeout`].
    pub(crate) fn note_stuck(&self) {
        self.was_stuck.set(true);
    }

    /// Notes a job that [`Probe::clean_up`] shall delete.
    pub fn note_made(&self, id: &str) {
        self.made.borrow_mut().insert(id.to_owned());
    }

    /// Keeps this job: [`Probe::clean_up`] does not delete it.
    pub fn keep(&self, id: &str) {
        self.made.borrow_mut().remove(id);
    }

    /// Submits a job that must be accepted, and returns it.
    pub(crate) fn submit(&self, request: &ApiRequest<'_>) -> Result<(Answer, Value), String> {
        let answer = self.send(request)?.expect(&[201, 202])?;
        let job = answer.json()?;
        let has_id = !text(&job, "id").is_empty();
        ensure(has_id, || format!("{} {}: the answer has no id", request.method, request.path))?;
        Ok((answer, job))
    }

    /// Submits a job with `sequence`, and returns its id.
    pub(crate) fn new_job(&self, sequence: &str) -> Result<String, String> {
        let body = serde_json::json!({ "sequence": sequence, "name": JOB_NAME }).to_string();
        let (_, job) = self.submit(&ApiRequest::post("/v1/jobs", JSON, body.as_bytes()))?;
        Ok(text(&job, "id").to_owned())
    }

    /// Waits until the job is finished, and returns it.
    ///
    /// # Errors
    /// If the job ends in another state, or is not finished in time.
    pub fn wait_for(&self, id: &str) -> Result<Value, String> {
        let path = format!("/v1/jobs/{id}");
        let limit = self.job_timeout();
        let wait = limit.as_secs().clamp(1, 20);
        let mut pace = Pace::start();
        loop {
            let job = self.send(&ApiRequest::get(&path).header("prefer", format!("wait={wait}")))?;
            let job = job.expect(&[200])?.json()?;
            match text(&job, "status") {
                "finished" => return Ok(job),
                "submitted" | "running" if pace.wait(limit) => {}
                stuck @ ("submitted" | "running") => {
                    self.note_stuck();
                    let seconds = limit.as_secs();
                    return Err(format!("job {id} is still {stuck} after {seconds} s; does a worker run?"));
                }
                other => return Err(format!("job {id} became {other:?}: {}", job["error"])),
            }
        }
    }

    /// The id of a finished job with [`CHAIN`]. The first call creates the job.
    pub(crate) fn finished(&self) -> Result<&str, String> {
        let made = self.finished.get_or_init(|| {
            let id = self.new_job(CHAIN)?;
            self.wait_for(&id).map(|_| id)
        });
        made.as_deref().map_err(|why| format!("there is no finished job to look at: {why}"))
    }

    /// A number in `/v1/limits`.
    ///
    /// # Errors
    /// If the number is missing.
    pub fn limit(&self, name: &str) -> Result<u64, String> {
        let limits = self.get("/v1/limits")?.expect(&[200])?.json()?;
        limits[name].as_u64().ok_or_else(|| format!("GET /v1/limits: {name} is no number"))
    }

    /// Whether the service refuses the client, because its key is wrong or missing.
    #[must_use]
    pub fn is_locked_out(&self) -> bool {
        self.get("/v1/jobs?limit=1").is_ok_and(|answer| answer.status == 401)
    }

    /// Submits [`CHAIN`] with an idempotency key.
    ///
    /// # Errors
    /// If the service does not accept the job.
    pub fn submit_with_key(&self, key: &str) -> Result<(Answer, Value), String> {
        self.submit(&ApiRequest::post("/v1/jobs", FASTA, CHAIN.as_bytes()).header("idempotency-key", key))
    }

    /// The text of the notice that pauses intake now, if there is one.
    pub fn pause(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Status {
            now: Timestamp,
            notices: Vec<Notice>,
        }
        let status = self.get("/v1/status").ok()?.json().ok()?;
        let status = Status::deserialize(status).ok()?;
        let notice = status.notices.into_iter().find(|notice| notice.pause(status.now).is_some())?;
        Some(notice.text)
    }

    /// Deletes the jobs of the cases.
    ///
    /// # Errors
    /// If a job still exists afterwards.
    pub fn clean_up(&self) -> Verdict {
        let made = self.made.take();
        let mut left = Vec::new();
        for id in &made {
            let path = format!("/v1/jobs/{id}");
            let gone = self.delete(&path).and_then(|a| a.expect(&[204])).and_then(|_| self.get(&path));
            if !gone.is_ok_and(|answer| answer.status == 404) {
                left.push(id.as_str());
            }
        }
        Ok(ensure(left.is_empty(), || format!("these are left: {}", left.join(" ")))?)
    }
}

/// The request with `Cache-Control: no-cache`, unless it sets that header itself. So the jobs of the cases are computed
/// and not answered with a stored result.
fn computed_anew<'a>(request: &ApiRequest<'a>) -> ApiRequest<'a> {
    let chosen = request.headers.iter().any(|(name, _)| *name == "cache-control");
    if chosen || request.method != Method::POST {
        request.clone()
    } else {
        request.clone().header("cache-control", "no-cache")
    }
}
