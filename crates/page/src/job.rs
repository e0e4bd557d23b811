//! A job that has no result: it waits, runs, has failed or is cancelled.

use askama::Template;
use pssp_jobs::job::{AttemptError, Phase};
use pssp_jobs::{Failure, FailureClass, Job, Request, State};

use crate::{Frame, Readers, render, times};

/// How a page without script shows news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// It asks again after so many seconds.
    After(u64),
    /// It does not; the reader has stopped it, or nothing more will happen.
    Never,
}

impl Refresh {
    /// The seconds before each look: they double, up to 30.
    const LONGEST_S: u64 = 30;

    /// The refresh after `looks` looks.
    #[must_use]
    pub fn after_looks(looks: u32) -> Self {
        Self::After(2_u64.saturating_pow(looks).min(Self::LONGEST_S))
    }

    fn seconds(self) -> Option<u64> {
        match self {
            Self::After(seconds) => Some(seconds),
            Self::Never => None,
        }
    }
}

/// The page of a job without a result.
#[derive(Debug, Template)]
#[template(path = "job.html")]
pub struct JobPage<'a> {
    /// What surrounds it.
    pub frame: &'a Frame,
    /// The job.
    pub job: &'a Job,
    /// Its input.
    pub request: Option<&'a Request>,
    /// Jobs that wait in the whole queue, this one among them, if the store can tell.
    pub waiting: Option<u64>,
    /// How a page without script goes on, and the number of looks so far.
    pub refresh: Refresh,
    /// The looks so far.
    pub looks: u32,
    /// Who reads it.
    pub readers: Readers,
    /// Whether who looks at it owns it, and may cancel and delete it.
    pub is_owner: bool,
}

impl JobPage<'_> {
    /// The page as text.
    #[must_use]
    pub fn html(&self) -> String {
        render(self)
    }

    fn title(&self) -> String {
        title(self.job)
    }

    fn state(&self) -> State {
        self.job.state()
    }

    fn failure(&self) -> Option<&Failure> {
        match &self.job.status.phase {
            Phase::Failed { error, .. } => Some(error),
            _ => None,
        }
    }

    fn last_error(&self) -> Option<&AttemptError> {
        self.job.status.errors.last()
    }

    /// Other jobs that wait: at most so many come before this one.
    fn others(&self) -> Option<u64> {
        self.waiting.map(|all| all.saturating_sub(1))
    }

    /// How long it has run.
    fn runs_for(&self) -> Option<String> {
        let started = self.job.status.started_at?;
        Some(times::length(self.frame.now.since(started)))
    }
}

/// What to do about a failed job.
fn remedy(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Input => "The input cannot be predicted as it is. Change it, and predict again.",
        FailureClass::Method => {
            "The method could not compute this sequence. Please report it to the operator, with the id below."
        }
        FailureClass::System => "This is a fault of the service, not of your sequence. Predict again.",
    }
}

/// Whose fault a failure is.
const fn whose(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Input => "the input",
        FailureClass::Method => "the method",
        FailureClass::System => "the service",
    }
}

/// The name of a job, or the beginning of its id.
pub(crate) fn title(job: &Job) -> String {
    let id = job.id().to_string();
    job.head.name.clone().unwrap_or_else(|| format!("Job {}", &id[..8]))
}

/// The name of a state for people.
pub(crate) const fn state_word(state: State) -> &'static str {
    match state {
        State::Submitted => "Waiting",
        State::Running => "Running",
        State::Finished => "Finished",
        State::Failed => "Failed",
        State::Cancelled => "Cancelled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_become_rarer() {
        let seconds: Vec<Option<u64>> = (0..7).map(|looks| Refresh::after_looks(looks).seconds()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30].map(Some));
        assert_eq!(Refresh::after_looks(u32::MAX).seconds(), Some(30));
    }
}
