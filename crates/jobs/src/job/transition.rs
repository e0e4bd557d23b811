//! How a job moves from state to state.
//!
//! The state diagram is in `docs/architecture.md`; `tests/it/transitions.rs` compares it with the functions here.
//!
//! A transition takes the job and the time, and returns the job after the transition. It writes nothing. A
//! [`JobStore`](crate::JobStore) makes it durable by compare-and-set on the [`Fence`](super::Fence).

use std::time::Duration;

use uuid::Uuid;

use super::record::{AttemptError, Failure, FailureClass, Head, Job, Lease, Phase, State, Status};
use crate::policy::{MAX_DELAY, MAX_SKEW, Policy};
use crate::time::Timestamp;

/// Why a transition is not possible from the present state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The job waits until this time.
    #[error("not to be started before {0}")]
    NotYet(Timestamp),
    /// A worker holds the job until this time.
    #[error("leased until {0}")]
    Leased(Timestamp),
    /// The lease has expired: the caller must record the lost worker before it claims the job.
    #[error("the lease ran out at {0}")]
    LeaseExpired(Timestamp),
    /// The state of the job does not allow the transition.
    #[error("a {0} job cannot be {1}")]
    State(State, &'static str),
}

impl Job {
    /// A new job, which can be claimed `delay` after its creation.
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

    /// The new job, finished at once with the stored result of an earlier job. It has no attempt.
    #[must_use]
    pub fn finished_from_cache(&self, policy: &Policy) -> Self {
        let now = self.head.created_at;
        let mut job = self.terminal(Phase::Finished { at: now }, now, policy);
        job.status.reused = true;
        job
    }

    /// Whether the job is new and has a delay before its first attempt.
    #[must_use]
    pub fn is_delayed(&self) -> bool {
        matches!(self.status.phase, Phase::Submitted { not_before, .. } if not_before > self.head.created_at)
    }

    /// Starts the next attempt: submitted → running, attempt + 1.
    ///
    /// # Errors
    /// If the job is not submitted, or its start time has not come. A start time from before the clock jumped
    /// back does not count.
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

    /// Heartbeat: running → running. The lease counts from `now`.
    ///
    /// # Errors
    /// If the job is not running.
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

    /// Running → finished. The result is stored together with this transition.
    ///
    /// # Errors
    /// If the job is not running.
    pub fn finish(&self, now: Timestamp, policy: &Policy) -> Result<Self, Refused> {
        self.running("finished")?;
        Ok(self.terminal(Phase::Finished { at: now }, now, policy))
    }

    /// Running → failed, for an error that another attempt would have too.
    ///
    /// # Errors
    /// If the job is not running.
    pub fn fail(&self, now: Timestamp, policy: &Policy, error: Failure) -> Result<Self, Refused> {
        self.running("failed")?;
        let mut job = self.with_error(now, &error);
        job = job.terminal(Phase::Failed { at: now, error }, now, policy);
        Ok(job)
    }

    /// Running → submitted with a back-off, for an error that may pass. Running → failed after the last
    /// attempt. `jitter` is random in 0..1.
    ///
    /// # Errors
    /// If the job is not running.
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

    /// Running → submitted at once: the worker releases the job (shutdown). This counts neither as a failure
    /// nor as a lost worker.
    ///
    /// # Errors
    /// If the job is not running.
    pub fn release(&self, now: Timestamp, policy: &Policy) -> Result<Self, Refused> {
        self.running("released")?;
        Ok(self.requeue(now, now, policy))
    }

    /// Running with an expired lease → submitted with a back-off. Running → failed after too many lost workers.
    ///
    /// # Errors
    /// If the job is not running, or its lease has not expired.
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

    /// Submitted or running → cancelled. Another cancellation changes nothing.
    ///
    /// # Errors
    /// If the job is finished or failed.
    pub fn cancel(&self, now: Timestamp, policy: &Policy) -> Result<Self, Refused> {
        match self.state() {
            State::Submitted | State::Running => Ok(self.terminal(Phase::Cancelled { at: now }, now, policy)),
            State::Cancelled => Ok(self.clone()),
            state @ (State::Finished | State::Failed) => Err(Refused::State(state, "cancelled")),
        }
    }

    /// Submitted → submitted, for a message that is sent again. The sweep checks the job again after as long as
    /// it has waited so far: at least `resend_after` of the policy, at most [`MAX_DELAY`]. So the messages of a
    /// long backlog are sent again only rarely. This also corrects a start time from before a clock jump.
    ///
    /// # Errors
    /// If the job is not submitted.
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

    /// Failed → submitted with its counts at zero: an operator redrives a dead letter. The attempt number
    /// continues, so that the fence still stops workers of earlier attempts.
    ///
    /// # Errors
    /// If the job is not failed.
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

/// Whether the start time is still in the future. It does not count if it was set (at `since`) before the clock
/// jumped back.
fn is_scheduled(not_before: Timestamp, since: Timestamp, now: Timestamp) -> bool {
    not_before > now && since <= now.plus(MAX_SKEW)
}
