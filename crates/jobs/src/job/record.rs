//! The record of a job: its head, its status, and its request.
//!
//! A [`Job`] is small: head and status. The [`Request`] with the input is kept beside it and read only
//! where the input is needed (to compute, and to show it).

use std::fmt;

use pssp_predict::Sequence;
use pssp_predict::sequence::{Edit, Warning};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{BatchId, JobId, Owner};
use crate::policy::{MAX_SKEW, Policy};
use crate::time::Timestamp;

/// The request of the caller. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The input as the caller sent it.
    pub input: String,
    /// The cleaned residues.
    pub sequence: Sequence,
    /// The changes that cleaning made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
    /// Warnings in a record of release 0.1.0, which stored them here. Later releases store them in
    /// [`Head::warnings`]. This field is read and never written.
    #[serde(default, skip_serializing, rename = "warnings")]
    pub old_warnings: Vec<Warning>,
}

impl Request {
    /// A request of this release.
    #[must_use]
    pub const fn new(input: String, sequence: Sequence, edits: Vec<Edit>) -> Self {
        Self { input, sequence, edits, old_warnings: Vec::new() }
    }
}

/// The place of a job in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRef {
    /// The batch.
    pub id: BatchId,
    /// The record's place in the input, from 0.
    pub index: u32,
}

/// The part of a job that never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The job's id.
    pub id: JobId,
    /// Who it belongs to.
    pub owner: Owner,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// The name that the caller gave, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The batch of the job, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchRef>,
    /// Number of residues.
    pub length: usize,
    /// Warnings for the caller about the input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// The state of a job, without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The job waits for a worker.
    Submitted,
    /// A worker holds the lease of the job.
    Running,
    /// The result is stored.
    Finished,
    /// There is no result, but a reason for the failure.
    Failed,
    /// The caller cancelled the job.
    Cancelled,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Submitted, Self::Running, Self::Finished, Self::Failed, Self::Cancelled];

    /// The name in the API and in stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether a job in this state stays in it unless a caller or an operator acts.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| format!("{text:?} is no job state"))
    }
}

/// A worker's lease of a job. The id is random for each attempt, so a restarted worker is not mistaken for the
/// worker that held the job before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// A random id.
    pub id: Uuid,
    /// When the lease expires unless it is extended.
    pub until: Timestamp,
}

/// The cause of a failure. It decides what the caller should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureClass {
    /// The input: the same request fails again.
    Input,
    /// The method crashed or exceeded a limit on this input.
    Method,
    /// The service: the same request may succeed later.
    System,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The cause.
    pub class: FailureClass,
    /// What happened.
    pub detail: String,
}

impl Failure {
    /// A failure of `class`.
    #[must_use]
    pub fn new(class: FailureClass, detail: impl Into<String>) -> Self {
        Self { class, detail: detail.into() }
    }
}

/// Why one attempt ended without a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptError {
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// When it ended.
    pub at: Timestamp,
    /// The cause.
    pub class: FailureClass,
    /// What happened, cut to [`AttemptError::MAX_DETAIL`] bytes.
    pub detail: String,
}

impl AttemptError {
    /// Longest detail that is kept, in bytes.
    pub const MAX_DETAIL: usize = 500;

    /// The error of `attempt`, which ended at `at`.
    #[must_use]
    pub fn new(attempt: u32, at: Timestamp, failure: &Failure) -> Self {
        let mut detail = failure.detail.clone();
        if detail.len() > Self::MAX_DETAIL {
            detail.truncate(detail.floor_char_boundary(Self::MAX_DETAIL - '…'.len_utf8()));
            detail.push('…');
        }
        Self { attempt, at, class: failure.class, detail }
    }
}

/// The state with its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Phase {
    /// The job waits for a worker.
    Submitted {
        /// The job cannot be claimed before this time.
        not_before: Timestamp,
        /// When `not_before` was set. If this is in the future, the clock has jumped back, and the job need not
        /// wait.
        since: Timestamp,
    },
    /// A worker holds the job.
    Running {
        /// The worker's lease.
        lease: Lease,
    },
    /// The result is stored.
    Finished {
        /// When it finished.
        at: Timestamp,
    },
    /// The job failed for good.
    Failed {
        /// When it failed.
        at: Timestamp,
        /// The reason.
        error: Failure,
    },
    /// The caller cancelled the job.
    Cancelled {
        /// When it was cancelled.
        at: Timestamp,
    },
}

/// The part of a job that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The state with its data.
    #[serde(flatten)]
    pub phase: Phase,
    /// Number of the current or last attempt: 0 before the first claim. It never decreases.
    pub attempt: u32,
    /// Attempts that ended in an error since submission (or redrive).
    #[serde(default)]
    pub failures: u32,
    /// Attempts whose worker was lost since submission (or redrive). Stored as `deaths`.
    #[serde(default, rename = "deaths")]
    pub lost_workers: u32,
    /// The errors of the last attempts, oldest first: at most [`Status::KEPT_ERRORS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<AttemptError>,
    /// Whether the job was finished at its submission with the stored result of an earlier job.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
    /// When the current or last attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// After this time the record and its result may be deleted. Set in every terminal state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When the sweep should check the job: a submitted job whose message may be lost, or a running job whose
    /// lease expires. Set in every state that is not terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

impl Status {
    /// Number of errors of attempts that are kept.
    pub const KEPT_ERRORS: usize = 5;

    /// The state's name.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Submitted { .. } => State::Submitted,
            Phase::Running { .. } => State::Running,
            Phase::Finished { .. } => State::Finished,
            Phase::Failed { .. } => State::Failed,
            Phase::Cancelled { .. } => State::Cancelled,
        }
    }

    /// The pair that compare-and-set compares.
    #[must_use]
    pub const fn fence(&self) -> Fence {
        Fence { state: self.state(), attempt: self.attempt }
    }

    /// Whether the status contains times from before the clock jumped back.
    #[must_use]
    pub fn is_ahead(&self, now: Timestamp, policy: &Policy) -> bool {
        let latest = now.plus(MAX_SKEW);
        match self.phase {
            Phase::Submitted { since, .. } => since > latest,
            Phase::Running { lease } => lease.until > latest.plus(policy.lease),
            Phase::Finished { .. } | Phase::Failed { .. } | Phase::Cancelled { .. } => false,
        }
    }

    /// When the job became terminal.
    #[must_use]
    pub const fn finished_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Finished { at } | Phase::Failed { at, .. } | Phase::Cancelled { at } => Some(at),
            Phase::Submitted { .. } | Phase::Running { .. } => None,
        }
    }

    /// Whether the job is terminal and its time to live has passed at `now`. The store may purge it later.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// The pair (state, attempt) that every durable transition compares and sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fence {
    /// The state.
    pub state: State,
    /// The attempt.
    pub attempt: u32,
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (attempt {})", self.state, self.attempt)
    }
}

/// One sequence with its prediction, without the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The part that never changes.
    pub head: Head,
    /// The part that changes.
    pub status: Status,
}

impl Job {
    /// The job's id.
    #[must_use]
    pub const fn id(&self) -> JobId {
        self.head.id
    }

    /// The state's name.
    #[must_use]
    pub const fn state(&self) -> State {
        self.status.state()
    }

    /// The pair that compare-and-set compares.
    #[must_use]
    pub const fn fence(&self) -> Fence {
        self.status.fence()
    }
}
