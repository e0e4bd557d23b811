//! The bound on threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use pssp_jobs::{Disposition, Owner};
use tokio::task::JoinHandle;

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

/// Jobs of an engine whose first call ends only once the gate is open, whatever its job wants.
struct Deaf {
    bed: Bed,
    gate: Arc<AtomicBool>,
    next: JoinHandle<Disposition>,
}

impl Deaf {
    /// Cancels the first job while it is computed, and starts a second one.
    async fn with_threads(threads: usize) -> Self {
        let gate = Arc::new(AtomicBool::new(false));
        let open = gate.clone();
        let engine = Fake::new(move |call, _, _| {
            while call == 0 && !open.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        });
        let bed = Bed::build(engine, slow_heartbeat(), false, threads);
        let (first, second) = (bed.submit().await, bed.submit().await);
        let handling = bed.spawn_until(first, 1).await;
        bed.jobs.cancel(&Owner::public(), first).await.unwrap();
        assert_eq!(end(handling).await, Disposition::Ack, "the handler does not wait for the engine");
        let next = bed.spawn(second);
        Self { bed, gate, next }
    }

    /// Lets the first call end, and waits for the second job.
    async fn finish(self) -> Bed {
        self.gate.store(true, Ordering::SeqCst);
        assert_eq!(end(self.next).await, Disposition::Ack);
        until("both calls", || self.bed.engine.calls() == 2).await;
        self.bed
    }
}

#[tokio::test]
async fn an_engine_that_ignores_its_cancellation_keeps_its_thread() {
    // How long a call takes to start while another thread is free: many times that shows that none will.
    let since = Instant::now();
    let free = Deaf::with_threads(2).await;
    until("a call beside the first", || free.bed.engine.calls() == 2).await;
    let took = since.elapsed();
    assert_eq!(free.finish().await.engine.most_busy.load(Ordering::SeqCst), 2);

    let full = Deaf::with_threads(1).await;
    tokio::time::sleep((took * 10).max(Duration::from_millis(50))).await;
    assert_eq!(full.bed.engine.calls(), 1, "the only thread is still taken");
    assert_eq!(full.finish().await.engine.most_busy.load(Ordering::SeqCst), 1);
}
