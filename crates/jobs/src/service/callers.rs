//! For callers: submit, find, list, wait, cancel, delete.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::{Accepted, Jobs, JobsError, Key, NewBatch, NewJob, Settled};
use crate::batch::{Batch, BatchItem};
use crate::error::StoreError;
use crate::id::{BatchId, JobId, Owner};
use crate::job::{BatchRef, Job, State};
use crate::ports::{Change, Created, IdempotencyKey, Include, ListQuery, Page, Record, Submission, Watcher};
use crate::time::Timestamp;

/// About how many residues the jobs of one creation have together. Stored results for them are held in memory
/// meanwhile, up to 25 bytes for each residue.
const GROUP_RESIDUES: usize = 200_000;

/// No job is older: 2026-01-01, before the first release, in milliseconds.
const FIRST_JOB_MS: i64 = 1_767_225_600_000;

/// Jobs of a batch that are cancelled or deleted at the same time.
const AT_ONCE: usize = 32;

impl Jobs {
    /// Accepts one job. It starts after `delay`, or is finished at once if a stored result is reused
    /// ([`Jobs::reusing`]). When this returns, the job is durable.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`]; [`StoreError::Full`]; [`JobsError::NotFound`] if the job of the key has been
    /// deleted; errors of the backend.
    pub async fn submit(
        &self,
        owner: &Owner,
        new: NewJob,
        delay: Duration,
        key: Option<Key>,
    ) -> Result<Accepted<Job>, JobsError> {
        self.submit_with_key(owner, new, delay, key.map(|k| self.idempotency(owner, k))).await
    }

    /// The same with a key that may have another owner than the job: the key of an event belongs to its source.
    ///
    /// # Errors
    /// As for [`Jobs::submit`].
    pub(super) async fn submit_with_key(
        &self,
        owner: &Owner,
        new: NewJob,
        delay: Duration,
        key: Option<IdempotencyKey>,
    ) -> Result<Accepted<Job>, JobsError> {
        if let Err(refusal) = self.keep_room(owner, std::iter::once(new.request.sequence.len())).await {
            // What an earlier request made needs no room.
            let known = match &key {
                Some(key) => self.job_of(owner, key).await?,
                None => None,
            };
            return known.ok_or(refusal);
        }
        let submission = self.submission(JobId::new(self.now()), owner, new, delay, None);
        let mut submissions = self.lookup_cached(vec![Submission { key, ..submission }]).await;
        let created = self.backend.store.create(&submissions).await.pop();
        let (Some(submission), Some(created)) = (submissions.pop(), created) else {
            return Err(StoreError::Refused("the store answered nothing to a creation".into()).into());
        };
        match created? {
            Created::New => {
                let reused = submission.job.status.reused.into();
                Ok(Accepted { value: submission.job, replayed: false, reused })
            }
            Created::Existing(id) => {
                Ok(Accepted { value: self.find(owner, id).await?, replayed: true, reused: 0 })
            }
        }
    }

    /// The job that an earlier request with this key made, for a service that takes no new ones now.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`]; [`JobsError::NotFound`] if the job of the key has been deleted; errors of the backend.
    pub async fn submitted_before(
        &self,
        owner: &Owner,
        key: Key,
    ) -> Result<Option<Accepted<Job>>, JobsError> {
        self.job_of(owner, &self.idempotency(owner, key)).await
    }

    async fn job_of(&self, owner: &Owner, key: &IdempotencyKey) -> Result<Option<Accepted<Job>>, JobsError> {
        let Some(id) = self.backend.store.job_of_key(key).await? else { return Ok(None) };
        Ok(Some(Accepted { value: self.find(owner, id).await?, replayed: true, reused: 0 }))
    }

    /// Whether an earlier request with this key began a batch, which a repetition completes and does not make.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`]; errors of the backend.
    pub async fn is_known_batch(&self, owner: &Owner, key: &Key) -> Result<bool, JobsError> {
        let key = self.idempotency(owner, key.clone());
        Ok(self.backend.batches.batch_of_key(&key).await?.is_some())
    }

    /// Accepts a batch: a job for each good record and the errors of each bad one, in order. When this returns,
    /// all of it is durable.
    ///
    /// The handle is written first, with the key and the ids of the future jobs. Then the jobs are created, and
    /// then the batch is sealed. So requests with the same key make the same jobs, each once, whether they run
    /// at the same time or after an interrupted one. If a request without a key is interrupted, the jobs that
    /// exist by then run and expire on their own.
    ///
    /// # Errors
    /// As for [`Jobs::submit`].
    pub async fn submit_batch(
        &self,
        owner: &Owner,
        new: impl Into<NewBatch>,
        key: Option<Key>,
    ) -> Result<Accepted<Batch>, JobsError> {
        let NewBatch { outline, jobs } = new.into();
        let key = key.map(|k| self.idempotency(owner, k));
        let known = match &key {
            Some(key) => self.backend.batches.batch_of_key(key).await?,
            None => None,
        };
        let (batch, replayed) = match known {
            Some(id) => (self.batch(owner, id).await?, true),
            None => {
                self.keep_room(owner, outline.iter().flatten().copied()).await?;
                let batch = self.plan(owner, outline);
                match self.backend.batches.create_batch(&batch, key.as_ref()).await? {
                    Created::New => (batch, false),
                    Created::Existing(id) => (self.batch(owner, id).await?, true),
                }
            }
        };
        if batch.sealed {
            return Ok(Accepted { value: batch, replayed, reused: 0 });
        }
        let reused = self.fill(&batch, jobs).await?;
        let batch = Batch { sealed: true, ..batch };
        self.backend.batches.seal_batch(&batch).await?;
        Ok(Accepted { value: batch, replayed, reused })
    }

    fn plan(&self, owner: &Owner, outline: Vec<Result<usize, BatchItem>>) -> Batch {
        let now = self.now();
        let item = |record: Result<usize, BatchItem>| match record {
            Ok(_) => BatchItem::Job(JobId::new(now)),
            Err(rejected) => rejected,
        };
        Batch {
            id: BatchId::new(now),
            owner: owner.clone(),
            created_at: now,
            // A job may wait before it starts, so the handle is kept for longer than a result.
            expires_at: now.plus(self.policy.ttl * 2),
            sealed: false,
            items: outline.into_iter().map(item).collect(),
        }
    }

    /// Creates the jobs of the batch that do not exist yet. Returns how many of them are finished already with
    /// a stored result.
    async fn fill(
        &self,
        batch: &Batch,
        mut jobs: BoxStream<'static, Vec<NewJob>>,
    ) -> Result<usize, StoreError> {
        let mut reused = 0;
        let mut planned = (0_u32..).zip(&batch.items).filter_map(|(index, item)| match item {
            BatchItem::Job(id) => Some((*id, BatchRef { id: batch.id, index })),
            BatchItem::Rejected { .. } => None,
        });
        while let Some(jobs) = jobs.next().await {
            let submissions = jobs.into_iter().zip(planned.by_ref()).map(|(new, (id, place))| {
                self.submission(id, &batch.owner, new, Duration::ZERO, Some(place))
            });
            for group in groups(submissions.collect(), self.backend.store.capabilities().max_create) {
                let submissions = self.lookup_cached(group).await;
                for (new, outcome) in submissions.iter().zip(self.backend.store.create(&submissions).await) {
                    match outcome {
                        Ok(Created::New) => reused += usize::from(new.job.status.reused),
                        Ok(Created::Existing(_)) | Err(StoreError::Exists) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        match planned.next() {
            None => Ok(reused),
            Some(_) => Err(StoreError::Refused("the jobs of a batch ended before its outline".into())),
        }
    }

    /// The job, if `owner` may read it and it has not expired.
    ///
    /// # Errors
    /// [`JobsError::NotFound`], [`JobsError::Expired`], or errors of the backend.
    pub async fn find(&self, owner: &Owner, id: JobId) -> Result<Job, JobsError> {
        Ok(self.find_with(owner, id, Include::NOTHING).await?.job)
    }

    /// The error for an id that the store does not know. What was created longer ago than `kept` has expired, if it
    /// was ever there: the id itself tells when, so nothing needs to be remembered.
    fn missing(&self, created_at: Option<Timestamp>, kept: Duration) -> JobsError {
        let until = created_at.filter(|at| at.as_millis() >= FIRST_JOB_MS).map(|at| at.plus(kept));
        match until {
            Some(until) if until <= self.now() => JobsError::Expired(until),
            _ => JobsError::NotFound,
        }
    }

    /// The same with the parts in `include`.
    ///
    /// # Errors
    /// As for [`Jobs::find`].
    pub async fn find_with(&self, owner: &Owner, id: JobId, include: Include) -> Result<Record, JobsError> {
        let missing = || self.missing(id.created_at(), self.policy.ttl);
        let record = self.backend.store.read(id, include).await?.ok_or_else(missing)?;
        if record.job.head.owner != *owner && !self.is_readable_by_id {
            return Err(JobsError::NotFound);
        }
        match record.job.status.expires_at {
            Some(at) if record.job.status.is_expired(self.now()) => Err(JobsError::Expired(at)),
            _ => Ok(record),
        }
    }

    /// Many jobs: one entry for each id, in order. Includes expired jobs.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn get_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        self.backend.store.get_many(ids).await
    }

    /// The batch, if `owner` may read it and it has not expired.
    ///
    /// # Errors
    /// As for [`Jobs::find`].
    pub async fn batch(&self, owner: &Owner, id: BatchId) -> Result<Batch, JobsError> {
        let missing = || self.missing(id.created_at(), self.policy.ttl * 2);
        let batch = self.backend.batches.batch(id).await?.ok_or_else(missing)?;
        if batch.owner != *owner && !self.is_readable_by_id {
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
    /// [`JobsError::NotFound`] if there is none (yet), or errors of the backend.
    pub async fn result(&self, id: JobId) -> Result<Bytes, JobsError> {
        let record = self.backend.store.read(id, Include::RESULT).await?;
        record.and_then(|record| record.result).ok_or(JobsError::NotFound)
    }

    /// One page of the jobs of an owner, newest first, without expired ones.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn list(&self, query: &ListQuery) -> Result<Page<Job, JobId>, JobsError> {
        let now = self.now();
        let mut page = self.backend.store.list(query).await?;
        page.items.retain(|job| !job.status.is_expired(now));
        Ok(page)
    }

    /// Gets ready to watch jobs, so that the first watch misses no event. A process that answers callers does this
    /// when it starts.
    pub fn prepare_watches(&self) {
        self.backend.watch.prepare();
    }

    /// Begins to watch a job. Changes after this call are seen, so call this first and then read the job.
    #[must_use]
    pub fn watch(&self, id: JobId) -> Box<dyn Watcher> {
        self.backend.watch.watch(id)
    }

    /// Waits until the job is terminal or `timeout` has passed, and returns the job as it is then.
    ///
    /// # Errors
    /// As for [`Jobs::find`], also if the job is deleted during the wait.
    pub async fn wait(&self, owner: &Owner, id: JobId, timeout: Duration) -> Result<Job, JobsError> {
        let mut watcher = self.watch(id);
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            let job = self.find(owner, id).await?;
            if job.state().is_terminal() {
                return Ok(job);
            }
            if tokio::time::timeout_at(deadline, watcher.changed()).await.is_err() {
                // A last look: the event of a change may have been lost.
                return self.find(owner, id).await;
            }
        }
    }

    /// Cancels a job. A repeated cancellation succeeds with `replayed`.
    ///
    /// # Errors
    /// [`JobsError::Refused`] if the job is finished or failed; else as for [`Jobs::find`].
    pub async fn cancel(&self, owner: &Owner, id: JobId) -> Result<Accepted<Job>, JobsError> {
        loop {
            let job = self.find(owner, id).await?;
            if job.head.owner != *owner {
                return Err(JobsError::NotFound);
            }
            if job.state() == State::Cancelled {
                return Ok(Accepted { value: job, replayed: true, reused: 0 });
            }
            let cancelled = job.cancel(self.now(), &self.policy)?;
            if let Settled::Done(job) = self.apply(Change::new(&job, &cancelled), cancelled).await? {
                return Ok(Accepted { value: job, replayed: false, reused: 0 });
            }
        }
    }

    /// Deletes the job with all its data. A worker that runs it notices this and stops. Returns whether the
    /// owner had such a job.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn delete(&self, owner: &Owner, id: JobId) -> Result<bool, JobsError> {
        match self.backend.store.get(id).await? {
            Some(job) if job.head.owner == *owner => {
                self.owned.forget(owner);
                Ok(self.backend.store.delete(id).await?)
            }
            _ => Ok(false),
        }
    }
}

impl Jobs {
    /// Cancels all jobs of a batch that have not ended. May be repeated.
    ///
    /// # Errors
    /// [`JobsError::NotFound`] if the owner has no such batch; [`JobsError::Expired`]; errors of the backend, after
    /// which some jobs may be cancelled.
    pub async fn cancel_batch(&self, owner: &Owner, id: BatchId) -> Result<Batch, JobsError> {
        let batch = self.batch(owner, id).await?;
        if batch.owner != *owner {
            return Err(JobsError::NotFound);
        }
        let mut cancelled = stream::iter(batch.jobs().map(|job| self.cancel(owner, job)).collect::<Vec<_>>())
            .buffer_unordered(AT_ONCE);
        while let Some(outcome) = cancelled.next().await {
            match outcome {
                Ok(_) | Err(JobsError::Refused(_) | JobsError::NotFound | JobsError::Expired(_)) => {}
                Err(error) => return Err(error),
            }
        }
        drop(cancelled);
        Ok(batch)
    }

    /// Deletes a batch with all its jobs. Returns whether the owner had such a batch. May be repeated: the batch is
    /// deleted last.
    ///
    /// # Errors
    /// Errors of the backend, after which some jobs may be deleted.
    pub async fn delete_batch(&self, owner: &Owner, id: BatchId) -> Result<bool, JobsError> {
        let Some(batch) = self.backend.batches.batch(id).await?.filter(|batch| batch.owner == *owner) else {
            return Ok(false);
        };
        let mut deleted = stream::iter(batch.jobs().map(|job| self.delete(owner, job)).collect::<Vec<_>>())
            .buffer_unordered(AT_ONCE);
        while let Some(outcome) = deleted.next().await {
            outcome?;
        }
        drop(deleted);
        Ok(self.backend.batches.delete_batch(id).await?)
    }
}

/// The new jobs in order, in groups of at most `most` jobs and about [`GROUP_RESIDUES`] residues.
fn groups(submissions: Vec<Submission>, most: usize) -> Vec<Vec<Submission>> {
    let mut groups: Vec<Vec<Submission>> = Vec::new();
    let mut residues = 0;
    for new in submissions {
        let length = new.job.head.length;
        residues += length;
        match groups.last_mut() {
            Some(group) if group.len() < most && residues <= GROUP_RESIDUES => group.push(new),
            _ => {
                residues = length;
                groups.push(vec![new]);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::job::{Head, Request};
    use crate::policy::Policy;
    use crate::time::Timestamp;

    fn submission(length: usize) -> Submission {
        let now = Timestamp::from_millis(1);
        let (id, owner) = (JobId::new(now), Owner::public());
        let head = Head { id, owner, created_at: now, name: None, batch: None, length, warnings: Vec::new() };
        let request = Request::new(String::new(), "MKV".parse().expect("a sequence"), Vec::new());
        let job = Job::submit(head, Duration::ZERO, &Policy::default());
        Submission { job, request: Arc::new(request), key: None, result: None }
    }

    #[test]
    fn groups_are_bounded_and_keep_the_order() {
        let sizes = |lengths: &[usize], most| -> Vec<usize> {
            let new: Vec<Submission> = lengths.iter().map(|&length| submission(length)).collect();
            let ids: Vec<JobId> = new.iter().map(|new| new.job.id()).collect();
            let groups = groups(new, most);
            assert_eq!(groups.iter().flatten().map(|new| new.job.id()).collect::<Vec<_>>(), ids);
            groups.iter().map(Vec::len).collect()
        };
        assert!(sizes(&[], 3).is_empty());
        assert_eq!(sizes(&[10; 7], 3), [3, 3, 1]);
        let half = GROUP_RESIDUES / 2;
        assert_eq!(sizes(&[half, half, 1, half, GROUP_RESIDUES * 2, 1], 100), [2, 2, 1, 1]);
    }
}
