//! What surrounds the content of every page: links, banner, state of the service.

use std::time::Duration;

use pssp_jobs::{Notice, Timestamp};

use crate::assets::PATHS;
use crate::times;

/// How the service is, as the head of every page says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// All is well.
    Well,
    /// An operator has paused the intake.
    Paused,
    /// The store does not answer.
    Degraded,
}

/// Who reads a job, beside who shows it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Everybody who has the address.
    Everybody,
    /// Its owner only, who may make a link for others.
    Owner,
    /// This reader has such a link.
    ThroughLink,
}

impl Readers {
    /// The words of a page.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Everybody => "anyone with the link can read it",
            Self::Owner => "only its owner can read it",
            Self::ThroughLink => "you read it by a link of its owner",
        }
    }
}

/// What surrounds the content of a page.
#[derive(Debug, Clone)]
pub struct Frame {
    /// How links begin: the path of the service as the browser has to write it, with a slash at the end, or nothing.
    pub root: String,
    /// The version of the service.
    pub version: String,
    /// The time now.
    pub now: Timestamp,
    /// The operator's notice.
    pub notice: Option<Notice>,
    /// How the service is.
    pub health: Health,
    /// How long a result is kept.
    pub kept_for: Duration,
}

impl Frame {
    pub(crate) fn kept(&self) -> String {
        times::length(self.kept_for)
    }

    pub(crate) fn style(&self) -> String {
        self.below(&PATHS.style)
    }

    pub(crate) fn script(&self) -> String {
        self.below(&PATHS.script)
    }

    pub(crate) fn icon(&self) -> String {
        self.below(&PATHS.icon)
    }

    fn below(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// A link to the form. A relative link to the root itself is not empty.
    pub(crate) fn home(&self) -> &str {
        if self.root.is_empty() { "./" } else { &self.root }
    }

    /// A moment as an element `time`.
    pub(crate) fn time(&self, at: &Timestamp) -> String {
        times::element(*at)
    }

    /// A moment that lies ahead, with the time that is left.
    pub(crate) fn until(&self, at: &Timestamp) -> String {
        format!("{}, {} left", times::element(*at), times::length(at.since(self.now)))
    }
}
