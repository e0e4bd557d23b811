//! One attempt at a job in hand: compute, stay alive, notice when the job is no longer wanted, settle.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use pssp_jobs::job::Phase;
use pssp_jobs::service::{Claimed, Settled};
use pssp_jobs::{Disposition, Failure, FailureClass, Job, Jobs, Slot, State, StoreError, Watcher};
use pssp_predict::EngineError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::pool::{NoResult, Pool};

/// First wait before a write that failed for a passing reason is tried again; doubles up to the cap.
const WRITE_AGAIN: Duration = Duration::from_millis(100);
const WRITE_AGAIN_CAP: Duration = Duration::from_secs(2);

/// Longest detail of a failure that is stored, in bytes.
const MAX_DETAIL: usize = 2_000;

/// The last step of an attempt.
enum Step {
    Finish(Bytes),
    Retry(Failure),
    Fail(Failure),
}

/// Runs one claimed job to the end of its attempt.
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
    // Dropping the prediction cancels it.
    tokio::select! {
        outcome = pool.predict(job.request.sequence.clone(), slot) => attempt.settle(step(outcome)).await,
        () = attempt.lost(watcher) => {
            let (id, n) = (job.id(), job.status.attempt);
            tracing::info!(job = %id, attempt = n, "job {id} is no longer ours (cancelled, deleted or lease lost): stopped attempt {n}");
            count("stale");
            Disposition::Ack
        }
        () = release.cancelled() => attempt.release().await,
    }
}

fn step(outcome: Result<Bytes, NoResult>) -> Step {
    let again = |class, detail: String| Step::Retry(Failure::new(class, cut(detail)));
    match outcome {
        Ok(result) => Step::Finish(result),
        Err(NoResult::Engine(EngineError::Input(detail))) => {
            Step::Fail(Failure::new(FailureClass::Input, cut(detail)))
        }
        // An engine is deterministic, but the machine under it is not: a limit on memory that was
        // met here need not be met elsewhere. The attempts are few.
        Err(NoResult::Engine(EngineError::Method(detail))) => again(FailureClass::Method, detail),
        Err(NoResult::Engine(EngineError::System(detail))) => again(FailureClass::System, detail),
        Err(NoResult::Engine(EngineError::Cancelled)) => {
            again(FailureClass::System, "the computation was stopped".to_owned())
        }
        Err(NoResult::Panic(text)) => again(FailureClass::Method, format!("the method crashed: {text}")),
    }
}

/// Cut to what every record has room for, and to what people read.
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

    /// Returns when the job is known to be no longer ours.
    async fn lost(&self, watcher: Box<dyn Watcher>) {
        tokio::select! {
            () = self.beat() => {}
            () = self.watch(watcher) => {}
        }
    }

    /// Extends the lease every heartbeat; returns when there is none to extend.
    async fn beat(&self) {
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
                    // Sooner than the next heartbeat: the lease stands only two of them.
                    (heartbeat / 4).min(Duration::from_secs(1))
                }
            };
        }
    }

    /// Returns when an event or a poll shows the job cancelled, deleted or taken: sooner than the
    /// next heartbeat would.
    async fn watch(&self, mut watcher: Box<dyn Watcher>) {
        loop {
            watcher.changed().await;
            // A read that fails shows nothing; the heartbeat will.
            if matches!(self.jobs.still_ours(self.job).await, Ok(false)) {
                return;
            }
        }
    }

    /// Keeps the lease while the last step is under way. Whether it was lost, that step finds out.
    async fn keep_lease(&self) -> Infallible {
        loop {
            self.beat().await;
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
        match self.write_patiently(&step).await {
            Ok(Settled::Done(job)) => self.settled(&job),
            Ok(Settled::Stale) => {
                self.reject();
                Disposition::Ack
            }
            Err(StoreError::TooLarge(detail)) if matches!(step, Step::Finish(_)) => {
                let failure =
                    Failure::new(FailureClass::Method, format!("the result cannot be stored: {detail}"));
                Box::pin(self.write(Step::Fail(failure))).await
            }
            // A store that is full, say, may still have room for a few words: the job is tried again
            // later, and it is not its worker that is to blame.
            Err(error) if matches!(step, Step::Finish(_)) => {
                let failure =
                    Failure::new(FailureClass::System, format!("the result cannot be stored: {error}"));
                Box::pin(self.write(Step::Retry(failure))).await
            }
            Err(error) => {
                // The lease runs out, and the job is tried again as after a lost worker.
                tracing::error!(job = %id, attempt, %error, "cannot settle attempt {attempt} of job {id}: {error}");
                count("unsettled");
                Disposition::Retry { after: self.jobs.policy().lease }
            }
        }
    }

    /// Writes the step. While the store is away it tries again, for up to a lease: a computed result is not
    /// thrown away for a short fault.
    async fn write_patiently(&self, step: &Step) -> Result<Settled, StoreError> {
        let deadline = Instant::now() + self.jobs.policy().lease;
        let mut pause = WRITE_AGAIN;
        let mut unsure = false;
        loop {
            match self.write_once(step).await {
                Err(error) if error.is_temporary() && Instant::now() + pause < deadline => {
                    let id = self.job.id();
                    tracing::debug!(job = %id, %error, "cannot settle job {id} yet: {error}");
                }
                // The write that failed before may have gone through although its answer was lost.
                Ok(Settled::Stale) if unsure => return self.read_back(step).await,
                settled => return settled,
            }
            unsure = true;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(WRITE_AGAIN_CAP);
        }
    }

    async fn write_once(&self, step: &Step) -> Result<Settled, StoreError> {
        match step {
            Step::Finish(result) => self.jobs.finish(self.job, result.clone()).await,
            Step::Retry(failure) => self.jobs.retry(self.job, failure.clone()).await,
            Step::Fail(failure) => self.jobs.fail(self.job, failure.clone()).await,
        }
    }

    /// Whether the job is where our own write would have brought it. (So it is, too, after a lost
    /// lease instead of a retry: then its message is wanted as well.)
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

    /// What becomes of the message of a job after its transition, whose holder settles it by `elsewhere`.
    fn message(&self, elsewhere: Disposition) -> Disposition {
        if self.jobs.settles_messages() { Disposition::Settled } else { elsewhere }
    }

    /// Counts and logs the transition, and returns what becomes of the message.
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

    /// Counts and logs that the store refused a step because the job had changed meanwhile.
    fn reject(&self) {
        let (id, attempt) = (self.job.id(), self.job.status.attempt);
        metrics::counter!("pssp_stale_completions_total").increment(1);
        count("stale");
        tracing::info!(job = %id, attempt, "attempt {attempt} of job {id} came too late: the job had changed");
    }

    /// Releases the job, so that another worker need not wait for the lease to run out.
    async fn release(&self) -> Disposition {
        let (id, attempt) = (self.job.id(), self.job.status.attempt);
        match self.jobs.release(self.job).await {
            Ok(Settled::Done(_)) => {
                count("released");
                tracing::info!(job = %id, attempt, "released job {id}");
                self.message(Disposition::Retry { after: Duration::ZERO })
            }
            Ok(Settled::Stale) => {
                self.reject();
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
