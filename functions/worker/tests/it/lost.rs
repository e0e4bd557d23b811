//! Jobs that the worker loses while they run: cancelled, deleted, lease lost, released.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pssp_jobs::service::Claim;
use pssp_jobs::{Disposition, Owner, Policy, State};

use crate::support::{Bed, Fake, end, fast_heartbeat, slow_heartbeat, until, until_cancelled};

#[tokio::test]
async fn cancelling_stops_the_engine() {
    let bed = Bed::new(Fake::endless());
    let id = bed.submit().await;
    let handling = bed.spawn_until(id, 1).await;
    bed.jobs.cancel(&Owner::public(), id).await.unwrap();
    assert_eq!(end(handling).await, Disposition::Ack);
    until("the engine stops", || bed.engine.cancelled() == 1).await;
    assert_eq!(bed.job(id).await.state(), State::Cancelled);
}

#[tokio::test]
async fn deleting_stops_the_engine() {
    let bed = Bed::new(Fake::endless());
    let id = bed.submit().await;
    let handling = bed.spawn_until(id, 1).await;
    assert!(bed.jobs.delete(&Owner::public(), id).await.unwrap());
    assert_eq!(end(handling).await, Disposition::Ack);
    until("the engine stops", || bed.engine.cancelled() == 1).await;
    assert!(bed.jobs.find(&Owner::public(), id).await.is_err());
}

#[tokio::test]
async fn without_events_the_heartbeat_finds_the_cancellation() {
    let bed = Bed::blind(Fake::endless(), fast_heartbeat());
    let id = bed.submit().await;
    let handling = bed.spawn_until(id, 1).await;
    bed.jobs.cancel(&Owner::public(), id).await.unwrap();
    assert_eq!(end(handling).await, Disposition::Ack);
    until("the engine stops", || bed.engine.cancelled() == 1).await;
}

#[tokio::test]
async fn a_heartbeat_keeps_the_lease() {
    let bed = Bed::blind(Fake::endless(), fast_heartbeat());
    let id = bed.submit().await;
    let handling = bed.spawn_until(id, 1).await;
    for _ in 0..5 {
        bed.clock.advance(bed.jobs.policy().lease / 2);
        let due = bed.jobs.now().plus(bed.jobs.policy().lease);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        while bed.job(id).await.status.due_at != Some(due) {
            assert!(tokio::time::Instant::now() < deadline, "no heartbeat");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(bed.jobs.sweep().await.unwrap().reclaimed, 0);
    }
    assert_eq!((bed.job(id).await.state(), bed.engine.calls()), (State::Running, 1));
    bed.release.cancel();
    end(handling).await;
}

#[tokio::test]
async fn a_lost_lease_cancels_the_work() {
    let bed =
        Bed::blind(Fake::endless(), Policy { heartbeat: Duration::from_millis(300), ..Policy::default() });
    let id = bed.submit().await;
    let handling = bed.spawn_until(id, 1).await;
    while !handling.is_finished() {
        bed.lose_lease().await; // again, in case a heartbeat came between the jump of the clock and the sweep
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(end(handling).await, Disposition::Ack);
    until("the engine stops", || bed.engine.cancelled() == 1).await;
    let job = bed.job(id).await;
    assert_eq!((job.state(), job.status.lost_workers), (State::Submitted, 1));
}

#[tokio::test]
async fn a_late_completion_is_rejected_and_counted() {
    let gate = Arc::new(AtomicBool::new(false));
    let open = gate.clone();
    let engine = Fake::new(move |_, _, _| {
        while !open.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1)); // ignores the cancellation
        }
        Ok(())
    });
    let bed = Bed::blind(engine, slow_heartbeat());
    let id = bed.submit().await;
    let stale = stale_completions();
    let handling = bed.spawn_until(id, 1).await;

    bed.lose_lease().await;
    bed.clock.advance(Duration::from_mins(1));
    let Claim::Claimed(later) = bed.jobs.claim(id).await.unwrap() else { panic!("a second attempt") };
    gate.store(true, Ordering::SeqCst);
    assert_eq!(end(handling).await, Disposition::Ack);

    let job = bed.job(id).await;
    assert_eq!((job.state(), job.status.attempt), (State::Running, 2), "the later attempt is untouched");
    assert!(bed.jobs.still_ours(&later).await.unwrap());
    assert!(bed.jobs.result(id).await.is_err(), "and has no result yet");
    assert!(stale_completions() > stale);
}

fn stale_completions() -> u64 {
    let text = pssp_host::telemetry::metrics().render();
    let line = text.lines().find_map(|line| line.strip_prefix("pssp_stale_completions_total "));
    line.map_or(0, |n| n.parse().unwrap())
}

#[tokio::test]
async fn shutdown_releases_uncounted_and_takes_no_more() {
    let bed = Bed::new(Fake::new(|call, _, cancel| if call == 0 { until_cancelled(cancel) } else { Ok(()) }));
    let (id, other) = (bed.submit().await, bed.submit().await);
    let handling = bed.spawn_until(id, 1).await;
    bed.release.cancel();
    assert_eq!(end(handling).await, Disposition::Retry { after: Duration::ZERO });
    until("the engine stops", || bed.engine.cancelled() == 1).await;
    let job = bed.job(id).await;
    assert_eq!((job.state(), job.status.failures, job.status.lost_workers), (State::Submitted, 0, 0));
    assert_eq!(bed.handle(other).await, Disposition::Retry { after: Duration::ZERO });
    assert_eq!(bed.job(other).await.status.attempt, 0);
}

#[tokio::test]
async fn cancelled_while_no_thread_is_free() {
    let bed = Bed::build(Fake::endless(), slow_heartbeat(), false, 1);
    let (first, second) = (bed.submit().await, bed.submit().await);
    let running = bed.spawn_until(first, 1).await;
    let waiting = bed.spawn(second);
    bed.jobs.cancel(&Owner::public(), second).await.unwrap();
    bed.jobs.cancel(&Owner::public(), first).await.unwrap();
    assert_eq!(end(running).await, Disposition::Ack);
    assert_eq!(end(waiting).await, Disposition::Ack, "the job is cancelled");
    let second = bed.job(second).await;
    assert_eq!((second.state(), second.status.attempt), (State::Cancelled, 0), "never claimed");
    assert_eq!(bed.engine.calls(), 1);
}
