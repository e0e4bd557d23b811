//! The bound on threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use pssp_jobs::{Disposition, Handler as _, Owner};

use crate::support::{Bed, Fake, end, slow_heartbeat};

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
async fn an_engine_that_ignores_its_cancellation_keeps_its_thread() {
    let gate = Arc::new(AtomicBool::new(false));
    let open = gate.clone();
    let engine = Fake::new(move |call, _, _| {
        while call == 0 && !open.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    });
    let bed = Bed::build(engine, slow_heartbeat(), false, 1);
    let (first, second) = (bed.submit().await, bed.submit().await);
    let handling = bed.spawn_until(first, 1).await;
    bed.jobs.cancel(&Owner::public(), first).await.unwrap();
    assert_eq!(end(handling).await, Disposition::Ack, "the handler does not wait for the engine");
    // The only thread is taken until the engine ends, so no room can be had. Nothing but the gate ends it.
    let reserved = bed.worker.reserve(1).now_or_never();
    assert!(reserved.is_none(), "a thread that still computes was given away");
    gate.store(true, Ordering::SeqCst);
    assert_eq!(end(bed.spawn(second)).await, Disposition::Ack);
    assert_eq!((bed.engine.calls(), bed.engine.most_busy.load(Ordering::SeqCst)), (2, 1));
}
