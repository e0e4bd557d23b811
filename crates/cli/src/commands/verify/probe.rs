//! The service under test, and what has been made on it so far.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use pssp_jobs::{Notice, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use ureq::http::Method;

use super::{Answer, Pace, Verdict, ensure, text};
use crate::client::{ApiRequest, Client};
use crate::exit::{Exit, Failure};

/// A chain of more than one structure, for the checks that need no certain one.
pub(super) const CHAIN: &str = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKV";

/// The name of every job made here, so that it is known if it is ever left behind.
pub(super) const NAME: &str = "pssp verify";

/// How long later jobs get once one was stuck: the report shall not take an hour.
const AFTER_STUCK: Duration = Duration::from_secs(3);

/// Form bodies.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
/// FASTA bodies.
pub(super) const FASTA: &str = "text/x-fasta";
/// JSON bodies.
pub(super) const JSON: &str = "application/json";

/// The service under test.
pub(super) struct Probe {
    client: Client,
    /// How long a job may take.
    timeout: Duration,
    pub(super) expected_version: Option<String>,
    made: RefCell<BTreeSet<String>>,
    was_stuck: Cell<bool>,
    finished: OnceCell<Result<String, String>>,
    pub(super) classic: OnceCell<Result<super::classic::Posted, String>>,
}

impl Probe {
    pub(super) fn new(client: Client, timeout: Duration, expected_version: Option<String>) -> Self {
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

    pub(super) fn ask(&self, ask: &ApiRequest<'_>) -> Result<Answer, String> {
        let what = format!("{} {}", ask.method, ask.path);
        let ask = &computed_anew(ask);
        let response = self.client.look(ask).map_err(|failure| format!("{what}: {}", failure.message))?;
        let answer = Answer::read(what, response)?;
        if let Some(id) = answer.made(ask) {
            self.note_made(&id);
        }
        Ok(answer)
    }

    /// With another key, or with none.
    pub(super) fn ask_as(&self, key: Option<&str>, ask: &ApiRequest<'_>) -> Result<Answer, String> {
        let what = format!("{} {} as a stranger", ask.method, ask.path);
        let client = self.client.with_key(key.map(str::to_owned));
        let response = client.look(ask).map_err(|failure| format!("{what}: {}", failure.message))?;
        Answer::read(what, response)
    }

    /// An answer that goes on.
    pub(super) fn stream(&self, ask: &ApiRequest<'_>) -> Result<ureq::http::Response<ureq::Body>, String> {
        self.client.look(ask).map_err(|failure| failure.message)
    }

    pub(super) fn get(&self, path: &str) -> Result<Answer, String> {
        self.ask(&ApiRequest::get(path))
    }

    pub(super) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Result<Answer, String> {
        self.ask(&ApiRequest::post(path, content_type, body))
    }

    pub(super) fn delete(&self, path: &str) -> Result<Answer, String> {
        self.ask(&ApiRequest::new(Method::DELETE, path))
    }

    /// How long a job may take now.
    pub(super) fn patience(&self) -> Duration {
        if self.was_stuck.get() { self.timeout.min(AFTER_STUCK) } else { self.timeout }
    }

    /// Notes that a job took longer than that.
    pub(super) fn note_stuck(&self) {
        self.was_stuck.set(true);
    }

    /// A job to be deleted in the end.
    pub(super) fn note_made(&self, id: &str) {
        self.made.borrow_mut().insert(id.to_owned());
    }

    /// A job to be kept.
    pub(super) fn keep(&self, id: &str) {
        self.made.borrow_mut().remove(id);
    }

    /// Submits a job that must be accepted, and returns it.
    pub(super) fn submit(&self, ask: &ApiRequest<'_>) -> Result<(Answer, Value), String> {
        let answer = self.ask(ask)?.expect(&[201, 202])?;
        let job = answer.json()?;
        let has_id = !text(&job, "id").is_empty();
        ensure(has_id, || format!("{} {}: the answer has no id", ask.method, ask.path))?;
        Ok((answer, job))
    }

    /// A new job of `sequence`; returns its id.
    pub(super) fn new_job(&self, sequence: &str) -> Result<String, String> {
        let body = serde_json::json!({ "sequence": sequence, "name": NAME }).to_string();
        let (_, job) = self.submit(&ApiRequest::post("/v1/jobs", JSON, body.as_bytes()))?;
        Ok(text(&job, "id").to_owned())
    }

    /// Waits until the job is finished, and returns it.
    pub(super) fn wait_for(&self, id: &str) -> Result<Value, String> {
        let path = format!("/v1/jobs/{id}");
        let limit = self.patience();
        let wait = limit.as_secs().clamp(1, 20);
        let mut pace = Pace::start();
        loop {
            let job = self.ask(&ApiRequest::get(&path).header("prefer", format!("wait={wait}")))?;
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

    /// The id of a finished job of [`CHAIN`], made once.
    pub(super) fn finished(&self) -> Result<&str, String> {
        let made = self.finished.get_or_init(|| {
            let id = self.new_job(CHAIN)?;
            self.wait_for(&id).map(|_| id)
        });
        made.as_deref().map_err(|why| format!("there is no finished job to look at: {why}"))
    }

    /// A number of `/v1/limits`.
    pub(super) fn limit(&self, name: &str) -> Result<u64, String> {
        let limits = self.get("/v1/limits")?.expect(&[200])?.json()?;
        limits[name].as_u64().ok_or_else(|| format!("GET /v1/limits: {name} is no number"))
    }

    /// That the key, if one is needed, is right.
    pub(super) fn let_in(&self) -> Result<(), Failure> {
        match self.get("/v1/jobs?limit=1") {
            Ok(answer) if answer.status == 401 => {
                Err(Failure::new(Exit::Auth, "the service asks for a key, and takes no other than its own")
                    .hint("give it with --api-key or PSSP_API_KEY"))
            }
            _ => Ok(()), // what is wrong otherwise is for the checks to tell
        }
    }

    /// The notice that pauses intake now, if one does.
    pub(super) fn pause(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Told {
            now: Timestamp,
            notices: Vec<Notice>,
        }
        let status = self.get("/v1/status").ok()?.json().ok()?;
        let told = Told::deserialize(status).ok()?;
        let notice = told.notices.into_iter().find(|notice| notice.pause(told.now).is_some())?;
        Some(notice.text)
    }

    /// Deletes what was made.
    pub(super) fn clean_up(&self) -> Verdict {
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

/// Checks look at jobs on their way, so none is answered by an earlier result unless it says so itself.
fn computed_anew<'a>(ask: &ApiRequest<'a>) -> ApiRequest<'a> {
    let told = ask.headers.iter().any(|(name, _)| *name == "cache-control");
    if told || ask.method != Method::POST {
        ask.clone()
    } else {
        ask.clone().header("cache-control", "no-cache")
    }
}
