//! Engines that fail: panics, poison jobs, bad input, temporary errors.

use std::time::Duration;

use pssp_jobs::job::Phase;
use pssp_jobs::{Disposition, FailureClass, JobId, State};
use pssp_predict::EngineError;

use crate::support::{Bed, Fake, is_retry};

/// Handles the message until it is settled. Returns the number of attempts.
async fn handle_to_the_end(bed: &Bed, id: JobId) -> usize {
    for attempt in 1..100 {
        match bed.handle(id).await {
            Disposition::Ack => return attempt,
            Disposition::Retry { after } => bed.clock.advance(after),
            other => panic!("{other:?}"),
        }
    }
    panic!("no end");
}

async fn failure(bed: &Bed, id: JobId) -> (FailureClass, String) {
    match bed.job(id).await.status.phase {
        Phase::Failed { error, .. } => (error.class, error.detail),
        other => panic!("not failed: {other:?}"),
    }
}

#[tokio::test]
async fn a_panic_is_contained() {
    let bed =
        Bed::new(Fake::new(|call, _, _| if call == 0 { panic!("index out of bounds") } else { Ok(()) }));
    let (bad, good) = (bed.submit().await, bed.submit().await);
    let Disposition::Retry { after } = bed.handle(bad).await else { panic!("not retried") };
    assert!(after >= Duration::from_millis(500) && after <= Duration::from_secs(1), "{after:?}");
    let job = bed.job(bad).await;
    assert_eq!((job.state(), job.status.failures), (State::Submitted, 1));
    assert_eq!(bed.handle(good).await, Disposition::Ack, "others go on");
    assert_eq!(bed.job(good).await.state(), State::Finished);
    bed.clock.advance(after);
    assert_eq!(bed.handle(bad).await, Disposition::Ack);
    assert_eq!(bed.job(bad).await.state(), State::Finished);
}

#[tokio::test]
async fn poison_ends_in_the_dead_letters() {
    let bed = Bed::new(Fake::new(|_, _, _| panic!("always")));
    let id = bed.submit().await;
    assert_eq!(handle_to_the_end(&bed, id).await, 5);
    let (class, detail) = failure(&bed, id).await;
    assert_eq!(class, FailureClass::Method);
    assert_eq!(detail, "the method crashed: always (attempt 5 of 5)");
    let letters = bed.jobs.dead_letters(None, 10).await.unwrap().items;
    assert_eq!(letters.iter().map(|l| l.job).collect::<Vec<_>>(), [Some(id)]);
}

/// The stored reason has a limited length.
#[tokio::test]
async fn a_long_reason_is_cut_to_the_limit() {
    let bed = Bed::new(Fake::new(|_, _, _| Err(EngineError::Input("é".repeat(50_000)))));
    let id = bed.submit().await;
    bed.handle(id).await;
    let (_, detail) = failure(&bed, id).await;
    assert!(detail.len() < 2_100 && detail.starts_with("éé") && detail.ends_with('…'), "{}", detail.len());
}

#[tokio::test]
async fn what_fails_twice_finishes_at_the_third_attempt() {
    let bed = Bed::new(Fake::new(|call, _, _| match call {
        0 => Err(EngineError::System("out of memory".to_owned())),
        1 => Err(EngineError::Method("no convergence".to_owned())),
        _ => Ok(()),
    }));
    let id = bed.submit().await;
    assert_eq!(handle_to_the_end(&bed, id).await, 3);
    let job = bed.job(id).await;
    assert_eq!((job.state(), job.status.attempt, job.status.failures), (State::Finished, 3, 2));
}

#[tokio::test]
async fn classes_of_failures_are_kept() {
    type Error = fn() -> EngineError;
    let table: [(Error, FailureClass, usize); 3] = [
        (|| EngineError::Input("too odd".to_owned()), FailureClass::Input, 1),
        (|| EngineError::Method("too hard".to_owned()), FailureClass::Method, 5),
        (|| EngineError::System("too full".to_owned()), FailureClass::System, 5),
    ];
    for (error, class, attempts) in table {
        let bed = Bed::new(Fake::new(move |_, _, _| Err(error())));
        let id = bed.submit().await;
        assert_eq!(handle_to_the_end(&bed, id).await, attempts, "{class:?}");
        let (found, detail) = failure(&bed, id).await;
        assert_eq!(found, class);
        assert!(detail.starts_with(&error().to_string()), "{detail}");
    }
}

#[tokio::test]
async fn an_engine_that_stops_unasked_is_retried() {
    let bed = Bed::new(Fake::new(|_, _, _| Err(EngineError::Cancelled)));
    let id = bed.submit().await;
    assert!(is_retry(bed.handle(id).await));
    assert_eq!(bed.job(id).await.status.failures, 1);
}
