//! A job and its life: states, and the transitions between them as pure functions.
//!
//! ```text
//!                   ┌── retry, release, lose_lease: attempt stays, the next claim adds 1 ──┐
//!                   ▼                                                                      │
//! submit ──► submitted ──claim──► running ──finish──► finished ◄── answered (reused)       │
//!              │   ▲                 │ └────────────────────────────────────────────────────┘
//!              │   └──redrive──┐     ├──fail, or attempts or deaths used up──► failed
//!              └────cancel─────┼─────┴──cancel──► cancelled
//!                              └── failed (an operator sends a dead letter again)
//! ```
//!
//! A transition takes `&self` and the time and returns the job as it would be; it becomes durable
//! when a [`JobStore`](crate::JobStore) applies it by compare-and-set on [`Fence`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pssp_predict::Sequence;
use pssp_predict::sequence::{Edit, Warning};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{BatchId, JobId, Owner};
use crate::policy::{MAX_DELAY, MAX_SKEW, Policy};
use crate::time::Timestamp;

/// What the caller asked for; never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The input as it came.
    pub input: String,
    /// The cleaned residues.
    pub sequence: Sequence,
    /// What cleaning changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
    /// What the caller should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// Where a job stands in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRef {
    /// The batch.
    pub id: BatchId,
    /// The record's place in the input, from 0.
    pub index: u32,
}

/// The small part of a job that never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The job's id.
    pub id: JobId,
    /// Who it belongs to.
    pub owner: Owner,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// The caller's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The batch it came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchRef>,
    /// Number of residues.
    pub length: usize,
}

/// The state's name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waiting for a worker.
    Submitted,
    /// A worker holds its lease.
    Running,
    /// The result is there.
    Finished,
    /// No result, and a reason.
    Failed,
    /// The caller does not want it any more.
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

    /// Whether nothing more happens to such a job on its own.
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

/// A worker's hold on a job. The id is random for each attempt, so a worker that comes back under
/// its old name is not taken for alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Random.
    pub id: Uuid,
    /// When it runs out unless extended.
    pub until: Timestamp,
}

/// Whose fault a failure is: decides what the caller should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureClass {
    /// The input: sending the same again gives the same.
    Input,
    /// The method crashed or ran over a limit on this input.
    Method,
    /// The service: sending it again later may succeed.
    System,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Whose fault.
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

/// The state with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Phase {
    /// Waiting for a worker.
    Submitted {
        /// Not to be claimed before this.
        not_before: Timestamp,
        /// When that was decided. If it lies ahead, the clock has jumped back, and the wait is void.
        since: Timestamp,
    },
    /// A worker holds it.
    Running {
        /// The worker's hold.
        lease: Lease,
    },
    /// Done.
    Finished {
        /// When.
        at: Timestamp,
    },
    /// Given up.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        error: Failure,
    },
    /// Called off.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}

/// The part of a job that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The state with what belongs to it.
    #[serde(flatten)]
    pub phase: Phase,
    /// Number of the current or last attempt: 0 before the first claim, and never decreases.
    pub attempt: u32,
    /// Attempts that ended in an error since submission (or redrive).
    #[serde(default)]
    pub failures: u32,
    /// Attempts that ended with the death of their worker since submission (or redrive).
    #[serde(default)]
    pub deaths: u32,
    /// Whether the result was there when the job was submitted: that of an earlier job.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
    /// When the current or last attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When the record and its result may be forgotten; set on every terminal state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When the sweep should look at it: a submitted job whose message may be lost, a running one
    /// whose lease runs out. Set on every state that is not terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

impl Status {
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

    /// What compare-and-set compares.
    #[must_use]
    pub const fn fence(&self) -> Fence {
        Fence { state: self.state(), attempt: self.attempt }
    }

    /// Whether it tells of times that were written before the clock jumped back.
    #[must_use]
    pub fn is_ahead(&self, now: Timestamp, policy: &Policy) -> bool {
        let latest = now.plus(MAX_SKEW);
        match self.phase {
            Phase::Submitted { since, .. } => since > latest,
            Phase::Running { lease } => lease.until > latest.plus(policy.lease),
            Phase::Finished { .. } | Phase::Failed { .. } | Phase::Cancelled { .. } => false,
        }
    }

    /// When it became terminal.
    #[must_use]
    pub const fn finished_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Finished { at } | Phase::Failed { at, .. } | Phase::Cancelled { at } => Some(at),
            Phase::Submitted { .. } | Phase::Running { .. } => None,
        }
    }

    /// Whether it is terminal and past its time to live at `now` (the store may purge it later).
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// The (state, attempt) pair on which every durable transition is compare-and-set.
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

/// A job without its input: what lists show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What never changes.
    pub head: Head,
    /// What does.
    pub status: Status,
}

/// One sequence on its way to a prediction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What never changes, the small part.
    pub head: Head,
    /// What changes.
    pub status: Status,
    /// What never changes, the large part.
    pub request: Arc<Request>,
}

/// Why a transition is not possible from here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is waiting for a later moment.
    #[error("not to be started before {0}")]
    NotYet(Timestamp),
    /// A worker holds it.
    #[error("leased until {0}")]
    Leased(Timestamp),
    /// Its lease has run out: the caller must record the loss before claiming.
    #[error("the lease ran out at {0}")]
    LeaseExpired(Timestamp),
    /// The state does not allow it.
    #[error("a {0} job cannot be {1}")]
    State(State, &'static str),
}

impl Job {
    /// A new job, to be claimed from `delay` after its creation on.
    #[must_use]
    pub fn submit(head: Head, request: Request, delay: Duration, policy: &Policy) -> Self {
        let not_before = head.created_at.plus(delay);
        Self {
            status: Status {
                phase: Phase::Submitted { not_before, since: head.created_at },
                attempt: 0,
                failures: 0,
                deaths: 0,
                reused: false,
                started_at: None,
                expires_at: None,
                due_at: Some(not_before.plus(policy.resend_after)),
            },
            head,
            request: Arc::new(request),
        }
    }

    /// The new job, finished at once with the result of an earlier one: no attempt is made.
    #[must_use]
    pub fn answered(&self, policy: &Policy) -> Self {
        let now = self.head.created_at;
        let mut job = self.terminal(Phase::Finished { at: now }, now, policy);
        job.status.reused = true;
        job
    }

    /// Whether it is new and not to start at once.
    #[must_use]
    pub fn is_delayed(&self) -> bool {
        matches!(self.status.phase, Phase::Submitted { not_before, .. } if not_before > self.head.created_at)
    }

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

    /// What compare-and-set compares.
    #[must_use]
    pub const fn fence(&self) -> Fence {
        self.status.fence()
    }

    /// The job without its input.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary { head: self.head.clone(), status: self.status.clone() }
    }

    /// Takes the job for the next attempt: submitted → running, attempt + 1.
    ///
    /// # Errors
    /// If it is not submitted, or not yet to be started. A start time that was written before the
    /// clock jumped back does not count.
    pub fn claim(&self, now: Timestamp, policy: &Policy, lease_id: Uuid) -> Result<Self, Refused> {
        match self.status.phase {
            Phase::Submitted { not_before, since } if waits(not_before, since, now) => {
                Err(Refused::NotYet(not_before))
            }
            Phase::Submitted { .. } => {
                let until = now.plus(policy.lease);
                Ok(self.with(Status {
                    phase: Phase::Running { lease: Lease { id: lease_id, until } },
                    attempt: self.status.attempt + 1,
                    started_at: Some(now),
                    due_at: Some(until),
                    ..self.status.clone()
                }))
            }
            Phase::Running { lease } if lease.until > now => Err(Refused::Leased(lease.until)),
            Phase::Running { lease } => Err(Refused::LeaseExpired(lease.until)),
            _ => Err(Refused::State(self.state(), "claimed")),
        }
    }

    /// Heartbeat: running → running, with the lease counted from `now`.
    ///
    /// # Errors
    /// If it is not running.
    pub fn extend(&self, now: Timestamp, policy: &Policy) -> Result<Self, Refused> {
        let Phase::Running { lease } = self.status.phase else {
            return Err(Refused::State(self.state(), "extended"));
        };
        let until = now.plus(policy.lease);
        Ok(self.with(Status {
            phase: Phase::Running { lease: Lease { until, ..lease } },
            due_at: Some(until),
            ..self.status.clone()
        }))
    }

    /// Running → finished; the result goes into the store with this transition.
    ///
    /// # Errors
    /// If it is not running.
    pub fn finish(&self, now: Timestamp, policy: &Policy) -> Result<Self, Refused> {
        self.running("finished")?;
        Ok(self.terminal(Phase::Finished { at: now }, now, policy))
    }

    /// Running → failed, for an error that another attempt would meet again.
    ///
    /// # Errors
    /// If it is not running.
    pub fn fail(&self, now: Timestamp, policy: &Policy, error: Failure) -> Result<Self, Refused> {
        self.running("failed")?;
        Ok(self.terminal(Phase::Failed { at: now, error }, now, policy))
    }

    /// Running → submitted after back-off, for an error that may pass; failed once the attempts
    /// are used up. `jitter` is random in 0..1.
    ///
    /// # Errors
    /// If it is not running.
    pub fn retry(
        &self,
        now: Timestamp,
        policy: &Policy,
        jitter: f64,
        error: Failure,
    ) -> Result<Self, Refused> {
        self.running("retried")?;
        let failures = self.status.failures + 1;
        if failures >= policy.max_failures {
            let detail = format!("{} (attempt {failures} of {})", error.detail, policy.max_failures);
            let mut job =
                self.terminal(Phase::Failed { at: now, error: Failure { detail, ..error } }, now, policy);
            job.status.failures = failures;
            return Ok(job);
        }
        let mut job = self.again(now, now.plus(policy.backoff(failures, jitter)), policy);
        job.status.failures = failures;
        Ok(job)
    }

    /// Running → submitted at once and uncounted: the worker gives it back (shutdown).
    ///
    /// # Errors
    /// If it is not running.
    pub fn release(&self, now: Timestamp, policy: &Policy) -> Result<Self, Refused> {
        self.running("released")?;
        Ok(self.again(now, now, policy))
    }

    /// Running with a lease that ran out → submitted after back-off; failed once it has cost
    /// too many workers.
    ///
    /// # Errors
    /// If it is not running, or the lease still holds.
    pub fn lose_lease(&self, now: Timestamp, policy: &Policy, jitter: f64) -> Result<Self, Refused> {
        let Phase::Running { lease } = self.status.phase else {
            return Err(Refused::State(self.state(), "reclaimed"));
        };
        if lease.until > now {
            return Err(Refused::Leased(lease.until));
        }
        let deaths = self.status.deaths + 1;
        let mut job = if deaths >= policy.max_deaths {
            let detail = format!("the worker was lost {deaths} times while running this job");
            let error = Failure::new(FailureClass::System, detail);
            self.terminal(Phase::Failed { at: now, error }, now, policy)
        } else {
            self.again(now, now.plus(policy.backoff(deaths, jitter)), policy)
        };
        job.status.deaths = deaths;
        Ok(job)
    }

    /// Submitted or running → cancelled. Cancelling again changes nothing.
    ///
    /// # Errors
    /// If it is finished or failed.
    pub fn cancel(&self, now: Timestamp, policy: &Policy) -> Result<Self, Refused> {
        match self.state() {
            State::Submitted | State::Running => Ok(self.terminal(Phase::Cancelled { at: now }, now, policy)),
            State::Cancelled => Ok(self.clone()),
            state @ (State::Finished | State::Failed) => Err(Refused::State(state, "cancelled")),
        }
    }

    /// Submitted → submitted, to be looked at again after as long as it has waited so far (at least
    /// the policy's `resend_after`, at most [`MAX_DELAY`]), so that a long backlog is not sent again
    /// and again: goes with sending its message once more. Also brings a start time from before a clock jump back into range.
    ///
    /// # Errors
    /// If it is not submitted.
    pub fn resend(&self, now: Timestamp, policy: &Policy) -> Result<Self, Refused> {
        let Phase::Submitted { not_before, since } = self.status.phase else {
            return Err(Refused::State(self.state(), "sent again"));
        };
        let not_before = if waits(not_before, since, now) { not_before } else { now };
        let mut job = self.again(now, not_before, policy);
        let waited = now.since(self.status.started_at.unwrap_or(self.head.created_at)).min(MAX_DELAY);
        job.status.due_at = Some(not_before.plus(waited.max(policy.resend_after)));
        Ok(job)
    }

    /// Failed → submitted with its counts at zero: an operator sends a dead letter again. The
    /// attempt number goes on, so the fence still holds against workers of the past.
    ///
    /// # Errors
    /// If it is not failed.
    pub fn redrive(&self, now: Timestamp, policy: &Policy) -> Result<Self, Refused> {
        if self.state() != State::Failed {
            return Err(Refused::State(self.state(), "sent again"));
        }
        let mut job = self.again(now, now, policy);
        job.status.failures = 0;
        job.status.deaths = 0;
        job.status.expires_at = None;
        Ok(job)
    }

    fn running(&self, what: &'static str) -> Result<(), Refused> {
        match self.state() {
            State::Running => Ok(()),
            state => Err(Refused::State(state, what)),
        }
    }

    fn again(&self, now: Timestamp, not_before: Timestamp, policy: &Policy) -> Self {
        self.with(Status {
            phase: Phase::Submitted { not_before, since: now },
            due_at: Some(not_before.plus(policy.resend_after)),
            ..self.status.clone()
        })
    }

    fn terminal(&self, phase: Phase, now: Timestamp, policy: &Policy) -> Self {
        self.with(Status {
            phase,
            expires_at: Some(now.plus(policy.ttl)),
            due_at: None,
            ..self.status.clone()
        })
    }

    fn with(&self, status: Status) -> Self {
        Self { status, head: self.head.clone(), request: Arc::clone(&self.request) }
    }
}

/// Whether a start time that was decided at `since` is still to be waited for.
fn waits(not_before: Timestamp, since: Timestamp, now: Timestamp) -> bool {
    not_before > now && since <= now.plus(MAX_SKEW)
}
