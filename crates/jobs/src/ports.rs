//! The ports: what a backend must do for us, as contracts.
//!
//! All are object-safe. All calls are safe to repeat after [`StoreError::Unavailable`] unless said
//! otherwise. Backends differ by [`Capabilities`] alone; nobody asks which backend it is.
//!
//! A backend is done when it passes `contract::run` (feature `testing`).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pssp_predict::sequence::Warning;
use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::error::StoreError;
use crate::id::{BatchId, JobId, Owner};
use crate::job::{Fence, Job, Request, State, Status};
use crate::message::Message;
use crate::notice::Notice;
use crate::reuse::{ResultKey, StoredResult};
use crate::time::Timestamp;

/// What differs between backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Name for people and metrics: `sqlite`, `redis`, `aws`, `memory`.
    pub name: &'static str,
    /// Most jobs that one [`JobStore::create`] takes.
    pub max_create: usize,
    /// Largest result in bytes.
    pub max_result_bytes: usize,
    /// How long after a job could have been started its message is taken for lost. Sending again
    /// must be cheap after this time: a no-op while the first message lives, or rare enough.
    pub resend_after: Duration,
    /// Whether a transition also settles the message of the job: a terminal state deletes it, and
    /// [`Change::send`] replaces it, whoever holds it. Then a worker settles nothing by receipt
    /// ([`crate::Disposition::Settled`]).
    pub settles_messages: bool,
}

/// An idempotency key as the caller gave it, with what it was used for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// Keys of different owners do not meet.
    pub owner: Owner,
    /// The caller's key.
    pub key: String,
    /// Digest of the request: the same key with another digest is [`StoreError::KeyReused`].
    pub digest: [u8; 32],
    /// Until when it is kept. After that it is as unused, purged or not.
    pub expires_at: Timestamp,
}

/// A job to be created.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The job, fresh from [`Job::submit`] or [`Job::finished_from_cache`].
    pub job: Job,
    /// Its input.
    pub request: Arc<Request>,
    /// The caller's key, if there was one.
    pub key: Option<IdempotencyKey>,
    /// The result of a job that is finished already: there if and only if it is.
    pub result: Option<Bytes>,
}

/// The outcome of a creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created<Id> {
    /// It is durable now.
    New,
    /// The key was used before, for this.
    Existing(Id),
}

/// What to read beside the job itself.
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

/// A job as it was read, with the parts that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The job.
    pub job: Job,
    /// Its input; there if it was asked for.
    pub request: Option<Arc<Request>>,
    /// Its result; there if it was asked for and the job is finished.
    pub result: Option<Bytes>,
}

impl Record {
    /// What the caller should know about the input. Needs the request for records of release 0.1.0, which
    /// kept it there.
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
    /// Which job.
    pub id: JobId,
    /// What the store must still hold.
    pub expect: Fence,
    /// The status as it shall be.
    pub status: Status,
    /// The result, written in the same step (with finish).
    pub result: Option<StoredResult>,
    /// Send the job's message, to be delivered after this time.
    pub send: Option<Duration>,
}

impl Change {
    /// From `before` to `after`, with nothing else.
    #[must_use]
    pub fn new(before: &Job, after: &Job) -> Self {
        let status = after.status.clone();
        Self { id: before.id(), expect: before.fence(), status, result: None, send: None }
    }

    /// … and the result in the same step.
    #[must_use]
    pub fn with_result(self, result: StoredResult) -> Self {
        Self { result: Some(result), ..self }
    }

    /// … and the job's message, delivered after `delay`.
    #[must_use]
    pub fn with_message(self, delay: Duration) -> Self {
        Self { send: Some(delay), ..self }
    }
}

/// Which jobs to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Of this owner.
    pub owner: Owner,
    /// In this state only.
    pub state: Option<State>,
    /// Older than this one (the `next` of the page before).
    pub before: Option<JobId>,
    /// At most so many; the store may return fewer and still have more. At least 1.
    pub limit: usize,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<C>,
}

/// How much is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Jobs that wait for a worker.
    pub submitted: u64,
    /// Jobs that a worker holds.
    pub running: u64,
    /// Dead letters.
    pub dead: u64,
}

/// Where jobs are kept.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// What this backend can do.
    fn capabilities(&self) -> Capabilities;

    /// Creates jobs and sends their messages (delivered from their start time on). The answer has
    /// one outcome a submission, in order; each stands for itself. On `Ok(New)` the job is durable
    /// and its message sent, or will be re-sent by the sweep: a message that could not be sent is
    /// not an error. Key and job are written together. A job that is finished already is written with
    /// its result, and has no message. An empty slice does nothing.
    ///
    /// Callers keep to [`Capabilities::max_create`]; more is an error of the caller.
    /// Not repeatable without a key: a job that exists is [`StoreError::Exists`].
    async fn create(&self, submissions: &[Submission]) -> Vec<Result<Created<JobId>, StoreError>>;

    /// The job, as the last acknowledged write left it (never a stale read), with the parts in
    /// `include`. Parts that are not asked for are not read. Expired jobs may still be there: callers
    /// check [`crate::Status::is_expired`].
    async fn read(&self, id: JobId, include: Include) -> Result<Option<Record>, StoreError>;

    /// The job alone: what a poll, a heartbeat, a cancel and a sweep read.
    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.read(id, Include::NOTHING).await?.map(|record| record.job))
    }

    /// Many jobs, one answer an id, in order.
    async fn get_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError>;

    /// The job that last finished with a result of this key, one answer a key, in order. A hint: it may
    /// lag behind, and the job may be gone or another; callers read and compare. At most
    /// [`Capabilities::max_create`] keys.
    async fn reusable(&self, keys: &[ResultKey]) -> Result<Vec<Option<JobId>>, StoreError>;

    /// Makes a transition durable if the job is still at `expect`, all of it or nothing: status,
    /// result, message, wake-up of watchers, and the dead letter that every failed job is (added on
    /// failed, removed when it leaves). With [`Capabilities::settles_messages`] a terminal state also
    /// deletes the job's message. Where the answer to a write was lost, callers read back what became
    /// of it, so the backend need not recognise its own earlier try.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with where the job is now, [`StoreError::NotFound`] if it is gone.
    async fn apply(&self, change: &Change) -> Result<(), StoreError>;

    /// Removes the job with its result, dead letter and message; a key that led to it stays. Returns
    /// whether there was one. Watchers are woken.
    async fn delete(&self, id: JobId) -> Result<bool, StoreError>;

    /// Jobs of one owner, newest first. A job that stays is on exactly one page, whatever is created
    /// meanwhile. May lag behind writes where the backend says so; never decide on it.
    async fn list(&self, query: &ListQuery) -> Result<Page<Job, JobId>, StoreError>;

    /// Jobs whose `due_at` is at or before `now`, or after `now + horizon` (the clock jumped back),
    /// the longest overdue first, at most `limit` (the store may cap it at 1,000). A candidate list:
    /// the caller reads and compares before it acts.
    async fn overdue(
        &self,
        now: Timestamp,
        horizon: Duration,
        limit: usize,
    ) -> Result<Vec<JobId>, StoreError>;

    /// Forgets what has expired at `now`: jobs with results and dead letters, batches, keys. At most
    /// about `limit` records; returns how many. A backend that forgets on its own returns 0.
    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// How much is waiting. May be approximate.
    async fn depth(&self) -> Result<Depth, StoreError>;

    /// Whether the backend answers and can take a write.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Where batches are kept.
#[async_trait]
pub trait BatchStore: Send + Sync {
    /// Creates the handle, with its key in the same step.
    async fn create_batch(
        &self,
        batch: &Batch,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created<BatchId>, StoreError>;

    /// Writes the batch again, now sealed, if it is still there. Sealing again is fine.
    async fn seal_batch(&self, batch: &Batch) -> Result<(), StoreError>;

    /// The batch an earlier request with this key made, without creating anything.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] if the digest differs.
    async fn batch_of_key(&self, key: &IdempotencyKey) -> Result<Option<BatchId>, StoreError>;

    /// The batch; expired ones may still be there.
    async fn batch(&self, id: BatchId) -> Result<Option<Batch>, StoreError>;

    /// Removes the handle; its jobs stay. Returns whether there was one.
    async fn delete_batch(&self, id: BatchId) -> Result<bool, StoreError>;
}

/// A message that nobody could use, or a job that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Orders and identifies it; the job's id for a failed job.
    pub id: JobId,
    /// The job, where there is one.
    pub job: Option<JobId>,
    /// When it died.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// The message as it came, for one that could not be decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// Where dead letters lie.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Keeps a message that belongs to no job. (Failed jobs come here by [`JobStore::apply`].)
    async fn bury(&self, letter: &DeadLetter, expires_at: Timestamp) -> Result<(), StoreError>;

    /// Dead letters, newest id first, from before `before`, at most `limit` (at least 1).
    async fn dead_letters(
        &self,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<Page<DeadLetter, JobId>, StoreError>;

    /// Removes one that belongs to no job. Returns whether there was one.
    async fn discard(&self, id: JobId) -> Result<bool, StoreError>;
}

/// Where the outage notice is kept: one for the whole service.
#[async_trait]
pub trait Notices: Send + Sync {
    /// The notice last set, over or not.
    async fn notice(&self) -> Result<Option<Notice>, StoreError>;

    /// Puts `notice` in place of any other; `None` clears.
    async fn set_notice(&self, notice: Option<&Notice>) -> Result<(), StoreError>;
}

/// The sending side of the queue.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Sends a message, to be delivered at least once, not before `delay` (clamped to
    /// [`crate::policy::MAX_DELAY`]). A second message about a job harms nothing, and a backend may
    /// merge it with one that still waits.
    async fn send(&self, message: &Message, delay: Duration) -> Result<(), StoreError>;
}

/// Proof of one delivery; consumed when it is settled.
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt(String);

impl Receipt {
    /// Made by a backend's receiver.
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

/// A message in hand.
#[derive(Debug)]
pub struct Delivery {
    /// As it came, not yet decoded.
    pub body: String,
    /// How often it was delivered, this time included; at least 1.
    pub receives: u32,
    /// To settle it with.
    pub receipt: Receipt,
    /// The job with its request as they stood when the message was taken, where the backend reads them
    /// in the same step. A claim that finds the job changed since reads it again.
    pub record: Option<Box<Record>>,
}

/// The receiving side of the queue. On Lambda the platform receives and deletes: a worker there
/// holds none.
#[async_trait]
pub trait JobReceiver: Send + Sync {
    /// Takes up to `max` (1 to 1,000) messages, each hidden from others for `visibility` (clamped to
    /// twice [`crate::policy::MAX_DELAY`]: what is hidden for longer was hidden by a clock that
    /// has jumped back since). Waits up
    /// to `wait` for the first; an empty answer means that none came. Never fetches more than `max`.
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Deletes the message for good. Settling a delivery that has been delivered again to somebody
    /// else does nothing.
    async fn ack(&self, receipt: Receipt) -> Result<(), StoreError>;

    /// Makes the message visible again after `after` (clamped as in [`JobQueue::send`]).
    async fn retry(&self, receipt: Receipt, after: Duration) -> Result<(), StoreError>;

    /// Hides the message for another `visibility` from now. Returns whether it was still ours.
    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<bool, StoreError>;
}

/// Waits for changes of one job. Dropping it ends the watch.
#[async_trait]
pub trait Watcher: Send {
    /// Returns when the job may have changed since the watch began or the last return: woken by an
    /// event where the backend has one, else after its poll interval. Spurious returns are fine,
    /// missed changes are not.
    async fn changed(&mut self);
}

/// Hands out watchers.
pub trait JobWatch: Send + Sync {
    /// Begins to watch `id`. Changes after this call are seen, so: watch first, then read.
    fn watch(&self, id: JobId) -> Box<dyn Watcher>;
}

/// All ports of one backend.
#[derive(Clone)]
pub struct Backend {
    /// Jobs.
    pub store: Arc<dyn JobStore>,
    /// Batches.
    pub batches: Arc<dyn BatchStore>,
    /// Dead letters.
    pub dead: Arc<dyn DeadLetters>,
    /// The outage notice.
    pub notices: Arc<dyn Notices>,
    /// The queue's sending side.
    pub queue: Arc<dyn JobQueue>,
    /// Its receiving side, where we receive ourselves.
    pub receiver: Option<Arc<dyn JobReceiver>>,
    /// Wake-ups.
    pub watch: Arc<dyn JobWatch>,
}

impl Backend {
    /// All ports from one value that fulfils them all.
    #[must_use]
    pub fn of<B>(backend: Arc<B>) -> Self
    where
        B: JobStore + BatchStore + DeadLetters + Notices + JobQueue + JobReceiver + JobWatch + 'static,
    {
        Self {
            store: backend.clone(),
            batches: backend.clone(),
            dead: backend.clone(),
            notices: backend.clone(),
            queue: backend.clone(),
            receiver: Some(backend.clone()),
            watch: backend,
        }
    }
}
