//! Tests of the Redis backend against real servers, which each test run starts on free ports.

#![allow(clippy::unwrap_used, reason = "a failed expectation is how a test fails")]

mod bounded;
mod contract;
mod dump;
mod heal;
mod proxy;
mod refuse;
mod server;
mod tls;
mod upgrade;
mod wake;

use std::time::Duration;

use pssp_jobs::service::{Claim, NewJob};
use pssp_jobs::{Backend, Clock, Delivery, Job, JobId, Jobs, Message, Owner, Policy, State, SystemClock};
use pssp_predict::Sequence;

/// The use cases with the policy of production.
fn jobs(backend: Backend) -> Jobs {
    jobs_at(backend, std::sync::Arc::new(SystemClock))
}

fn jobs_at(backend: Backend, clock: std::sync::Arc<dyn Clock>) -> Jobs {
    Jobs::new(backend, clock, Policy::default()).unwrap()
}

fn new_job() -> NewJob {
    NewJob::from("MKTAYIAKQR".parse::<Sequence>().unwrap())
}

async fn submit(jobs: &Jobs) -> Job {
    jobs.submit(&Owner::public(), new_job(), Duration::ZERO, None).await.unwrap().value
}

/// Handles a message as a worker does. After an error the message is delivered again later. Returns the id if
/// this call finished the job.
async fn work(jobs: &Jobs, delivery: Delivery) -> Option<JobId> {
    let receiver = jobs.receiver().unwrap();
    let id = Message::decode(&delivery.body).unwrap().job;
    let finished = match jobs.claim(id).await {
        Ok(Claim::Claimed(job)) => {
            let settled = jobs.finish(&job, "result".into()).await.ok()?;
            matches!(settled, pssp_jobs::service::Settled::Done(_)).then_some(id)
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
async fn worker(jobs: Jobs) {
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
async fn eventually<F: AsyncFnMut() -> bool>(what: &str, mut holds: F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn is_finished(jobs: &Jobs, id: JobId) -> bool {
    let found = jobs.find(&Owner::public(), id).await;
    found.is_ok_and(|job| job.state() == State::Finished)
}
