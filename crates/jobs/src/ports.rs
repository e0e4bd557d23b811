//! The ports: the interfaces that a backend implements.
//!
//! All traits are object-safe. Unless the text says otherwise, a call can be repeated after
//! [`StoreError::Unavailable`]. Backends differ only by their [`Capabilities`]; no code asks for a backend by
//! its name.
//!
//! A backend is complete when it passes the contract suite (`contract_tests!`, feature `testing`).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pssp_predict::sequence::Warning;
use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::error::StoreError;
use crate::id::{BatchId, JobId, Owner};
use crate::job::{Fence, Job, Phase, Request, State, Status};
use crate::message::Message;
use crate::notice::Notice;
use crate::reuse::{ResultKey, StoredResult};
use crate::stored_key::StoredKey;
use crate::time::Timestamp;

/// The differences between backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Name for logs and metrics: `sqlite`, `redis`, `aws`, `memory`.
    pub name: &'static str,
    /// Most jobs in one call of [`JobStore::create`].
    pub max_create: usize,
    /// Largest result in bytes.
    pub max_result_bytes: usize,
    /// How long after its start time the message of a job is taken to be lost. After this time sending again
    /// must be cheap: it does nothing while the first message is in the queue, or it happens rarely.
    pub resend_after: Duration,
    /// Whether a transition also settles the message of the job. Then a terminal state deletes the message and
    /// [`Change::send`] replaces it, also while it is delivered, and a worker settles nothing by receipt
    /// ([`crate::Disposition::Settled`]).
    pub settles_messages: bool,
}

/// An idempotency key of a caller, with the digest of the request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The owner. Keys of different owners are separate.
    pub owner: Owner,
    /// The caller's key.
    pub key: String,
    /// Digest of the request. The same key with another digest is [`StoreError::KeyReused`].
    pub digest: [u8; 32],
    /// When the key expires. After that it counts as unused, whether it is purged or not.
    pub expires_at: Timestamp,
}

/// A job to be created.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The job, from [`Job::submit`] or [`Job::finished_from_cache`].
    pub job: Job,
    /// Its input.
    pub request: Arc<Request>,
    /// The idempotency key, if there is one.
    pub key: Option<IdempotencyKey>,
    /// The result. `Some` if and only if the job is finished already.
    pub result: Option<Bytes>,
}

impl Submission {
    /// How long after the creation the message of the job is delivered.
    #[must_use]
    pub fn delay(&self) -> Duration {
        match &self.job.status.phase {
            Phase::Submitted { not_before, since } => not_before.since(*since),
            _ => Duration::ZERO,
        }
    }
}

/// The outcome of a creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created<Id> {
    /// The record is new, and durable now.
    New,
    /// The key was used before for this id.
    Existing(Id),
}

/// The parts to read with the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Include {
    /// The request, with the input.
    pub request: bool,
    /// The result, if there is one.
    pub result: bool,
}

impl Include {
    /// The job alone.
    pub const NOTHING: Self = Self { request: false, result: false };
    /// The request.
    pub const REQUEST: Self = Self { request: true, result: false };
    /// The result.
    pub const RESULT: Self = Self { request: false, result: true };
    /// The request and the result.
    pub const ALL: Self = Self { request: true, result: true };
}

/// A job with the parts that were requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The job.
    pub job: Job,
    /// Its input, if it was requested.
    pub request: Option<Arc<Request>>,
    /// Its result, if it was requested and the job is finished.
    pub result: Option<Bytes>,
}

impl Record {
    /// Warnings for the caller about the input. For a record of release 0.1.0 this needs the request, where
    /// that release stored them.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        match &self.request {
            Some(request) if self.job.head.warnings.is_empty() => &request.old_warnings,
            _ => &self.job.head.warnings,
        }
    }
}

/// One durable transition.
#[derive(Debug, Clone)]
pub struct Change {
    /// The id of the job.
    pub id: JobId,
    /// The owner of the job. A message of it takes its turn among those of other owners.
    pub owner: Owner,
    /// The length of the chain in residues, by which the store keeps room for the result ([`Room`]).
    pub residues: usize,
    /// The state and attempt that the store must still have.
    pub expect: Fence,
    /// The status after the transition.
    pub status: Status,
    /// The result, which is written in the same step (with finish).
    pub result: Option<StoredResult>,
    /// `Some`: send the message of the job, to be delivered after this time.
    pub send: Option<Duration>,
}

impl Change {
    /// The transition from `before` to `after`, without a result and a message.
    #[must_use]
    pub fn new(before: &Job, after: &Job) -> Self {
        Self {
            id: before.id(),
            owner: before.head.owner.clone(),
            residues: before.head.length,
            expect: before.fence(),
            status: after.status.clone(),
            result: None,
            send: None,
        }
    }

    /// By how many residues the change alters the open jobs: those that have no result yet.
    #[must_use]
    pub fn open_residues(&self) -> i64 {
        let residues = i64::try_from(self.residues).unwrap_or(i64::MAX);
        match (self.expect.state.is_terminal(), self.status.state().is_terminal()) {
            (false, true) => -residues,
            (true, false) => residues,
            _ => 0,
        }
    }

    /// Adds the result, which is written in the same step.
    #[must_use]
    pub fn with_result(self, result: StoredResult) -> Self {
        Self { result: Some(result), ..self }
    }

    /// Adds a message of the job, which is delivered after `delay`.
    #[must_use]
    pub fn with_message(self, delay: Duration) -> Self {
        Self { send: Some(delay), ..self }
    }
}

/// Which jobs to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Jobs of this owner.
    pub owner: Owner,
    /// Only jobs in this state.
    pub state: Option<State>,
    /// Only jobs that are older than this one (the `next` of the page before).
    pub before: Option<JobId>,
    /// At most this many, at least 1. The store may return fewer and still have more.
    pub limit: usize,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<C>,
}

/// Counts of open jobs and of dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Jobs that wait for a worker.
    pub submitted: u64,
    /// Jobs that a worker holds.
    pub running: u64,
    /// Dead letters.
    pub dead: u64,
}

/// How full a store is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What the data needs now.
    pub used: u64,
    /// About what the results of all open jobs will need.
    pub reserved: u64,
    /// What the store can hold.
    pub limit: u64,
}

impl Room {
    /// About the bytes of a stored result of `residues` residues: 25 a residue, of which real results need about 16,
    /// and a fixed part.
    #[must_use]
    pub const fn of_results(jobs: u64, residues: u64) -> u64 {
        jobs.saturating_mul(500).saturating_add(residues.saturating_mul(25))
    }
}

/// The store of jobs.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// What this backend can do.
    fn capabilities(&self) -> Capabilities;

    /// Creates jobs and sends their messages, to be delivered from their start time on. Returns one outcome for
    /// each submission, in order. The submissions are independent of each other. After `Ok(New)` the job is
    /// durable, and its message is sent or the sweep will send it: a message that could not be sent is not an
    /// error. Key and job are written together. A job that is finished already is written with its result and
    /// has no message. An empty slice does nothing.
    ///
    /// Callers pass at most [`Capabilities::max_create`] submissions; more is an error of the caller. Without a
    /// key the call cannot be repeated: a job that exists is [`StoreError::Exists`].
    async fn create(&self, submissions: &[Submission]) -> Vec<Result<Created<JobId>, StoreError>>;

    /// The job as the last acknowledged write left it (never stale), with the parts in `include`. Other parts
    /// are not read. Expired jobs may still be there: callers check [`crate::Status::is_expired`].
    async fn read(&self, id: JobId, include: Include) -> Result<Option<Record>, StoreError>;

    /// The job alone, as polls, heartbeats, cancellations and sweeps need it.
    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.read(id, Include::NOTHING).await?.map(|record| record.job))
    }

    /// Many jobs: one entry for each id, in order.
    async fn get_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError>;

    /// The job that an earlier request with this idempotency key made. Creates nothing.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] if the digest differs.
    async fn job_of_key(&self, key: &IdempotencyKey) -> Result<Option<JobId>, StoreError>;

    /// For each key the job that last finished with a result of this key, in order. The answer is a hint: it
    /// may be out of date, and the job may be gone or be a different one. Callers read the job and compare. At
    /// most [`Capabilities::max_create`] keys.
    async fn reusable(&self, keys: &[ResultKey]) -> Result<Vec<Option<JobId>>, StoreError>;

    /// Makes a transition durable if the job is still at `expect`. All of it takes effect or nothing: the
    /// status, the result, the message, the wake-up of watchers, and the dead letter (added when the job
    /// becomes failed, removed when it leaves that state). With [`Capabilities::settles_messages`] a terminal
    /// state also deletes the message of the job. If the response to a write is lost, callers read the job to
    /// see whether it took effect, so the backend need not recognise its own earlier try.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with the present state of the job, [`StoreError::NotFound`] if it is gone.
    async fn apply(&self, change: &Change) -> Result<(), StoreError>;

    /// Deletes the job with its result, dead letter and message. An idempotency key of the job stays. Returns
    /// whether the job existed. Watchers are woken.
    async fn delete(&self, id: JobId) -> Result<bool, StoreError>;

    /// Jobs of one owner, newest first. A job that is not deleted is on exactly one page, whatever is created
    /// meanwhile. The list may lag behind writes, so no decision may depend on it.
    async fn list(&self, query: &ListQuery) -> Result<Page<Job, JobId>, StoreError>;

    /// Jobs whose `due_at` is at or before `now`, or after `now + horizon` (the clock jumped back). The longest
    /// overdue are first; at most `limit`, which the store may cap at 1,000. These are candidates: the caller
    /// reads each job and checks it before it acts.
    async fn overdue(
        &self,
        now: Timestamp,
        horizon: Duration,
        limit: usize,
    ) -> Result<Vec<JobId>, StoreError>;

    /// Deletes what has expired at `now`: jobs with results and dead letters, batches, keys. Deletes at most
    /// about `limit` records and returns how many. A backend that deletes expired records by itself returns 0.
    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Counts of open jobs and dead letters. May be approximate.
    async fn depth(&self) -> Result<Depth, StoreError>;

    /// Checks that the backend responds and can be written to.
    async fn ping(&self) -> Result<(), StoreError>;

    /// How full the store is. `None` if it has no limit that is known.
    async fn room(&self) -> Result<Option<Room>, StoreError>;

    /// About how many jobs of the owner are there, in every state. It may lag behind, and count some that have
    /// expired.
    async fn owned(&self, owner: &Owner) -> Result<u64, StoreError>;

    /// The time of the store. All machines that share the store judge leases by it. A store on the same machine
    /// returns the time of that machine. `None` if the store has not told its time yet.
    async fn time(&self) -> Result<Option<Timestamp>, StoreError>;
}

/// The store of batches.
#[async_trait]
pub trait BatchStore: Send + Sync {
    /// Creates the handle together with its key.
    async fn create_batch(
        &self,
        batch: &Batch,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created<BatchId>, StoreError>;

    /// Stores the batch again, now sealed, if it still exists. It may be sealed more than once.
    async fn seal_batch(&self, batch: &Batch) -> Result<(), StoreError>;

    /// The batch that an earlier request with this key made. Creates nothing.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] if the digest differs.
    async fn batch_of_key(&self, key: &IdempotencyKey) -> Result<Option<BatchId>, StoreError>;

    /// The batch. Expired batches may still be there.
    async fn batch(&self, id: BatchId) -> Result<Option<Batch>, StoreError>;

    /// Deletes the handle; the jobs stay. Returns whether it existed.
    async fn delete_batch(&self, id: BatchId) -> Result<bool, StoreError>;
}

/// A message that could not be used, or a job that failed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Orders and identifies the letter. For a failed job it is the id of the job.
    pub id: JobId,
    /// The failed job, if there is one.
    pub job: Option<JobId>,
    /// When the message or the job was given up.
    pub at: Timestamp,
    /// The reason.
    pub reason: String,
    /// The body, if the message could not be decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl DeadLetter {
    /// The letter of a failed job, and when it expires; `None` for a job in another state.
    #[must_use]
    pub fn of_failed(id: JobId, status: &Status) -> Option<(Self, Timestamp)> {
        match (&status.phase, status.expires_at) {
            (Phase::Failed { at, error }, Some(expires_at)) => {
                let reason = error.detail.clone();
                Some((Self { id, job: Some(id), at: *at, reason, body: None }, expires_at))
            }
            _ => None,
        }
    }
}

/// The store of dead letters.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Keeps a message that belongs to no job. (A failed job becomes a dead letter by [`JobStore::apply`].)
    async fn bury(&self, letter: &DeadLetter, expires_at: Timestamp) -> Result<(), StoreError>;

    /// Dead letters, newest id first, with ids before `before`, at most `limit` (at least 1).
    async fn dead_letters(
        &self,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<Page<DeadLetter, JobId>, StoreError>;

    /// Deletes a dead letter that belongs to no job. Returns whether it existed.
    async fn discard(&self, id: JobId) -> Result<bool, StoreError>;
}

/// The store of the outage notice. There is one notice for the whole service.
#[async_trait]
pub trait Notices: Send + Sync {
    /// The last notice that was set, also if it has ended.
    async fn notice(&self) -> Result<Option<Notice>, StoreError>;

    /// Replaces the notice; `None` clears it.
    async fn set_notice(&self, notice: Option<&Notice>) -> Result<(), StoreError>;
}

/// The store of the keys that operators make while the service runs. There are few of them.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// The key with this id.
    async fn key(&self, id: &str) -> Result<Option<StoredKey>, StoreError>;

    /// All keys, in no order.
    async fn keys(&self) -> Result<Vec<StoredKey>, StoreError>;

    /// Stores a key, in place of one with the same id. The time of its last use stays.
    async fn put_key(&self, key: &StoredKey) -> Result<(), StoreError>;

    /// Notes that a key was used. Does nothing if it is gone.
    async fn touch_key(&self, id: &str, at: Timestamp) -> Result<(), StoreError>;

    /// Deletes a key. Returns whether it existed.
    async fn delete_key(&self, id: &str) -> Result<bool, StoreError>;
}

/// The sending side of the queue.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Sends a message, which is delivered at least once and not before `delay` (cut to
    /// [`crate::policy::MAX_DELAY`]). A second message about a job does no harm, and a backend may merge it
    /// with one that still waits.
    async fn send(&self, message: &Message, delay: Duration) -> Result<(), StoreError>;
}

/// Proof of one delivery. It is consumed when the message is settled.
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt(String);

impl Receipt {
    /// A receipt from the receiver of a backend.
    #[must_use]
    pub fn new(token: String) -> Self {
        Self(token)
    }

    /// The backend's token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.0
    }
}

/// A received message.
#[derive(Debug)]
pub struct Delivery {
    /// The body, not yet decoded.
    pub body: String,
    /// Number of deliveries so far, this one included; at least 1.
    pub receives: u32,
    /// The receipt to settle the message with.
    pub receipt: Receipt,
    /// The job with its request as it was when the message was received, if the backend reads it in the same
    /// step. A claim that finds that the job has changed since reads it again.
    pub record: Option<Box<Record>>,
}

/// The receiving side of the queue. On Lambda the platform receives and deletes messages, so a worker there has
/// none.
///
/// Owners take turns: while one owner has a backlog, the next receives deliver the messages of other owners too,
/// one message of each owner in a turn. So an owner whose first message arrives waits for at most one message of
/// each other owner. (A backend on which several processes write at once may count jobs that they create for an owner at
/// the same moment as one turn.) Messages of one owner are delivered about in the order in which they were sent. A message that
/// is delivered again does not wait for a further turn of its owner.
#[async_trait]
pub trait JobReceiver: Send + Sync {
    /// Receives up to `max` (1 to 1,000) messages. Each is hidden from other receivers for `visibility` (cut to
    /// twice [`crate::policy::MAX_DELAY`]: a message that is hidden for longer was hidden before the clock
    /// jumped back). Waits up to `wait` for the first message; an empty list means that there was none. Never
    /// takes more than `max` messages from the queue.
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Deletes the message. Does nothing if the message has been delivered again since.
    async fn ack(&self, receipt: Receipt) -> Result<(), StoreError>;

    /// Makes the message visible again after `after` (cut as in [`JobQueue::send`]).
    async fn retry(&self, receipt: Receipt, after: Duration) -> Result<(), StoreError>;

    /// Hides the message for `visibility` from now on. Returns whether the receipt was still valid.
    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<bool, StoreError>;
}

/// Waits for changes of one job. Dropping it ends the watch.
#[async_trait]
pub trait Watcher: Send {
    /// Returns when the job may have changed since the watch began or since the last return: on an event if the
    /// backend has events, else after the poll interval. It may return without a change, but never misses one.
    async fn changed(&mut self);
}

/// Makes watchers.
pub trait JobWatch: Send + Sync {
    /// Begins to listen for changes, if the backend needs to. [`watch`](Self::watch) does it otherwise.
    fn prepare(&self) {}

    /// Begins to watch `id`. Changes after this call are seen, so call this first and then read the job.
    fn watch(&self, id: JobId) -> Box<dyn Watcher>;
}
