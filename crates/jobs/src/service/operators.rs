//! For operators and for the sweep: repairs, notices, dead letters.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::stream::{self, StreamExt};

use super::{Jobs, JobsError, SWEEP_LIMIT, Settled, Swept, jitter};
use crate::error::StoreError;
use crate::id::JobId;
use crate::job::{Job, Phase, State};
use crate::notice::Notice;
use crate::ports::{Change, DeadLetter, Depth, Page};
use crate::time::Timestamp;

/// Links to jobs that have expired open nothing, so removing them does not hurry.
const LINKS_EVERY: Duration = Duration::from_hours(1);

impl Jobs {
    /// Repairs overdue jobs (lost messages, lost workers, times from before a clock jump) and deletes what has
    /// expired. Every worker calls this at intervals. Concurrent sweeps do not disturb each other.
    ///
    /// # Errors
    /// Temporary errors of the backend. Repairs that were made before stay. A job that cannot be repaired is
    /// logged, counted and skipped.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        // A sweep by a clock that was never compared could take healthy jobs from their workers.
        if let Err(error) = self.compare_clocks().await
            && !self.clock.is_compared()
        {
            return Err(error);
        }
        let now = self.now();
        let overdue = self.backend.store.overdue(now, self.policy.horizon(), SWEEP_LIMIT).await?;
        // Several repairs run at the same time, so that a backend can group their writes.
        let repairs = overdue.into_iter().map(|id| async move { (id, self.repair_job(id, now).await) });
        let mut repairs = stream::iter(repairs).buffer_unordered(SWEEP_CONCURRENCY);
        while let Some((id, repaired)) = repairs.next().await {
            match repaired {
                Ok(repair) => swept.count(repair),
                Err(error) if error.is_temporary() => return Err(error),
                // A record that cannot be read must not stop the repair of other jobs.
                Err(error) => {
                    tracing::error!(job = %id, %error, "cannot repair job {id}: {error}");
                    swept.skipped += 1;
                }
            }
        }
        swept.purged = self.backend.store.purge(now, SWEEP_LIMIT).await?;
        let last = Timestamp::from_millis(self.links_purged_at.load(Ordering::Relaxed));
        if now.since(last) >= LINKS_EVERY {
            self.links_purged_at.store(now.as_millis(), Ordering::Relaxed);
            if let Err(error) = self.purge_links(now).await {
                tracing::debug!(%error, "links to expired jobs stay for another hour: {error}");
            }
        }
        Ok(swept)
    }

    async fn repair_job(&self, id: JobId, now: Timestamp) -> Result<Option<Repair>, StoreError> {
        let Some(job) = self.backend.store.get(id).await? else { return Ok(None) };
        let (policy, ahead) = (&*self.policy, job.status.is_ahead(now, &self.policy));
        if !ahead && job.status.due_at.is_none_or(|due| due > now) {
            return Ok(None); // the job has changed since it was listed
        }
        let (next, repair) = match &job.status.phase {
            Phase::Submitted { .. } => (job.resend(now, policy), Repair::Resent),
            // A lease in the future is shortened: a live worker extends it, and a lost worker loses it.
            Phase::Running { .. } if ahead => (job.extend(now, policy), Repair::Healed),
            Phase::Running { .. } => match job.lose_lease(now, policy, jitter()) {
                Ok(next) if next.state() == State::Failed => (Ok(next), Repair::Buried),
                next => (next, Repair::Reclaimed),
            },
            _ => return Ok(None),
        };
        let Ok(next) = next else { return Ok(None) };
        let mut change = Change::new(&job, &next);
        if let Phase::Submitted { not_before, .. } = next.status.phase {
            change = change.with_message(not_before.since(now));
        }
        let settled = self.apply(change, next).await?;
        Ok(matches!(settled, Settled::Done(_)).then_some(repair))
    }

    /// The operator's notice, unless it has ended.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn notice(&self) -> Result<Option<Notice>, StoreError> {
        let now = self.now();
        Ok(self.backend.notices.notice().await?.filter(|notice| !notice.is_over(now)))
    }

    /// Posts a notice in place of the present one; `None` clears it.
    ///
    /// # Errors
    /// Errors of the backend. The caller has checked the notice ([`Notice::check`]).
    pub async fn post(&self, notice: Option<&Notice>) -> Result<(), StoreError> {
        self.backend.notices.set_notice(notice).await
    }

    /// One page of dead letters, newest first.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn dead_letters(
        &self,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<Page<DeadLetter, JobId>, StoreError> {
        self.backend.dead.dead_letters(before, limit).await
    }

    /// Keeps a message that cannot be used among the dead letters.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn bury(&self, body: String, reason: String) -> Result<(), StoreError> {
        let now = self.now();
        let letter = DeadLetter { id: JobId::new(now), job: None, at: now, reason, body: Some(body) };
        self.backend.dead.bury(&letter, now.plus(self.policy.ttl)).await
    }

    /// Deletes a dead letter that belongs to no job. Returns whether it existed.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn discard(&self, id: JobId) -> Result<bool, StoreError> {
        self.backend.dead.discard(id).await
    }

    /// The job with this id, whoever its owner is, also if it has expired.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.backend.store.get(id).await
    }

    /// Counts of open jobs and dead letters. May be approximate.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn depth(&self) -> Result<Depth, StoreError> {
        self.backend.store.depth().await
    }

    /// Checks that the backend responds and can be written to.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.backend.store.ping().await
    }

    /// The backend's name: `sqlite`, `redis`, `aws` or `memory`.
    #[must_use]
    pub fn backend_name(&self) -> &'static str {
        self.backend.store.capabilities().name
    }

    /// Redrives a failed job: submits it again with its counts at zero.
    ///
    /// # Errors
    /// [`JobsError::Refused`] if the job has not failed, [`JobsError::NotFound`], or errors of the backend.
    pub async fn redrive(&self, id: JobId) -> Result<Job, JobsError> {
        loop {
            let job = self.backend.store.get(id).await?.ok_or(JobsError::NotFound)?;
            let next = job.redrive(self.now(), &self.policy)?;
            let change = Change::new(&job, &next).with_message(Duration::ZERO);
            if let Settled::Done(job) = self.apply(change, next).await? {
                return Ok(job);
            }
        }
    }
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

/// Number of jobs that a sweep repairs at the same time.
const SWEEP_CONCURRENCY: usize = 32;
