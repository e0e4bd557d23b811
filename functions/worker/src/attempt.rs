//! One attempt at a claimed job: compute, keep the lease, stop when the job is cancelled or lost, and settle.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use pssp_common::Backoff;
use pssp_jobs::job::Phase;
use pssp_jobs::service::{Claimed, Settled};
use pssp_jobs::{Disposition, Failure, FailureClass, Job, Jobs, Slot, State, StoreError, Watcher};
use pssp_predict::EngineError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::pool::{NoResult, Pool};

/// First and longest wait before a write that failed with a temporary error is tried again. The wait doubles.
const RETRY_WAIT: Duration = Duration::from_millis(100);
const MAX_RETRY_WAIT: Duration = Duration::from_secs(2);

/// Longest stored detail of a failure, in bytes.
const MAX_DETAIL: usize = 2_000;

/// The last step of an attempt.
enum Step {
    Finish(Bytes),
    Retry(Failure),
    Fail(Failure),
}

/// Runs a claimed job to the end of its attempt.
pub(crate) async fn run(
    jobs: &Jobs,
    pool: &Pool,
    release: &CancellationToken,
    job: &Claimed,
    watcher: Box<dyn Watcher>,
    slot: Slot,
) -> Disposition {
    let attempt = Attempt { jobs, job };
    if let (1, Some(started_at)) = (job.status.attempt, job.status.started_at) {
        metrics::histogram!("pssp_worker_wait_seconds").record(started_at.since(job.head.created_at));
    }
    // Dropping the prediction cancels the computation.
    tokio::select! {
        outcome = pool.predict(job.request.sequence.clone(), slot, || jobs.now()) => match step(outcome) {
            Some(step) => attempt.settle(step).await,
            None => attempt.release().await,
        },
        () = attempt.until_lost(watcher) => {
            let (id, n) = (job.id(), job.status.attempt);
            tracing::info!(job = %id, attempt = n, "the worker no longer holds job {id} (cancelled, deleted or lease lost): stopped attempt {n}");
            count("stale");
            Disposition::Ack
        }
        () = release.cancelled() => attempt.release().await,
    }
}

/// The last step after a computation, or nothing if it was never started.
fn step(outcome: Result<Bytes, NoResult>) -> Option<Step> {
    let retry = |class, detail: String| Step::Retry(Failure::new(class, cut(detail)));
    Some(match outcome {
        Err(NoResult::Busy) => return None,
        Ok(result) => Step::Finish(result),
        Err(NoResult::Engine(EngineError::Input(detail))) => {
            Step::Fail(Failure::new(FailureClass::Input, cut(detail)))
        }
        // The engine is deterministic, but machines differ: another worker may have more memory. The number of
        // attempts is small.
        Err(NoResult::Engine(EngineError::Method(detail))) => retry(FailureClass::Method, detail),
        Err(NoResult::Engine(EngineError::System(detail))) => retry(FailureClass::System, detail),
        Err(NoResult::Engine(EngineError::Cancelled)) => {
            retry(FailureClass::System, "the computation was stopped".to_owned())
        }
        Err(NoResult::Panic(text)) => retry(FailureClass::Method, format!("the method crashed: {text}")),
    })
}

/// Cuts the text to a length that every store can hold.
fn cut(mut detail: String) -> String {
    if detail.len() > MAX_DETAIL {
        detail.truncate(detail.floor_char_boundary(MAX_DETAIL));
        detail.push('…');
    }
    detail
}

fn count(outcome: &'static str) {
    metrics::counter!("pssp_worker_jobs_total", "outcome" => outcome).increment(1);
}

struct Attempt<'a> {
    jobs: &'a Jobs,
    job: &'a Claimed,
}

impl Attempt<'_> {
    // --- while computing ---------------------------------------------------------------------

    /// Returns when the job has lost its lease or has ended.
    async fn until_lost(&self, watcher: Box<dyn Watcher>) {
        tokio::select! {
            () = self.keep_heartbeat() => {}
            () = self.watch(watcher) => {}
        }
    }

    /// Extends the lease at every heartbeat. Returns when the lease is lost.
    async fn keep_heartbeat(&self) {
        let heartbeat = self.jobs.policy().heartbeat;
        let mut pause = heartbeat;
        loop {
            tokio::time::sleep(pause).await;
            pause = match self.jobs.heartbeat(self.job).await {
                Ok(Settled::Done(_)) => heartbeat,
                Ok(Settled::Stale) => return,
                Err(error) => {
                    let id = self.job.id();
                    tracing::warn!(job = %id, %error, "cannot extend the lease of job {id}, will try again: {error}");
                    // This is sooner than the next heartbeat, because a lease may be only slightly longer than
                    // two heartbeats.
                    (heartbeat / 4).min(Duration::from_secs(1))
                }
            };
        }
    }

    /// Returns when an event or a poll shows that the job was cancelled, deleted or claimed by another worker.
    /// This is sooner than the next heartbeat.
    async fn watch(&self, mut watcher: Box<dyn Watcher>) {
        loop {
            watcher.changed().await;
            // After a read that fails the heartbeat will notice the change.
            if matches!(self.jobs.still_ours(self.job).await, Ok(false)) {
                return;
            }
        }
    }

    /// Extends the lease during the last step. That step finds out by itself if the lease is lost.
    async fn keep_lease(&self) -> Infallible {
        loop {
            self.keep_heartbeat().await;
            tokio::time::sleep(self.jobs.policy().heartbeat).await;
        }
    }

    // --- the last step -----------------------------------------------------------------------

    async fn settle(&self, step: Step) -> Disposition {
        tokio::select! {
            disposition = self.write(step) => disposition,
            never = self.keep_lease() => match never {},
        }
    }

    async fn write(&self, step: Step) -> Disposition {
        let (id, attempt) = (self.job.id(), self.job.status.attempt);
        match self.write_with_retries(&step).await {
            Ok(Settled::Done(job)) => self.settled(&job),
            Ok(Settled::Stale) => {
                self.count_stale();
                Disposition::Ack
            }
            Err(StoreError::TooLarge(detail)) if matches!(step, Step::Finish(_)) => {
                let failure =
                    Failure::new(FailureClass::Method, format!("the result cannot be stored: {detail}"));
                Box::pin(self.write(Step::Fail(failure))).await
            }
            // The store may be full and still have room for a short error. The job is tried again later. This
            // must not count as a lost worker.
            Err(error) if matches!(step, Step::Finish(_)) => {
                tracing::warn!(job = %id, attempt, %error, "cannot store the result of job {id}: {error}");
                // Callers see this text. Where the store is and who may use it is for the log alone.
                let detail = "the result cannot be stored: the store is full, refused it, or did not answer";
                let failure = Failure::new(FailureClass::System, detail);
                Box::pin(self.write(Step::Retry(failure))).await
            }
            Err(error) => {
                // The lease expires, and the job is tried again as after a lost worker.
                tracing::error!(job = %id, attempt, %error, "cannot settle attempt {attempt} of job {id}: {error}");
                count("unsettled");
                Disposition::Retry { after: self.jobs.policy().lease }
            }
        }
    }

    /// Writes the step. While the store is not available, tries again for up to the length of a lease, so that
    /// a computed result is not lost by a short fault.
    async fn write_with_retries(&self, step: &Step) -> Result<Settled, StoreError> {
        let deadline = Instant::now() + self.jobs.policy().lease;
        let mut backoff = Backoff::new(RETRY_WAIT, MAX_RETRY_WAIT);
        let mut maybe_written = false;
        loop {
            let wait = backoff.next_wait();
            match self.write_once(step).await {
                Err(error) if error.is_temporary() && Instant::now() + wait < deadline => {
                    let id = self.job.id();
                    tracing::debug!(job = %id, %error, "cannot settle job {id} yet: {error}");
                }
                // The earlier write may have taken effect although its response was lost.
                Ok(Settled::Stale) if maybe_written => return self.read_back(step).await,
                settled => return settled,
            }
            maybe_written = true;
            tokio::time::sleep(wait).await;
        }
    }

    async fn write_once(&self, step: &Step) -> Result<Settled, StoreError> {
        match step {
            Step::Finish(result) => self.jobs.finish(self.job, result.clone()).await,
            Step::Retry(failure) => self.jobs.retry(self.job, failure.clone()).await,
            Step::Fail(failure) => self.jobs.fail(self.job, failure.clone()).await,
        }
    }

    /// Whether the job has the state that this write would have given it. A lost lease gives the same state as
    /// a retry; then the message is needed too.
    async fn read_back(&self, step: &Step) -> Result<Settled, StoreError> {
        let states: &[State] = match step {
            Step::Finish(_) => &[State::Finished],
            Step::Fail(_) => &[State::Failed],
            Step::Retry(_) => &[State::Submitted, State::Failed],
        };
        let ours = |job: &Job| job.status.attempt == self.job.status.attempt && states.contains(&job.state());
        let stored = self.jobs.get(self.job.id()).await?;
        Ok(stored.filter(ours).map_or(Settled::Stale, Settled::Done))
    }

    /// How the message of a job is settled after a transition: by the transition, or as `elsewhere` says.
    fn message(&self, elsewhere: Disposition) -> Disposition {
        let again = matches!(elsewhere, Disposition::Retry { .. });
        if self.jobs.settles_messages() { Disposition::Settled { again } } else { elsewhere }
    }

    /// Counts and logs the transition. Returns how the message is settled.
    fn settled(&self, job: &Job) -> Disposition {
        let (id, attempt) = (job.id(), job.status.attempt);
        match &job.status.phase {
            Phase::Submitted { not_before, .. } => {
                count("retried");
                let after = not_before.since(self.jobs.now());
                let after_ms = after.as_millis();
                let error = job.status.errors.last().map_or("no error is known", |error| &*error.detail);
                tracing::warn!(job = %id, attempt, after_ms, error, "attempt {attempt} of job {id} failed, next in {after_ms} ms: {error}");
                self.message(Disposition::Retry { after })
            }
            Phase::Failed { error, .. } => {
                count("failed");
                let detail = &error.detail;
                tracing::warn!(job = %id, attempt, "job {id} failed at attempt {attempt}: {detail}");
                self.message(Disposition::Ack)
            }
            _ => {
                count("finished");
                metrics::counter!("pssp_worker_residues_total").increment(job.head.length as u64);
                tracing::debug!(job = %id, attempt, "job {id} finished at attempt {attempt}");
                self.message(Disposition::Ack)
            }
        }
    }

    /// Counts and logs that the store refused a step because the job had changed.
    fn count_stale(&self) {
        let (id, attempt) = (self.job.id(), self.job.status.attempt);
        metrics::counter!("pssp_stale_completions_total").increment(1);
        count("stale");
        tracing::info!(job = %id, attempt, "attempt {attempt} of job {id} came too late: the job had changed");
    }

    /// Releases the job, so that another worker does not wait for the lease to expire.
    async fn release(&self) -> Disposition {
        let (id, attempt) = (self.job.id(), self.job.status.attempt);
        match self.jobs.release(self.job).await {
            Ok(Settled::Done(_)) => {
                count("released");
                tracing::info!(job = %id, attempt, "released job {id}");
                self.message(Disposition::Retry { after: Duration::ZERO })
            }
            Ok(Settled::Stale) => {
                self.count_stale();
                Disposition::Ack
            }
            Err(error) => {
                count("unsettled");
                tracing::warn!(job = %id, %error, "cannot release job {id}, its lease will run out: {error}");
                Disposition::Retry { after: self.jobs.policy().lease }
            }
        }
    }
}
