//! How a job moves from state to state.
//!
//! The state diagram is in `docs/architecture.md`; `tests/it/transitions.rs` compares it with the functions here.
//!
//! A transition takes the job and the time and returns the job as it would be. It writes nothing. A
//! [`JobStore`](crate::JobStore) makes it durable by compare-and-set on the [`Fence`](super::Fence).

use std::time::Duration;

use uuid::Uuid;

use super::record::{AttemptError, Failure, FailureClass, Head, Job, Lease, Phase, State, Status};
use crate::policy::{MAX_DELAY, MAX_SKEW, Policy};
use crate::time::Timestamp;

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
    pub fn submit(head: Head, delay: Duration, policy: &Policy) -> Self {
        let not_before = head.created_at.plus(delay);
        Self {
            status: Status {
                phase: Phase::Submitted { not_before, since: head.created_at },
                attempt: 0,
                failures: 0,
                lost_workers: 0,
                errors: Vec::new(),
                reused: false,
                started_at: None,
                expires_at: None,
                due_at: Some(not_before.plus(policy.resend_after)),
            },
            head,
        }
    }

    /// The new job, finished at once with the stored result of an earlier one. No attempt is made.
    #[must_use]
    pub fn finished_from_cache(&self, policy: &Policy) -> Self {
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

    /// Takes the job for the next attempt: submitted → running, attempt + 1.
    ///
    /// # Errors
    /// If it is not submitted, or not yet to be started. A start time that was written before the
    /// clock jumped back does not count.
    pub fn claim(&self, now: Timestamp, policy: &Policy, lease_id: Uuid) -> Result<Self, Refused> {
        match self.status.phase {
            Phase::Submitted { not_before, since } if is_scheduled(not_before, since, now) => {
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
        let mut job = self.with_error(now, &error);
        job = job.terminal(Phase::Failed { at: now, error }, now, policy);
        Ok(job)
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
        let mut job = self.with_error(now, &error);
        job.status.failures += 1;
        let failures = job.status.failures;
        if failures >= policy.max_failures {
            let detail = format!("{} (attempt {failures} of {})", error.detail, policy.max_failures);
            return Ok(job.terminal(
                Phase::Failed { at: now, error: Failure { detail, ..error } },
                now,
                policy,
            ));
        }
        Ok(job.requeue(now, now.plus(policy.backoff(failures, jitter)), policy))
    }

    /// Running → submitted at once and uncounted: the worker gives it back (shutdown).
    ///
    /// # Errors
    /// If it is not running.
    pub fn release(&self, now: Timestamp, policy: &Policy) -> Result<Self, Refused> {
        self.running("released")?;
        Ok(self.requeue(now, now, policy))
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
        let lost = Failure::new(FailureClass::System, "the worker was lost: its lease ran out");
        let mut job = self.with_error(now, &lost);
        job.status.lost_workers += 1;
        let count = job.status.lost_workers;
        if count >= policy.max_lost_workers {
            let detail = format!("the worker was lost {count} times while running this job");
            let error = Failure::new(FailureClass::System, detail);
            return Ok(job.terminal(Phase::Failed { at: now, error }, now, policy));
        }
        Ok(job.requeue(now, now.plus(policy.backoff(count, jitter)), policy))
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
        let not_before = if is_scheduled(not_before, since, now) { not_before } else { now };
        let mut job = self.requeue(now, not_before, policy);
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
        let mut job = self.requeue(now, now, policy);
        job.status.failures = 0;
        job.status.lost_workers = 0;
        job.status.expires_at = None;
        Ok(job)
    }

    fn running(&self, what: &'static str) -> Result<(), Refused> {
        match self.state() {
            State::Running => Ok(()),
            state => Err(Refused::State(state, what)),
        }
    }

    fn requeue(&self, now: Timestamp, not_before: Timestamp, policy: &Policy) -> Self {
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

    /// The job with the error of its attempt added, and the oldest errors dropped.
    fn with_error(&self, now: Timestamp, failure: &Failure) -> Self {
        let mut job = self.clone();
        let errors = &mut job.status.errors;
        errors.push(AttemptError::new(job.status.attempt, now, failure));
        let excess = errors.len().saturating_sub(Status::KEPT_ERRORS);
        errors.drain(..excess);
        job
    }

    fn with(&self, status: Status) -> Self {
        Self { status, head: self.head.clone() }
    }
}

/// Whether a start time that was decided at `since` is still to be waited for.
fn is_scheduled(not_before: Timestamp, since: Timestamp, now: Timestamp) -> bool {
    not_before > now && since <= now.plus(MAX_SKEW)
}
