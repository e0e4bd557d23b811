//! The use cases: what handlers do with jobs, over any backend.
//!
//! Every durable step is read, decide (a pure transition of [`Job`]), compare-and-set; a lost race is
//! decided anew from what the winner wrote.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use uuid::Uuid;

use crate::batch::{Batch, BatchItem};
use crate::error::StoreError;
use crate::id::{BatchId, JobId, Owner};
use crate::job::{BatchRef, Failure, Head, Job, Phase, Refused, Request, State};
use crate::notice::Notice;
use crate::policy::{BadPolicy, MAX_DELAY, Policy};
use crate::ports::{Backend, Change, Created, DeadLetter, IdempotencyKey, ListQuery, Page, Submission};
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
}

/// A caller's idempotency key and the digest of the request that it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub key: String,
    /// Digest of the request.
    pub digest: [u8; 32],
}

/// An accepted submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted<T> {
    /// What was made, now or by an earlier request with the same key.
    pub value: T,
    /// Whether it was made earlier.
    pub replayed: bool,
}

/// What came of trying to take a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is ours until its lease runs out.
    Claimed(Job),
    /// Try again after this time.
    Wait(Duration),
    /// Nothing left to do: it is terminal.
    Settled(State),
    /// There is no such job.
    Missing,
}

/// What became of an attempt's last step.
#[expect(clippy::large_enum_variant, reason = "short-lived: matched at once, never collected")]
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
    /// Overdue jobs that could not be repaired (a damaged record); logged.
    pub skipped: usize,
    /// Expired records forgotten.
    pub purged: usize,
}

/// What the sweep did to one job.
enum Repair {
    Resent,
    Reclaimed,
    Healed,
    Buried,
}

impl Swept {
    fn count(&mut self, repair: Option<Repair>) {
        match repair {
            Some(Repair::Resent) => self.resent += 1,
            Some(Repair::Reclaimed) => self.reclaimed += 1,
            Some(Repair::Healed) => self.healed += 1,
            Some(Repair::Buried) => self.buried += 1,
            None => {}
        }
    }
}

/// Jobs that a sweep repairs at the same time.
const SWEEP_WIDTH: usize = 32;

/// The most jobs one sweep repairs; the rest follows at the next.
pub const SWEEP_LIMIT: usize = 1000;

/// The use cases over one backend. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    backend: Backend,
    clock: Arc<dyn Clock>,
    policy: Arc<Policy>,
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
        Ok(Self { backend, clock, policy })
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

    /// The backend.
    #[must_use]
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    // --- for callers -------------------------------------------------------------------------

    /// Accepts one job, to be started from `delay` from now on. When this returns the job is durable.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`]; [`JobsError::NotFound`] if the key led to a job that was deleted
    /// since; or the backend's.
    pub async fn submit(
        &self,
        owner: &Owner,
        new: NewJob,
        delay: Duration,
        key: Option<Key>,
    ) -> Result<Accepted<Job>, JobsError> {
        let job = self.job(JobId::new(self.now()), owner, new, delay, None);
        let submission = Submission { job, key: key.map(|k| self.idempotency(owner, k)) };
        let outcome = self.backend.store.create(std::slice::from_ref(&submission)).await.pop();
        match outcome.unwrap_or(Err(StoreError::NotFound))? {
            Created::New => Ok(Accepted { value: submission.job, replayed: false }),
            Created::Existing(id) => Ok(Accepted { value: self.find(owner, id).await?, replayed: true }),
        }
    }

    /// Accepts a batch: jobs for the good records, a note for each bad one, in order. When this
    /// returns all of it is durable.
    ///
    /// The handle comes first, with the key and the ids of jobs to be made, then the jobs, then the
    /// seal. So requests with the same key, at the same time or after one that was cut off, make
    /// the same jobs, each once. What a request without a key leaves behind when it is cut off runs
    /// and expires on its own.
    ///
    /// # Errors
    /// As for [`Jobs::submit`].
    pub async fn submit_batch(
        &self,
        owner: &Owner,
        records: Vec<Result<NewJob, BatchItem>>,
        key: Option<Key>,
    ) -> Result<Accepted<Batch>, JobsError> {
        let key = key.map(|k| self.idempotency(owner, k));
        let known = match &key {
            Some(key) => self.backend.batches.batch_of_key(key).await?,
            None => None,
        };
        let (batch, replayed) = match known {
            Some(id) => (self.batch(owner, id).await?, true),
            None => {
                let batch = self.plan(owner, &records);
                match self.backend.batches.create_batch(&batch, key.as_ref()).await? {
                    Created::New => (batch, false),
                    Created::Existing(id) => (self.batch(owner, id).await?, true),
                }
            }
        };
        if batch.sealed {
            return Ok(Accepted { value: batch, replayed });
        }
        self.fill(&batch, records).await?;
        let batch = Batch { sealed: true, ..batch };
        self.backend.batches.seal_batch(&batch).await?;
        Ok(Accepted { value: batch, replayed })
    }

    fn plan(&self, owner: &Owner, records: &[Result<NewJob, BatchItem>]) -> Batch {
        let now = self.now();
        let item = |record: &Result<NewJob, BatchItem>| match record {
            Ok(_) => BatchItem::Job(JobId::new(now)),
            Err(rejected) => rejected.clone(),
        };
        Batch {
            id: BatchId::new(now),
            owner: owner.clone(),
            created_at: now,
            // The handle outlives its jobs' results by the time that they may have to wait.
            expires_at: now.plus(self.policy.ttl * 2),
            sealed: false,
            items: records.iter().map(item).collect(),
        }
    }

    /// Makes the jobs that the batch names and that are not there yet.
    async fn fill(&self, batch: &Batch, records: Vec<Result<NewJob, BatchItem>>) -> Result<(), StoreError> {
        let planned = (0_u32..).zip(&batch.items).zip(records);
        let submissions: Vec<Submission> = planned
            .filter_map(|((index, item), record)| match (item, record) {
                (BatchItem::Job(id), Ok(new)) => {
                    let place = BatchRef { id: batch.id, index };
                    let job = self.job(*id, &batch.owner, new, Duration::ZERO, Some(place));
                    Some(Submission { job, key: None })
                }
                _ => None,
            })
            .collect();
        for chunk in submissions.chunks(self.backend.store.capabilities().max_create.max(1)) {
            for outcome in self.backend.store.create(chunk).await {
                match outcome {
                    Ok(_) | Err(StoreError::Exists) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// The job, if it is one of `owner`'s and not expired.
    ///
    /// # Errors
    /// [`JobsError::NotFound`], [`JobsError::Expired`], or the backend's.
    pub async fn find(&self, owner: &Owner, id: JobId) -> Result<Job, JobsError> {
        let job = self.backend.store.get(id).await?.ok_or(JobsError::NotFound)?;
        if job.head.owner != *owner {
            return Err(JobsError::NotFound);
        }
        match job.status.expires_at {
            Some(at) if job.status.is_expired(self.now()) => Err(JobsError::Expired(at)),
            _ => Ok(job),
        }
    }

    /// The batch, if it is one of `owner`'s and not expired.
    ///
    /// # Errors
    /// As for [`Jobs::find`].
    pub async fn batch(&self, owner: &Owner, id: BatchId) -> Result<Batch, JobsError> {
        let batch = self.backend.batches.batch(id).await?.ok_or(JobsError::NotFound)?;
        if batch.owner != *owner {
            return Err(JobsError::NotFound);
        }
        if batch.expires_at <= self.now() {
            return Err(JobsError::Expired(batch.expires_at));
        }
        Ok(batch)
    }

    /// The stored result of a finished job.
    ///
    /// # Errors
    /// [`JobsError::NotFound`] if there is none (yet), or the backend's.
    pub async fn result(&self, id: JobId) -> Result<Bytes, JobsError> {
        self.backend.store.result(id).await?.ok_or(JobsError::NotFound)
    }

    /// One page of an owner's jobs, newest first, without expired ones.
    ///
    /// # Errors
    /// The backend's.
    pub async fn list(&self, query: &ListQuery) -> Result<Page<crate::job::Summary, JobId>, JobsError> {
        let now = self.now();
        let mut page = self.backend.store.list(query).await?;
        page.items.retain(|summary| !summary.status.is_expired(now));
        Ok(page)
    }

    /// Waits until the job is terminal or `timeout` has passed; returns it as it is then.
    ///
    /// # Errors
    /// As for [`Jobs::find`], also when the job disappears while waiting.
    pub async fn wait(&self, owner: &Owner, id: JobId, timeout: Duration) -> Result<Job, JobsError> {
        let mut watcher = self.backend.watch.watch(id);
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            let job = self.find(owner, id).await?;
            if job.state().is_terminal()
                || tokio::time::timeout_at(deadline, watcher.changed()).await.is_err()
            {
                return Ok(job);
            }
        }
    }

    /// Cancels. Cancelling again is fine.
    ///
    /// # Errors
    /// [`JobsError::Refused`] if it is finished or failed; else as for [`Jobs::find`].
    pub async fn cancel(&self, owner: &Owner, id: JobId) -> Result<Job, JobsError> {
        loop {
            let job = self.find(owner, id).await?;
            if job.state() == State::Cancelled {
                return Ok(job);
            }
            let cancelled = job.cancel(self.now(), &self.policy)?;
            if let Settled::Done(job) = self.apply(&Change::new(&job, cancelled)).await? {
                return Ok(job);
            }
        }
    }

    /// Deletes the job with all that belongs to it; a worker that runs it notices and stops. Returns
    /// whether there was one of this owner.
    ///
    /// # Errors
    /// The backend's.
    pub async fn delete(&self, owner: &Owner, id: JobId) -> Result<bool, JobsError> {
        match self.backend.store.get(id).await? {
            Some(job) if job.head.owner == *owner => Ok(self.backend.store.delete(id).await?),
            _ => Ok(false),
        }
    }

    // --- for workers -------------------------------------------------------------------------

    /// Tries to take the job for its next attempt. A lease that ran out is recorded as a lost worker
    /// first, and the job waits out its back-off. Where the answer to a write was lost, what is
    /// stored tells whether it went through: a lease with our id is ours.
    ///
    /// # Errors
    /// The backend's.
    pub async fn claim(&self, id: JobId) -> Result<Claim, StoreError> {
        let lease_id = Uuid::new_v4();
        let mut unsure = false;
        loop {
            let Some(job) = self.backend.store.get(id).await? else {
                return Ok(Claim::Missing);
            };
            let now = self.now();
            let next = match job.claim(now, &self.policy, lease_id) {
                Ok(next) => next,
                Err(Refused::Leased(_)) if holds(&job, lease_id) => return Ok(Claim::Claimed(job)),
                Err(Refused::NotYet(at) | Refused::Leased(at)) => {
                    return Ok(Claim::Wait(at.since(now).min(self.policy.lease.max(MAX_DELAY))));
                }
                Err(Refused::LeaseExpired(_)) => match job.lose_lease(now, &self.policy, jitter()) {
                    Ok(next) => next,
                    Err(_) => continue,
                },
                Err(Refused::State(state, _)) => return Ok(Claim::Settled(state)),
            };
            let job = match self.apply(&Change::new(&job, next)).await {
                Ok(Settled::Done(job)) => job,
                Ok(Settled::Stale) => continue,
                Err(error) if error.is_temporary() && !unsure => {
                    unsure = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
            return Ok(match &job.status.phase {
                Phase::Running { .. } => Claim::Claimed(job),
                Phase::Submitted { not_before, .. } => Claim::Wait(not_before.since(now)),
                _ => Claim::Settled(job.state()),
            });
        }
    }

    /// Extends the lease of a job in hand.
    ///
    /// # Errors
    /// The backend's.
    pub async fn heartbeat(&self, job: &Job) -> Result<Settled, StoreError> {
        self.settle(job, job.extend(self.now(), &self.policy)).await
    }

    /// Stores the result and finishes the job in hand.
    ///
    /// # Errors
    /// The backend's; [`StoreError::TooLarge`] if the result does not fit.
    pub async fn finish(&self, job: &Job, result: Bytes) -> Result<Settled, StoreError> {
        let limit = self.backend.store.capabilities().max_result_bytes;
        if result.len() > limit {
            let detail = format!("a result of {} bytes is over the store's limit of {limit}", result.len());
            return Err(StoreError::TooLarge(detail));
        }
        match job.finish(self.now(), &self.policy) {
            Ok(next) => self.apply(&Change::new(job, next).with_result(result)).await,
            Err(_) => Ok(Settled::Stale),
        }
    }

    /// Fails the job in hand for good.
    ///
    /// # Errors
    /// The backend's.
    pub async fn fail(&self, job: &Job, error: Failure) -> Result<Settled, StoreError> {
        self.settle(job, job.fail(self.now(), &self.policy, error)).await
    }

    /// Puts the job in hand back for another attempt after back-off, or fails it if they are used
    /// up. Its message is the caller's to retry.
    ///
    /// # Errors
    /// The backend's.
    pub async fn retry(&self, job: &Job, error: Failure) -> Result<Settled, StoreError> {
        self.settle(job, job.retry(self.now(), &self.policy, jitter(), error)).await
    }

    /// Gives the job in hand back, uncounted. Its message is the caller's to retry.
    ///
    /// # Errors
    /// The backend's.
    pub async fn release(&self, job: &Job) -> Result<Settled, StoreError> {
        self.settle(job, job.release(self.now(), &self.policy)).await
    }

    /// Whether the job in hand is still ours.
    ///
    /// # Errors
    /// The backend's.
    pub async fn still_ours(&self, job: &Job) -> Result<bool, StoreError> {
        Ok(self.backend.store.get(job.id()).await?.is_some_and(|now| now.fence() == job.fence()))
    }

    // --- for operators, and the sweep --------------------------------------------------------

    /// Repairs what is overdue (lost messages, lost workers, times from before a clock jump) and
    /// forgets what has expired. Every worker calls it all the time; sweeps do not disturb each other.
    ///
    /// # Errors
    /// The backend's, where it may pass; what was repaired before stays repaired. A job that cannot
    /// be repaired is logged, counted and passed over.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let now = self.now();
        let overdue = self.backend.store.overdue(now, self.policy.horizon(), SWEEP_LIMIT).await?;
        // Some at a time, so that a backend which groups its writes can.
        let repairs = overdue.into_iter().map(|id| async move { (id, self.look_after(id, now).await) });
        let mut repairs = stream::iter(repairs).buffer_unordered(SWEEP_WIDTH);
        while let Some((id, repaired)) = repairs.next().await {
            match repaired {
                Ok(repair) => swept.count(repair),
                Err(error) if error.is_temporary() => return Err(error),
                // One record that cannot be read must not keep the others from repair.
                Err(error) => {
                    tracing::error!(job = %id, %error, "cannot repair job {id}: {error}");
                    swept.skipped += 1;
                }
            }
        }
        swept.purged = self.backend.store.purge(now, SWEEP_LIMIT).await?;
        Ok(swept)
    }

    async fn look_after(&self, id: JobId, now: Timestamp) -> Result<Option<Repair>, StoreError> {
        let Some(job) = self.backend.store.get(id).await? else { return Ok(None) };
        let (policy, ahead) = (&*self.policy, job.status.is_ahead(now, &self.policy));
        if !ahead && job.status.due_at.is_none_or(|due| due > now) {
            return Ok(None); // it moved on since the candidate list was made
        }
        let (next, repair) = match &job.status.phase {
            Phase::Submitted { .. } => (job.resend(now, policy), Repair::Resent),
            // A lease from the future: bring it into range, and let a live worker extend it or a
            // dead one lose it.
            Phase::Running { .. } if ahead => (job.extend(now, policy), Repair::Healed),
            Phase::Running { .. } => match job.lose_lease(now, policy, jitter()) {
                Ok(next) if next.state() == State::Failed => (Ok(next), Repair::Buried),
                next => (next, Repair::Reclaimed),
            },
            _ => return Ok(None),
        };
        let Ok(next) = next else { return Ok(None) };
        let mut change = Change::new(&job, next);
        if let Phase::Submitted { not_before, .. } = change.job.status.phase {
            change = change.with_message(not_before.since(now));
        }
        let settled = self.apply(&change).await?;
        Ok(matches!(settled, Settled::Done(_)).then_some(repair))
    }

    /// The notice that an operator posted, unless it is over.
    ///
    /// # Errors
    /// The backend's.
    pub async fn notice(&self) -> Result<Option<Notice>, StoreError> {
        let now = self.now();
        Ok(self.backend.notices.notice().await?.filter(|notice| !notice.is_over(now)))
    }

    /// Posts a notice in place of any other; `None` clears.
    ///
    /// # Errors
    /// The backend's. The caller has checked the notice ([`Notice::check`]).
    pub async fn post(&self, notice: Option<&Notice>) -> Result<(), StoreError> {
        self.backend.notices.set_notice(notice).await
    }

    /// One page of dead letters, newest first.
    ///
    /// # Errors
    /// The backend's.
    pub async fn dead_letters(
        &self,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<Page<DeadLetter, JobId>, StoreError> {
        self.backend.dead.dead_letters(before, limit).await
    }

    /// Keeps a message that nobody can use among the dead letters.
    ///
    /// # Errors
    /// The backend's.
    pub async fn bury(&self, body: String, reason: String) -> Result<(), StoreError> {
        let now = self.now();
        let letter = DeadLetter { id: JobId::new(now), job: None, at: now, reason, body: Some(body) };
        self.backend.dead.bury(&letter, now.plus(self.policy.ttl)).await
    }

    /// Sends a failed job again, with its counts at zero.
    ///
    /// # Errors
    /// [`JobsError::Refused`] if it has not failed, [`JobsError::NotFound`], or the backend's.
    pub async fn redrive(&self, id: JobId) -> Result<Job, JobsError> {
        loop {
            let job = self.backend.store.get(id).await?.ok_or(JobsError::NotFound)?;
            let next = job.redrive(self.now(), &self.policy)?;
            let change = Change::new(&job, next).with_message(Duration::ZERO);
            if let Settled::Done(job) = self.apply(&change).await? {
                return Ok(job);
            }
        }
    }

    // --- inside ------------------------------------------------------------------------------

    async fn settle(&self, job: &Job, next: Result<Job, Refused>) -> Result<Settled, StoreError> {
        match next {
            Ok(next) => self.apply(&Change::new(job, next)).await,
            Err(_) => Ok(Settled::Stale),
        }
    }

    async fn apply(&self, change: &Change) -> Result<Settled, StoreError> {
        match self.backend.store.apply(change).await {
            Ok(()) => Ok(Settled::Done(change.job.clone())),
            Err(StoreError::Conflict(_) | StoreError::NotFound) => Ok(Settled::Stale),
            Err(error) => Err(error),
        }
    }

    fn job(&self, id: JobId, owner: &Owner, new: NewJob, delay: Duration, batch: Option<BatchRef>) -> Job {
        let now = self.now();
        let head = Head {
            id,
            owner: owner.clone(),
            created_at: now,
            name: new.name,
            batch,
            length: new.request.sequence.len(),
        };
        Job::submit(head, new.request, delay.min(MAX_DELAY), &self.policy)
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

/// Whether the job runs under this very lease.
fn holds(job: &Job, lease_id: Uuid) -> bool {
    matches!(job.status.phase, Phase::Running { lease } if lease.id == lease_id)
}

fn jitter() -> f64 {
    rand::random()
}
