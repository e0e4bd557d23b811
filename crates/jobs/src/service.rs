//! The use cases: operations on jobs for handlers, over any backend.
//!
//! Every durable step reads the job, computes a pure transition of [`Job`], and writes it by compare-and-set. A
//! caller that loses a race computes the transition again from the new state.

mod callers;
mod clock;
mod events;
mod keys;
mod operators;
mod reuse;
mod room;
mod workers;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use pssp_predict::sequence::Warning;
use pssp_predict::{Method, Sequence};

use crate::backend::Backend;
use crate::batch::BatchItem;
use crate::error::StoreError;
use crate::id::{JobId, Owner};
use crate::job::{BatchRef, Head, Job, Refused, Request, State};
use crate::policy::{BadPolicy, MAX_DELAY, Policy};
use crate::ports::{Change, IdempotencyKey, Submission};
use crate::time::{Clock, StoreClock, Timestamp};

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// There is no such job (or batch), or it belongs to another owner.
    #[error("no such job")]
    NotFound,
    /// It existed, and its time to live has passed.
    #[error("expired at {0}")]
    Expired(Timestamp),
    /// The owner has as many jobs as it may have ([`Policy::max_owned`]).
    #[error("you have {has} jobs of {most} that one owner may have; delete some, or wait until they expire")]
    TooMany {
        /// About how many the owner has.
        has: u64,
        /// The limit.
        most: u64,
    },
    /// The job's state does not allow it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// An error of the backend.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A job to be submitted.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The name that the caller gave, if any.
    pub name: Option<String>,
    /// The request.
    pub request: Request,
    /// Warnings for the caller about the input.
    pub warnings: Vec<Warning>,
}

impl From<Sequence> for NewJob {
    /// A job without a name, for a sequence that needs no cleaning.
    fn from(sequence: Sequence) -> Self {
        let request = Request::new(sequence.as_str().to_owned(), sequence, Vec::new());
        Self { name: None, request, warnings: Vec::new() }
    }
}

/// A batch to be submitted. Its jobs need not be in memory all at once.
pub struct NewBatch {
    /// The records in order: the length of each that can be used, in residues, and the errors of each that cannot.
    pub outline: Vec<Result<usize, BatchItem>>,
    /// The jobs of the records that can be used, in order, some at a time.
    pub jobs: BoxStream<'static, Vec<NewJob>>,
}

impl From<Vec<Result<NewJob, BatchItem>>> for NewBatch {
    fn from(records: Vec<Result<NewJob, BatchItem>>) -> Self {
        let length = |record: &Result<NewJob, BatchItem>| match record {
            Ok(new) => Ok(new.request.sequence.len()),
            Err(rejected) => Err(rejected.clone()),
        };
        let outline = records.iter().map(length).collect();
        let jobs: Vec<NewJob> = records.into_iter().flatten().collect();
        Self { outline, jobs: stream::iter([jobs]).boxed() }
    }
}

impl From<Vec<NewJob>> for NewBatch {
    fn from(jobs: Vec<NewJob>) -> Self {
        jobs.into_iter().map(Ok).collect::<Vec<_>>().into()
    }
}

/// An idempotency key of a caller, and the digest of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub key: String,
    /// Digest of the request.
    pub digest: [u8; 32],
}

/// The outcome of a request that can be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted<T> {
    /// The object that this request, or an earlier one with the same key, made or changed.
    pub value: T,
    /// Whether it was an earlier request.
    pub replayed: bool,
    /// Number of jobs that this request made and that are finished already with a stored result.
    pub reused: usize,
}

/// A job whose lease this worker holds, with its input. Dereferences to the [`Job`].
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

/// The outcome of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// This worker holds the job until its lease expires.
    Claimed(Box<Claimed>),
    /// The job cannot be claimed now. Try again after this time.
    Wait(Duration),
    /// The job is terminal: nothing is left to do.
    Settled(State),
    /// There is no such job.
    Missing,
}

/// The outcome of a write by the worker that holds a job.
#[expect(clippy::large_enum_variant, reason = "matched at once, never collected")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The write took effect. This is the job after it.
    Done(Job),
    /// This worker no longer holds the job (lease lost, job cancelled or deleted). Nothing was written.
    Stale,
}

/// What one sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Messages of submitted jobs that were sent again. Not all of them were lost: the store cannot always
    /// know.
    pub resent: usize,
    /// Running jobs that were taken from lost workers and will be tried again.
    pub reclaimed: usize,
    /// Leases from before a clock jump that were corrected.
    pub healed: usize,
    /// Jobs that failed because of too many lost workers.
    pub buried: usize,
    /// Overdue jobs that could not be repaired (a damaged record). Each is logged.
    pub skipped: usize,
    /// Expired records that were deleted.
    pub purged: usize,
}

/// Most jobs that one sweep repairs. The next sweep repairs the rest.
pub const SWEEP_LIMIT: usize = 1000;

/// The use cases over one backend. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    backend: Backend,
    clock: Arc<StoreClock>,
    policy: Arc<Policy>,
    room: Arc<room::KnownRoom>,
    owned: Arc<room::KnownOwned>,
    /// When the keys of links to expired jobs were removed last, in milliseconds.
    links_purged_at: Arc<AtomicI64>,
    /// The method whose results are reused; `None` for no reuse.
    reuse: Option<Arc<Method>>,
    /// Whether whoever knows the id of a job or batch may read it.
    is_readable_by_id: bool,
}

impl Jobs {
    /// The use cases over this backend, the clock of this machine, and the policy.
    ///
    /// # Errors
    /// If the policy cannot keep the promises ([`Policy::check`]).
    pub fn new(backend: Backend, clock: Arc<dyn Clock>, policy: Policy) -> Result<Self, BadPolicy> {
        policy.check()?;
        let resend_after = policy.resend_after.max(backend.store.capabilities().resend_after);
        let policy = Arc::new(Policy { resend_after, ..policy });
        Ok(Self {
            backend,
            clock: Arc::new(StoreClock::new(clock)),
            policy,
            room: Arc::default(),
            owned: Arc::default(),
            links_purged_at: Arc::default(),
            reuse: None,
            is_readable_by_id: false,
        })
    }

    /// The same use cases, in which whoever knows the id of a job or batch may read it. Lists, idempotency keys,
    /// reuse, cancellation and deletion stay with the owner.
    #[must_use]
    pub fn readable_by_id(&self) -> Self {
        Self { is_readable_by_id: true, ..self.clone() }
    }

    /// The time of the store now, as far as it is known ([`Jobs::compare_clocks`]).
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The backend, for the contract cases. Handlers use only the methods of this type.
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

    /// Makes `change` durable. `next` is the job after the change.
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
