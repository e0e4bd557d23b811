//! The bound on threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use pssp_jobs::{Disposition, Owner};

use crate::support::{Bed, Fake, end, slow_heartbeat, until};

#[tokio::test]
async fn no_more_threads_than_allowed_and_no_fewer() {
    // Each waits (a while) for a second one to run beside it.
    let engine = Fake::new(|_, _, _| {
        std::thread::sleep(Duration::from_millis(20));
        Ok(())
    });
    let bed = Bed::build(engine, slow_heartbeat(), false, 2);
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(bed.submit().await);
    }
    let dispositions = join_all(ids.into_iter().map(|id| bed.spawn(id))).await;
    assert!(dispositions.into_iter().all(|d| d.unwrap() == Disposition::Ack));
    assert_eq!(bed.engine.most_busy.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_engine_that_heeds_no_cancel_keeps_its_thread() {
    let gate = Arc::new(AtomicBool::new(false));
    let open = gate.clone();
    let engine = Fake::new(move |call, _, _| {
        while call == 0 && !open.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    });
    let bed = Bed::build(engine, slow_heartbeat(), false, 1);
    let (deaf, next) = (bed.submit().await, bed.submit().await);
    let handling = bed.spawn_until(deaf, 1).await;
    bed.jobs.cancel(&Owner::public(), deaf).await.unwrap();
    assert_eq!(end(handling).await, Disposition::Ack, "the handler does not wait for it");
    let waiting = bed.spawn(next);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(bed.engine.calls(), 1, "its thread is still taken");
    gate.store(true, Ordering::SeqCst);
    assert_eq!(end(waiting).await, Disposition::Ack);
    until("both ran, one at a time", || bed.engine.calls() == 2).await;
    assert_eq!(bed.engine.most_busy.load(Ordering::SeqCst), 1);
}
