//! Workers and callers for a backend's own tests, which break what is between it and its server.

use std::sync::Arc;
use std::time::Duration;

use pssp_predict::Sequence;

use crate::id::{JobId, Owner};
use crate::job::{Job, State};
use crate::message::Message;
use crate::policy::Policy;
use crate::ports::{Backend, Delivery};
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
