//! What the worker does with a message whose job is ready, running, finished, delayed, or missing.

use std::time::Duration;

use futures::future::join_all;
use pssp_jobs::{Disposition, JobId, Owner, State};
use pssp_predict::Prediction;

use crate::support::{Bed, Fake, coil, is_retry};
use pssp_predict::Engine;

#[tokio::test]
async fn a_job_is_predicted_and_its_result_stored() {
    let bed = Bed::new(Fake::quick());
    let id = bed.submit().await;
    assert_eq!(bed.handle(id).await, Disposition::Ack);
    let job = bed.job(id).await;
    assert_eq!((job.state(), job.status.attempt), (State::Finished, 1));
    let stored = Prediction::decode(&bed.jobs.result(id).await.unwrap()).unwrap();
    assert_eq!(stored, coil(bed.engine.method(), 10));
}

#[tokio::test]
async fn duplicate_deliveries_have_one_effect() {
    let bed = Bed::new(Fake::quick());
    let id = bed.submit().await;
    let dispositions = join_all((0..20).map(|_| bed.spawn(id))).await;
    assert!(dispositions.iter().all(Result::is_ok));
    assert_eq!(bed.engine.calls(), 1);
    assert_eq!(bed.job(id).await.status.attempt, 1);
    assert_eq!(bed.handle(id).await, Disposition::Ack, "and once more when it is finished");
    assert_eq!(bed.engine.calls(), 1);
}

#[tokio::test]
async fn a_message_before_its_time_waits() {
    let bed = Bed::new(Fake::quick());
    let delay = Duration::from_secs(7);
    let id = bed.submit_after(delay).await;
    assert_eq!(bed.handle(id).await, Disposition::Retry { after: delay });
    bed.clock.advance(delay);
    assert_eq!(bed.handle(id).await, Disposition::Ack);
}

#[tokio::test]
async fn a_message_about_a_running_job_comes_back_after_the_lease() {
    let bed = Bed::new(Fake::endless());
    let id = bed.submit().await;
    let first = bed.spawn_until(id, 1).await;
    assert_eq!(bed.handle(id).await, Disposition::Retry { after: bed.jobs.policy().lease });
    bed.release.cancel();
    assert!(is_retry(first.await.unwrap()));
}

#[tokio::test]
async fn a_message_about_no_job_is_discarded() {
    let bed = Bed::new(Fake::quick());
    assert_eq!(bed.handle(JobId::new(bed.jobs.now())).await, Disposition::Discard);
    let id = bed.submit().await;
    bed.jobs.delete(&Owner::public(), id).await.unwrap();
    assert_eq!(bed.handle(id).await, Disposition::Discard);
    assert_eq!(bed.engine.calls(), 0);
}

#[tokio::test]
async fn a_cancelled_job_is_not_run() {
    let bed = Bed::new(Fake::quick());
    let id = bed.submit().await;
    bed.jobs.cancel(&Owner::public(), id).await.unwrap();
    assert_eq!(bed.handle(id).await, Disposition::Ack);
    assert_eq!(bed.engine.calls(), 0);
    assert_eq!(bed.job(id).await.state(), State::Cancelled);
}
