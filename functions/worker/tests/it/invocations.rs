//! Functions for a host that is called with one set of messages after the other: handlers with separate release
//! tokens, and waiting until nothing computes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::poll;
use pssp_jobs::{Disposition, JobId, Owner, State};
use pssp_worker::Worker;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{Bed, Fake, LONG, end, handle, slow_heartbeat, until, until_cancelled};

fn spawn(worker: Worker, id: JobId) -> JoinHandle<Disposition> {
    tokio::spawn(async move { handle(&worker, id).await })
}

#[tokio::test]
async fn only_the_invocation_that_ends_releases() {
    let finish = Arc::new(AtomicBool::new(false));
    let done = finish.clone();
    let bed = Bed::new(Fake::new(move |call, _, cancel| match call {
        0 => until_cancelled(cancel),
        1 => {
            while !done.load(Ordering::SeqCst) && !cancel.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        }
        _ => Ok(()),
    }));
    let (ends, goes_on) = (CancellationToken::new(), CancellationToken::new());
    let (ours, theirs) = (bed.submit().await, bed.submit().await);
    let first = spawn(bed.worker.releasing_on(ends.clone()), ours);
    until("the first is computed", || bed.engine.calls() == 1).await;
    let second = spawn(bed.worker.releasing_on(goes_on), theirs);
    until("the second is computed", || bed.engine.calls() == 2).await;

    ends.cancel();
    assert_eq!(end(first).await, Disposition::Retry { after: Duration::ZERO });
    let job = bed.job(ours).await;
    assert_eq!((job.state(), job.status.failures, job.status.lost_workers), (State::Submitted, 0, 0));
    let late = bed.worker.releasing_on(ends);
    assert_eq!(handle(&late, ours).await, Disposition::Retry { after: Duration::ZERO });
    assert_eq!(bed.engine.calls(), 2, "an invocation that ends takes no more");

    assert_eq!(bed.job(theirs).await.state(), State::Running, "the other one keeps its job");
    finish.store(true, Ordering::SeqCst);
    assert_eq!(end(second).await, Disposition::Ack);
    assert_eq!(bed.job(theirs).await.state(), State::Finished);
    assert_eq!(bed.handle(ours).await, Disposition::Ack, "the next invocation runs the released job");
    assert_eq!(bed.job(ours).await.state(), State::Finished);
}

#[tokio::test]
async fn invocations_share_the_threads() {
    let engine = Fake::new(|_, _, _| {
        std::thread::sleep(Duration::from_millis(5));
        Ok(())
    });
    let bed = Bed::build(engine, slow_heartbeat(), false, 1);
    let mut handling = Vec::new();
    for _ in 0..8 {
        let id = bed.submit().await;
        handling.push(spawn(bed.worker.releasing_on(CancellationToken::new()), id));
    }
    for each in handling {
        assert_eq!(end(each).await, Disposition::Ack);
    }
    assert_eq!(bed.engine.most_busy.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn idle_waits_for_an_engine_that_is_slow_to_stop() {
    let gate = Arc::new(AtomicBool::new(false));
    let open = gate.clone();
    let engine = Fake::new(move |_, _, _| {
        while !open.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1)); // ignores the cancellation
        }
        Ok(())
    });
    let bed = Bed::new(engine); // of two threads, one computes
    let mut idle = std::pin::pin!(bed.worker.idle());
    assert!(poll!(&mut idle).is_ready(), "nothing was begun");

    let id = bed.submit().await;
    let handling = bed.spawn_until(id, 1).await;
    bed.jobs.cancel(&Owner::public(), id).await.unwrap();
    assert_eq!(end(handling).await, Disposition::Ack, "the handler does not wait for it");
    let mut idle = std::pin::pin!(bed.worker.idle());
    assert!(poll!(&mut idle).is_pending(), "the engine still computes");
    gate.store(true, Ordering::SeqCst);
    tokio::time::timeout(LONG, idle).await.expect("idle hangs");

    let next = bed.submit().await;
    assert_eq!(bed.handle(next).await, Disposition::Ack, "the threads are free again");
}
