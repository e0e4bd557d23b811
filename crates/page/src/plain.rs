//! Pages with few values: problems, the key, deletion, the status, the methods, the history of this browser.

use askama::Template;
use pssp_jobs::{Owner, Timestamp};
use pssp_predict::{Method, PROPERTIES};

use crate::{Frame, render};

/// Why a request is refused, on a page of its own.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub struct ProblemPage<'a> {
    /// What surrounds it.
    pub frame: &'a Frame,
    /// The HTTP status.
    pub status: u16,
    /// The kind of problem.
    pub title: &'a str,
    /// What is wrong.
    pub detail: &'a str,
    /// The seconds after which it may work.
    pub retry_s: Option<u64>,
    /// The id of the request.
    pub request_id: &'a str,
}

impl ProblemPage<'_> {
    /// The page as text.
    #[must_use]
    pub fn html(&self) -> String {
        render(self)
    }
}

/// Asks for a key.
#[derive(Debug, Template)]
#[template(path = "key.html")]
pub struct KeyPage<'a> {
    /// What surrounds it.
    pub frame: &'a Frame,
    /// Where to go with the key: a path below the root.
    pub then: &'a str,
    /// Whether a key was shown, and was wrong.
    pub was_wrong: bool,
    /// Whether the page asks once more on its own: a link on another site leads here, and the browser keeps the key
    /// from such a request.
    pub asks_again: bool,
    /// Whose key this browser has, if it has one.
    pub owner: Option<&'a Owner>,
}

impl KeyPage<'_> {
    /// The page as text.
    #[must_use]
    pub fn html(&self) -> String {
        render(self)
    }
}

/// What is to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A job with its result.
    Job,
    /// A batch with all its jobs.
    Batch,
}

/// Asks whether to delete a job or a batch.
#[derive(Debug, Template)]
#[template(path = "delete.html")]
pub struct DeletePage<'a> {
    /// What surrounds it.
    pub frame: &'a Frame,
    /// What is deleted.
    pub target: Target,
    /// Its id.
    pub id: &'a str,
    /// Its name for people.
    pub name: &'a str,
}

impl DeletePage<'_> {
    /// The page as text.
    #[must_use]
    pub fn html(&self) -> String {
        render(self)
    }

    fn path(&self) -> String {
        let folder = match self.target {
            Target::Job => "results",
            Target::Batch => "batches",
        };
        format!("{}{folder}/{}", self.frame.root, self.id)
    }
}

/// Makes and withdraws the link by which others read a result, where only its owner may.
#[derive(Debug, Template)]
#[template(path = "share.html")]
pub struct SharePage<'a> {
    /// What surrounds it.
    pub frame: &'a Frame,
    /// The id of the job.
    pub id: &'a str,
    /// Its name for people.
    pub name: &'a str,
    /// The link that was made just now.
    pub link: Option<String>,
    /// When the link ends.
    pub until: Option<Timestamp>,
    /// When the link was made that others may have.
    pub made_at: Option<Timestamp>,
}

impl SharePage<'_> {
    /// The page as text.
    #[must_use]
    pub fn html(&self) -> String {
        render(self)
    }

    fn path(&self) -> String {
        format!("{}results/{}", self.frame.root, self.id)
    }
}

/// The jobs of this browser, which only the script knows.
#[derive(Debug, Template)]
#[template(path = "history.html")]
pub struct HistoryPage<'a> {
    /// What surrounds it.
    pub frame: &'a Frame,
}

impl HistoryPage<'_> {
    /// The page as text.
    #[must_use]
    pub fn html(&self) -> String {
        render(self)
    }
}

/// Jobs in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// Jobs that wait.
    pub waiting: u64,
    /// Jobs that run.
    pub running: u64,
}

/// How the service is.
#[derive(Debug, Template)]
#[template(path = "status.html")]
pub struct StatusPage<'a> {
    /// What surrounds it.
    pub frame: &'a Frame,
    /// The queue, if the store answers.
    pub queue: Option<Queue>,
    /// Where jobs are stored.
    pub backend: &'a str,
    /// How long this process has run, in words.
    pub uptime: std::time::Duration,
    /// The limits.
    pub limits: crate::Limits,
    /// Requests a second of one caller.
    pub requests_per_s: Option<u32>,
    /// New jobs a second of one caller.
    pub jobs_per_s: Option<u32>,
    /// Jobs that one owner may have.
    pub jobs_of_owner: Option<u64>,
}

impl StatusPage<'_> {
    /// The page as text.
    #[must_use]
    pub fn html(&self) -> String {
        render(self)
    }

    fn runs_for(&self) -> String {
        crate::times::length(self.uptime)
    }
}

/// What predicts here, and how good it is.
#[derive(Debug, Template)]
#[template(path = "methods.html")]
pub struct MethodsPage<'a> {
    /// What surrounds it.
    pub frame: &'a Frame,
    /// The methods of the workers.
    pub methods: &'a [Method],
    /// Whether the built-in network is one of them, whose scores are known.
    pub has_network: bool,
}

impl MethodsPage<'_> {
    /// The page as text.
    #[must_use]
    pub fn html(&self) -> String {
        render(self)
    }

    fn properties(&self) -> &'static [pssp_predict::Property] {
        PROPERTIES
    }
}
