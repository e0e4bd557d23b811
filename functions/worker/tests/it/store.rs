//! Stores that are not available, lose responses, or refuse writes at the end of an attempt.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pssp_jobs::job::Phase;
use pssp_jobs::{Disposition, FailureClass, Policy, State};
use pssp_predict::EngineError;

use crate::support::{Bed, Fake, Fault, is_retry};

#[tokio::test]
async fn a_short_fault_at_the_end_costs_no_second_computation() {
    let bed = Bed::new(Fake::quick());
    let id = bed.submit().await;
    *bed.store.faults.lock().unwrap() = vec![Fault::Before; 3];
    assert_eq!(bed.handle(id).await, Disposition::Ack);
    let job = bed.job(id).await;
    assert_eq!((job.state(), job.status.attempt, bed.engine.calls()), (State::Finished, 1, 1));
}

#[tokio::test]
async fn a_write_with_a_lost_response_counts_as_done() {
    let bed = Bed::new(Fake::new(|_, _, _| Err(EngineError::System("busy".to_owned()))));
    let id = bed.submit().await;
    *bed.store.faults.lock().unwrap() = vec![Fault::After];
    assert!(is_retry(bed.handle(id).await), "the message of a job that waits for its next attempt is kept");
    assert_eq!(bed.job(id).await.status.failures, 1, "and counted once");

    let bed = Bed::new(Fake::quick());
    let id = bed.submit().await;
    *bed.store.faults.lock().unwrap() = vec![Fault::After];
    assert_eq!(bed.handle(id).await, Disposition::Ack);
    assert_eq!(bed.job(id).await.state(), State::Finished);
}

#[tokio::test]
async fn an_unavailable_store_leaves_the_job_to_the_next_attempt() {
    let policy = Policy {
        lease: Duration::from_millis(400),
        heartbeat: Duration::from_millis(100),
        ..Policy::default()
    };
    let bed = Bed::blind(Fake::quick(), policy);
    let id = bed.submit().await;
    *bed.store.faults.lock().unwrap() = vec![Fault::Before; 1000];
    assert_eq!(bed.handle(id).await, Disposition::Retry { after: bed.jobs.policy().lease });
    bed.store.faults.lock().unwrap().clear();
    bed.lose_lease().await;
    bed.clock.advance(Duration::from_mins(1));
    assert_eq!(bed.handle(id).await, Disposition::Ack);
    let job = bed.job(id).await;
    assert_eq!((job.state(), job.status.attempt), (State::Finished, 2));
}

#[tokio::test]
async fn a_refused_write_is_not_repeated() {
    let bed = Bed::new(Fake::quick());
    let id = bed.submit().await;
    *bed.store.faults.lock().unwrap() = vec![Fault::Refuse; 1000];
    assert_eq!(bed.handle(id).await, Disposition::Retry { after: bed.jobs.policy().lease });
    let tried = 1000 - bed.store.faults.lock().unwrap().len();
    assert_eq!(tried, 2, "once to finish, once to put the job back");
}

#[tokio::test]
async fn a_refused_result_is_not_a_lost_worker() {
    let bed = Bed::new(Fake::quick());
    let id = bed.submit().await;
    *bed.store.faults.lock().unwrap() = vec![Fault::Refuse];
    assert!(is_retry(bed.handle(id).await));
    let job = bed.job(id).await;
    assert_eq!((job.state(), job.status.failures, job.status.lost_workers), (State::Submitted, 1, 0));
}

#[tokio::test]
async fn a_result_that_does_not_fit_fails_the_job_with_its_reason() {
    let bed = Bed::new(Fake::quick());
    bed.store.max_result_bytes.store(3, Ordering::SeqCst);
    let id = bed.submit().await;
    assert_eq!(bed.handle(id).await, Disposition::Ack);
    let Phase::Failed { error, .. } = bed.job(id).await.status.phase else { panic!("not failed") };
    assert_eq!(error.class, FailureClass::Method);
    assert!(error.detail.contains("over the store's limit of 3"), "{}", error.detail);
    assert_eq!(bed.engine.calls(), 1);
}
