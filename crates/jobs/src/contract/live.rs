//! Workers and callers for a backend's own tests, which break what is between it and its server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use pssp_predict::Sequence;

use crate::backend::Backend;
use crate::contract::network::{Network, Proxy};
use crate::id::{JobId, Owner};
use crate::job::{Job, State};
use crate::message::Message;
use crate::policy::Policy;
use crate::ports::Delivery;
use crate::service::{Claim, Jobs, NewJob, Settled};
use crate::time::{Clock, SystemClock};

/// The use cases with the policy of production.
#[must_use]
pub fn jobs(backend: Backend) -> Jobs {
    jobs_at(backend, Arc::new(SystemClock))
}

/// The same on a clock that the test moves.
///
/// # Panics
/// Never: the default policy is sound.
#[must_use]
pub fn jobs_at(backend: Backend, clock: Arc<dyn Clock>) -> Jobs {
    Jobs::new(backend, clock, Policy::default()).unwrap()
}

/// A short chain to submit.
#[must_use]
pub fn new_job() -> NewJob {
    NewJob::from("MKTAYIAKQR".parse::<Sequence>().unwrap())
}

/// Submits a job of the public.
///
/// # Panics
/// If it is refused.
pub async fn submit(jobs: &Jobs) -> Job {
    jobs.submit(&Owner::public(), new_job(), Duration::ZERO, None).await.unwrap().value
}

/// Handles a message as a worker does. After an error the message is delivered again later. Returns the id if
/// this call finished the job.
///
/// # Panics
/// If the backend has no receiver, or the message is not of a job.
pub async fn work(jobs: &Jobs, delivery: Delivery) -> Option<JobId> {
    let receiver = jobs.receiver().unwrap();
    let id = Message::decode(&delivery.body).unwrap().job;
    let finished = match jobs.claim(id).await {
        Ok(Claim::Claimed(job)) => {
            let settled = jobs.finish(&job, "result".into()).await.ok()?;
            matches!(settled, Settled::Done(_)).then_some(id)
        }
        Ok(Claim::Wait(after)) => {
            drop(receiver.retry(delivery.receipt, after).await);
            return None;
        }
        Ok(Claim::Settled(_) | Claim::Missing) => None,
        Err(_) => return None,
    };
    drop(receiver.ack(delivery.receipt).await);
    finished
}

/// A worker that runs for ever. After an error it waits and tries again.
///
/// # Panics
/// As [`work`].
pub async fn worker(jobs: Jobs) {
    let receiver = jobs.receiver().unwrap();
    loop {
        match receiver.receive(10, Duration::from_secs(1), Duration::from_secs(2)).await {
            Ok(deliveries) => {
                for delivery in deliveries {
                    work(&jobs, delivery).await;
                }
                drop(jobs.sweep().await);
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Polls until the condition holds. The time-out is long enough for a very slow machine.
///
/// # Panics
/// If the condition does not hold within a minute.
pub async fn eventually<F: AsyncFnMut() -> bool>(what: &str, mut holds: F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether the job is finished, as far as the store tells.
pub async fn is_finished(jobs: &Jobs, id: JobId) -> bool {
    let found = jobs.find(&Owner::public(), id).await;
    found.is_ok_and(|job| job.state() == State::Finished)
}

/// The use cases with short leases, so that a job whose worker lost its connection is soon worked on again.
///
/// # Panics
/// Never: the policy is sound.
#[must_use]
pub fn hasty_jobs(backend: Backend) -> Jobs {
    let policy = Policy {
        lease: Duration::from_secs(3),
        heartbeat: Duration::from_secs(1),
        backoff_cap: Duration::from_secs(1),
        max_lost_workers: 100,
        ..Policy::default()
    };
    Jobs::new(backend, Arc::new(SystemClock), policy).unwrap()
}

/// Submits jobs until it is told to stop.
pub struct Caller {
    over: Arc<AtomicBool>,
    submitting: tokio::task::JoinHandle<Vec<JobId>>,
}

impl Caller {
    /// Begins.
    #[must_use]
    pub fn start(jobs: &Jobs) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let submitting = tokio::spawn({
            let (jobs, over) = (jobs.clone(), over.clone());
            async move {
                let mut accepted = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    match jobs.submit(&Owner::public(), new_job(), Duration::ZERO, None).await {
                        Ok(new) => accepted.push(new.value.id()),
                        Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    }
                }
                accepted
            }
        });
        Self { over, submitting }
    }

    /// The jobs that were accepted.
    ///
    /// # Panics
    /// Never: the task does not panic.
    pub async fn stop(self) -> Vec<JobId> {
        self.over.store(true, Ordering::Relaxed);
        self.submitting.await.unwrap()
    }
}

/// Waits until all of them are finished and no job is open.
///
/// # Panics
/// If there are none, or they do not finish within minutes.
pub async fn all_finish(jobs: &Jobs, mut left: Vec<JobId>) {
    assert!(!left.is_empty(), "nothing was accepted");
    eventually("all accepted jobs finish", async || {
        while let Some(id) = left.last() {
            if !is_finished(jobs, *id).await {
                return false;
            }
            left.pop();
        }
        true
    })
    .await;
    eventually("no job is left open", async || {
        jobs.depth().await.is_ok_and(|depth| depth.submitted + depth.running == 0)
    })
    .await;
}

/// Worker, watcher and caller continue after a fault of the network, without being created again.
///
/// # Panics
/// If they do not.
pub async fn recovers_from(fault: Network, proxy: &Proxy, jobs: &Jobs) {
    let store = jobs.backend().store.clone();
    let working = tokio::spawn(worker(jobs.clone()));
    let first = submit(jobs).await.id();
    eventually("the worker works", async || is_finished(jobs, first).await).await;
    for _ in 0..2 {
        // The network fails while a caller watches a job that nobody changes, and the worker waits.
        let quiet = jobs.submit(&Owner::public(), new_job(), Duration::from_mins(10), None).await.unwrap();
        let waiting = tokio::spawn({
            let (jobs, id) = (jobs.clone(), quiet.value.id());
            async move { jobs.backend().watch.watch(id).changed().await }
        });
        proxy.set(fault);
        let error = store.ping().await.unwrap_err();
        assert!(error.is_temporary(), "{error}");
        proxy.set(Network::Works);
        eventually("the caller gets through", async || store.ping().await.is_ok()).await;
        waiting.await.unwrap();
        let next = submit(jobs).await.id();
        eventually("the worker works again", async || is_finished(jobs, next).await).await;
    }
    assert!(!working.is_finished());
    working.abort();
}

/// Two processes drain one queue: every job is finished by exactly one of them.
///
/// # Panics
/// If a job is lost or doubled.
pub async fn two_workers_race(first: Jobs, second: Jobs) {
    let records: Vec<_> = (0..400).map(|_| new_job()).collect();
    let batch = first.submit_batch(&Owner::public(), records, None).await.unwrap().value;
    let drain = |jobs: Jobs| async move {
        let receiver = jobs.receiver().unwrap();
        let mut finished = Vec::new();
        loop {
            let taken =
                receiver.receive(7, Duration::from_millis(200), Duration::from_mins(5)).await.unwrap();
            if taken.is_empty() {
                return finished;
            }
            finished.extend(join_all(taken.into_iter().map(|d| work(&jobs, d))).await.into_iter().flatten());
        }
    };
    let (one, two) = tokio::join!(tokio::spawn(drain(first.clone())), tokio::spawn(drain(second)));
    assert_eq!(one.unwrap().len() + two.unwrap().len(), 400);
    for id in batch.jobs() {
        assert!(is_finished(&first, id).await);
    }
}
