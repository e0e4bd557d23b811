//! The use cases: what handlers do with jobs, over any backend.
//!
//! Every durable step is: read, decide (a pure transition of [`Job`]), compare-and-set. Whoever loses a race
//! decides again from what the winner wrote.

mod callers;
mod events;
mod operators;
mod reuse;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use pssp_predict::sequence::Warning;
use pssp_predict::{Method, Sequence};

use crate::error::StoreError;
use crate::id::{JobId, Owner};
use crate::job::{BatchRef, Head, Job, Refused, Request, State};
use crate::policy::{BadPolicy, MAX_DELAY, Policy};
use crate::ports::{Backend, Change, IdempotencyKey, Submission};
use crate::time::{Clock, Timestamp};

/// Why a use case did not go through.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// No such job (or batch), or not one of this owner.
    #[error("no such job")]
    NotFound,
    /// It was there, and its time to live has passed.
    #[error("expired at {0}")]
    Expired(Timestamp),
    /// The job's state does not allow it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The backend.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A job to be submitted.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The caller's name for it.
    pub name: Option<String>,
    /// What is asked.
    pub request: Request,
    /// What the caller should know about the input.
    pub warnings: Vec<Warning>,
}

impl From<Sequence> for NewJob {
    /// A job without a name, for a sequence that needed no cleaning.
    fn from(sequence: Sequence) -> Self {
        let request = Request::new(sequence.as_str().to_owned(), sequence, Vec::new());
        Self { name: None, request, warnings: Vec::new() }
    }
}

/// A caller's idempotency key and the digest of the request that it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub key: String,
    /// Digest of the request.
    pub digest: [u8; 32],
}

/// The outcome of a request that may be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted<T> {
    /// What was made or changed, now or by an earlier request (with the same key).
    pub value: T,
    /// Whether that was an earlier one.
    pub replayed: bool,
    /// How many jobs were made now, already finished with a stored result.
    pub reused: usize,
}

/// A job that this worker holds, with its input. Dereferences to the [`Job`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The job.
    pub job: Job,
    /// Its input.
    pub request: Arc<Request>,
}

impl std::ops::Deref for Claimed {
    type Target = Job;

    fn deref(&self) -> &Job {
        &self.job
    }
}

/// What came of trying to take a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is ours until its lease runs out.
    Claimed(Box<Claimed>),
    /// Try again after this time.
    Wait(Duration),
    /// Nothing left to do: it is terminal.
    Settled(State),
    /// There is no such job.
    Missing,
}

/// What became of an attempt's last step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The job is now so.
    Done(Job),
    /// The job was no longer ours (lease lost, cancelled, deleted): nothing was written.
    Stale,
}

/// What one sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Messages of submitted jobs sent again, lost or not: the store cannot always tell.
    pub resent: usize,
    /// Running jobs taken from lost workers, to be tried again.
    pub reclaimed: usize,
    /// Leases from before a clock jump brought into range.
    pub healed: usize,
    /// Jobs given up because they had cost too many workers.
    pub buried: usize,
    /// Overdue jobs that could not be repaired (a damaged record). Each is logged.
    pub skipped: usize,
    /// Expired records forgotten.
    pub purged: usize,
}

/// The most jobs one sweep repairs; the rest follows at the next.
pub const SWEEP_LIMIT: usize = 1000;

/// The use cases over one backend. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    backend: Backend,
    clock: Arc<dyn Clock>,
    policy: Arc<Policy>,
    /// Whose results answer more than one job.
    reuse: Option<Arc<Method>>,
}

impl Jobs {
    /// Ties backend, clock and policy together.
    ///
    /// # Errors
    /// If the policy cannot keep the promises ([`Policy::check`]).
    pub fn new(backend: Backend, clock: Arc<dyn Clock>, policy: Policy) -> Result<Self, BadPolicy> {
        policy.check()?;
        let resend_after = policy.resend_after.max(backend.store.capabilities().resend_after);
        let policy = Arc::new(Policy { resend_after, ..policy });
        Ok(Self { backend, clock, policy, reuse: None })
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The backend, for contract cases. Handlers use the methods of this type alone.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    async fn settle(&self, job: &Job, next: Result<Job, Refused>) -> Result<Settled, StoreError> {
        match next {
            Ok(next) => self.apply(Change::new(job, &next), next).await,
            Err(_) => Ok(Settled::Stale),
        }
    }

    /// Makes `change` durable. `next` is the job after it.
    async fn apply(&self, change: Change, next: Job) -> Result<Settled, StoreError> {
        match self.backend.store.apply(&change).await {
            Ok(()) => Ok(Settled::Done(next)),
            Err(StoreError::Conflict(_) | StoreError::NotFound) => Ok(Settled::Stale),
            Err(error) => Err(error),
        }
    }

    /// What is to be created for `new`.
    fn submission(
        &self,
        id: JobId,
        owner: &Owner,
        new: NewJob,
        delay: Duration,
        batch: Option<BatchRef>,
    ) -> Submission {
        let head = Head {
            id,
            owner: owner.clone(),
            created_at: self.now(),
            name: new.name,
            batch,
            length: new.request.sequence.len(),
            warnings: new.warnings,
        };
        let job = Job::submit(head, delay.min(MAX_DELAY), &self.policy);
        Submission { job, request: Arc::new(new.request), key: None, result: None }
    }

    fn idempotency(&self, owner: &Owner, key: Key) -> IdempotencyKey {
        IdempotencyKey {
            owner: owner.clone(),
            key: key.key,
            digest: key.digest,
            expires_at: self.now().plus(self.policy.key_ttl),
        }
    }
}

fn jitter() -> f64 {
    rand::random()
}
