//! Promise 2: no job is stuck.

use std::sync::Arc;
use std::time::Duration;

use crate::contract::{
    Harness, SkewedClock, VISIBILITY, bytes, claim, jobs, jobs_at, new_job, owner, policy, receive, receiver,
    state, submit,
};
use crate::job::{Failure, FailureClass, State};
use crate::service::{Claim, Settled};

/// A submitted job has lost its message. The sweep sends another one.
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
    assert_eq!(jobs.sweep().await.unwrap().resent, 0, "the job is not due again yet");
    assert_eq!(claim(&jobs, job.id()).await.status.attempt, 1);
}

/// A running job has lost its worker. The sweep returns it to the queue with a new message, and another attempt
/// starts.
pub async fn a_lost_worker_is_replaced<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    for delivery in receive(h, 10).await {
        receiver(h).ack(delivery.receipt).await.unwrap(); // the message is gone too
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

/// A worker that receives the message of a job with an expired lease records the lost worker. No sweep is
/// needed.
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
        panic!("the claim did not record the lost worker and return the back-off");
    };
    assert!(wait <= policy().backoff_cap);
    h.advance(policy().backoff_cap).await;
    assert_eq!(claim(&jobs, job.id()).await.status.lost_workers, 1);
}

/// The clock was ahead, by minutes or by days, when leases and start times were written. They delay no job for
/// longer than the right times would: the sweep corrects them.
pub async fn leases_and_waits_from_before_a_clock_jump_are_corrected<H: Harness>(h: &mut H) {
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

/// Many concurrent sweeps repair each job once.
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

/// A worker that sends heartbeats keeps the job for as long as it needs.
pub async fn a_heartbeat_keeps_the_job<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let id = submit(&jobs).await.id();
    let mut running = claim(&jobs, id).await;
    for _ in 0..3 {
        h.advance(policy().heartbeat * 2).await;
        let Settled::Done(extended) = jobs.heartbeat(&running).await.unwrap() else {
            panic!("the lease was lost");
        };
        running.job = extended;
        assert_eq!(jobs.sweep().await.unwrap().reclaimed, 0);
    }
    assert!(jobs.still_ours(&running).await.unwrap());
    assert!(matches!(jobs.finish(&running, bytes("r")).await.unwrap(), Settled::Done(_)));
    assert_eq!(state(&jobs, id).await, State::Finished);
}

/// A job that waits in a long backlog is sent again at growing intervals. One sweep finds the job of a lost
/// worker among many such jobs.
pub async fn a_long_backlog_does_not_hide_a_lost_worker<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let records: Vec<_> = (0..40).map(|_| new_job()).collect();
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

/// The clock of one machine is a minute ahead, or behind. Its sweeps take no job from a worker whose heartbeats
/// arrive, its own jobs are not taken either, and a job that it submits starts at once.
pub async fn a_wrong_clock_ends_no_healthy_job<H: Harness>(h: &mut H) {
    let right = jobs(h);
    let minute = Duration::from_mins(1);
    let (ahead, behind) = (SkewedClock::new(h.clock(), minute), SkewedClock::behind(h.clock(), minute));
    for (clock, correction) in [(ahead, -60_000), (behind, 60_000)] {
        let wrong = jobs_at(h, Arc::new(clock));
        let corrected = wrong.compare_clocks().await.unwrap();
        assert!((corrected - correction).abs() < 2_000, "{corrected} ms instead of about {correction}");
        let (healthy, theirs) = (submit(&right).await, submit(&wrong).await);
        let (first, second) = (claim(&right, healthy.id()).await, claim(&wrong, theirs.id()).await);
        for _ in 0..3 {
            h.advance(policy().heartbeat).await;
            assert!(matches!(right.heartbeat(&first).await.unwrap(), Settled::Done(_)));
            assert!(matches!(wrong.heartbeat(&second).await.unwrap(), Settled::Done(_)));
            for jobs in [&wrong, &right] {
                let swept = jobs.sweep().await.unwrap();
                assert_eq!((swept.reclaimed, swept.buried, swept.healed), (0, 0, 0), "{swept:?}");
            }
        }
        for (jobs, job) in [(&right, &first), (&wrong, &second)] {
            assert!(matches!(jobs.finish(job, bytes("r")).await.unwrap(), Settled::Done(_)));
        }
    }
}
