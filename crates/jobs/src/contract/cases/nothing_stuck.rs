//! Promise 2: nothing is stuck.

use std::sync::Arc;
use std::time::Duration;

use crate::contract::{
    Harness, SkewedClock, VISIBILITY, bytes, claim, jobs, jobs_at, new_job, owner, policy, receive, receiver,
    state, submit,
};
use crate::job::{Failure, FailureClass, State};
use crate::service::{Claim, Settled};

/// A submitted job whose message is gone gets another one from the sweep.
pub async fn a_lost_message_is_sent_again<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    for delivery in receive(h, 10).await {
        receiver(h).ack(delivery.receipt).await.unwrap();
    }
    assert!(receive(h, 10).await.is_empty());
    assert_eq!(jobs.sweep().await.unwrap().resent, 0, "not overdue yet");
    h.advance(jobs.policy().resend_after + Duration::from_millis(100)).await;
    assert_eq!(jobs.sweep().await.unwrap().resent, 1);
    assert_eq!(receive(h, 10).await.len(), 1);
    assert_eq!(jobs.sweep().await.unwrap().resent, 0, "the next look is in its own time");
    assert_eq!(claim(&jobs, job.id()).await.status.attempt, 1);
}

/// A running job whose worker died is tried again, with a message of its own.
pub async fn a_dead_worker_is_replaced<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    for delivery in receive(h, 10).await {
        receiver(h).ack(delivery.receipt).await.unwrap(); // the message died with its worker
    }
    let lost = claim(&jobs, job.id()).await;
    assert!(matches!(jobs.claim(job.id()).await.unwrap(), Claim::Wait(_)), "leased");
    h.advance(policy().lease + Duration::from_millis(100)).await;
    assert_eq!(jobs.sweep().await.unwrap().reclaimed, 1);
    h.advance(policy().backoff_cap).await;
    assert_eq!(receive(h, 10).await.len(), 1);
    let second = claim(&jobs, job.id()).await;
    assert_eq!((second.status.attempt, second.status.lost_workers), (2, 1));
    assert_eq!(jobs.heartbeat(&lost).await.unwrap(), Settled::Stale);
    assert!(matches!(jobs.finish(&second, bytes("r")).await.unwrap(), Settled::Done(_)));
}

/// A worker that meets the message of a job whose lease ran out does not need the sweep.
pub async fn an_unsettled_message_comes_back<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    let first = receive(h, 10).await;
    assert_eq!(first.iter().map(|d| d.receives).collect::<Vec<_>>(), [1]);
    claim(&jobs, job.id()).await;
    h.advance(VISIBILITY + Duration::from_millis(200)).await;
    let second = receive(h, 10).await;
    assert_eq!(second.iter().map(|d| d.receives).collect::<Vec<_>>(), [2]);
    let Claim::Wait(wait) = jobs.claim(job.id()).await.unwrap() else {
        panic!("the lost attempt is recorded, then waits");
    };
    assert!(wait <= policy().backoff_cap);
    h.advance(policy().backoff_cap).await;
    assert_eq!(claim(&jobs, job.id()).await.status.lost_workers, 1);
}

/// Leases and start times that a clock wrote which was ahead, by minutes or by days, hold no job for
/// longer than if it had not been: the sweep brings them into range.
pub async fn leases_and_waits_from_before_a_clock_jump_heal<H: Harness>(h: &mut H) {
    for ahead in [Duration::from_secs(60), Duration::from_secs(600), Duration::from_secs(48 * 3600)] {
        let before = jobs_at(h, Arc::new(SkewedClock::new(h.clock(), ahead)));
        let leased = submit(&before).await;
        claim(&before, leased.id()).await;
        let delay = Duration::from_secs(5);
        let waiting = before.submit(&owner(), new_job(), delay, None).await.unwrap().value;
        let failed = submit(&before).await;
        let attempt = claim(&before, failed.id()).await;
        let error = Failure::new(FailureClass::System, "before the jump");
        before.retry(&attempt, error).await.unwrap();

        let jobs = jobs(h);
        let swept = jobs.sweep().await.unwrap();
        assert_eq!((swept.healed, swept.reclaimed), (1, 0), "{ahead:?}");
        assert_eq!(claim(&jobs, waiting.id()).await.status.attempt, 1, "{ahead:?}");
        assert_eq!(claim(&jobs, failed.id()).await.status.attempt, 2, "{ahead:?}");
        for id in [waiting.id(), failed.id()] {
            assert!(jobs.delete(&owner(), id).await.unwrap());
        }
        h.advance(policy().lease + Duration::from_millis(100)).await;
        jobs.sweep().await.unwrap();
        h.advance(policy().backoff_cap).await;
        assert_eq!(claim(&jobs, leased.id()).await.status.attempt, 2, "{ahead:?}");
        assert!(jobs.delete(&owner(), leased.id()).await.unwrap());
    }
}

/// Many sweeps at once repair each job once.
pub async fn sweeps_do_not_disturb_each_other<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let mut ids = Vec::new();
    for _ in 0..5 {
        let job = submit(&jobs).await;
        claim(&jobs, job.id()).await;
        ids.push(job.id());
    }
    h.advance(policy().lease + Duration::from_millis(100)).await;
    let swept = futures::future::join_all((0..4).map(|_| jobs.sweep())).await;
    let reclaimed: usize = swept.into_iter().map(|s| s.unwrap().reclaimed).sum();
    assert_eq!(reclaimed, 5);
    for id in ids {
        let job = jobs.find(&owner(), id).await.unwrap();
        assert_eq!((job.state(), job.status.lost_workers), (State::Submitted, 1));
    }
}

/// A worker that keeps its heartbeat keeps the job for as long as it needs.
pub async fn a_heartbeat_keeps_the_job<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let id = submit(&jobs).await.id();
    let mut running = claim(&jobs, id).await;
    for _ in 0..3 {
        h.advance(policy().heartbeat * 2).await;
        let Settled::Done(extended) = jobs.heartbeat(&running).await.unwrap() else {
            panic!("still ours");
        };
        running.job = extended;
        assert_eq!(jobs.sweep().await.unwrap().reclaimed, 0);
    }
    assert!(jobs.still_ours(&running).await.unwrap());
    assert!(matches!(jobs.finish(&running, bytes("r")).await.unwrap(), Settled::Done(_)));
    assert_eq!(state(&jobs, id).await, State::Finished);
}

/// Jobs that only wait longer than a message may take are sent again ever more rarely, and a dead
/// worker's job is found among them in one sweep.
pub async fn a_backlog_that_waits_hides_no_dead_worker<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let records = (0..40).map(|_| Ok(new_job())).collect();
    let batch = jobs.submit_batch(&owner(), records, None).await.unwrap().value;
    let mut resent = 0;
    for _ in 0..7 {
        h.advance(jobs.policy().resend_after).await;
        h.advance(Duration::from_millis(100)).await;
        resent += jobs.sweep().await.unwrap().resent;
    }
    assert!((40..=120).contains(&resent), "sent again {resent} times, and not 280 at 7 sweeps");
    let held = claim(&jobs, batch.jobs().last().unwrap()).await;
    h.advance(policy().lease + Duration::from_millis(100)).await;
    assert_eq!(jobs.sweep().await.unwrap().reclaimed, 1);
    assert_eq!(jobs.heartbeat(&held).await.unwrap(), Settled::Stale);
}
