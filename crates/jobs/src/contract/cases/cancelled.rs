//! Promise 5: cancelled stays cancelled, deleted stays deleted.

use std::time::Duration;

use crate::contract::{Harness, all_of, bytes, claim, jobs, owner, policy, receive, receiver, state, submit};
use crate::job::{Failure, FailureClass, State};
use crate::service::{Claim, JobsError, Settled};

/// No worker, sweep or late message changes a cancelled job.
pub async fn cancelled_stays_cancelled<H: Harness>(h: &mut H) {
    let (jobs, who) = (jobs(h), owner());
    let waiting = submit(&jobs).await;
    let running = submit(&jobs).await;
    let attempt = claim(&jobs, running.id()).await;
    for id in [waiting.id(), running.id()] {
        let (one, two) = tokio::join!(jobs.cancel(&who, id), jobs.cancel(&who, id));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!((one.value.state(), two.value.state()), (State::Cancelled, State::Cancelled));
        assert_ne!(one.replayed, two.replayed, "exactly one of two concurrent calls cancels the job");
        assert!(jobs.cancel(&who, id).await.unwrap().replayed, "again is fine");
    }
    assert!(!jobs.still_ours(&attempt).await.unwrap());
    assert_eq!(jobs.finish(&attempt, bytes("late")).await.unwrap(), Settled::Stale);
    let error = Failure::new(FailureClass::System, "late");
    assert_eq!(jobs.retry(&attempt, error).await.unwrap(), Settled::Stale);
    h.advance(policy().lease * 2).await;
    let swept = jobs.sweep().await.unwrap();
    assert_eq!((swept.resent, swept.reclaimed, swept.buried), (0, 0, 0));
    for id in [waiting.id(), running.id()] {
        assert_eq!(jobs.claim(id).await.unwrap(), Claim::Settled(State::Cancelled));
        assert_eq!(state(&jobs, id).await, State::Cancelled);
        assert!(jobs.result(id).await.is_err());
    }
}

/// A deleted job stays deleted, whatever state it was in. Its result and dead letter are deleted too.
pub async fn deleted_stays_deleted<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let waiting = submit(&jobs).await;
    let running = claim(&jobs, submit(&jobs).await.id()).await;
    let finished = claim(&jobs, submit(&jobs).await.id()).await;
    jobs.finish(&finished, bytes("r")).await.unwrap();
    let failed = claim(&jobs, submit(&jobs).await.id()).await;
    jobs.fail(&failed, Failure::new(FailureClass::Input, "no")).await.unwrap();
    let ids = [waiting.id(), running.id(), finished.id(), failed.id()];
    for id in ids {
        assert!(jobs.delete(&owner(), id).await.unwrap());
        assert!(!jobs.delete(&owner(), id).await.unwrap(), "again is fine");
    }
    assert_eq!(jobs.finish(&running, bytes("late")).await.unwrap(), Settled::Stale);
    assert_eq!(jobs.heartbeat(&running).await.unwrap(), Settled::Stale);
    h.advance(policy().lease * 2).await;
    jobs.sweep().await.unwrap();
    for delivery in receive(h, 10).await {
        receiver(h).ack(delivery.receipt).await.unwrap();
    }
    for id in ids {
        assert_eq!(jobs.claim(id).await.unwrap(), Claim::Missing);
        assert!(matches!(jobs.find(&owner(), id).await, Err(JobsError::NotFound)));
        assert!(jobs.result(id).await.is_err());
    }
    assert!(jobs.list(&all_of(owner(), 10)).await.unwrap().items.is_empty());
    assert!(jobs.dead_letters(None, 10).await.unwrap().items.is_empty());
    assert_eq!(jobs.depth().await.unwrap(), crate::Depth::default());
}

/// Deleting a job affects no other job, and no owner can cancel or delete a job of another owner.
pub async fn deleting_one_job_affects_no_other<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let stays = submit(&jobs).await;
    let goes = submit(&jobs).await;
    let other = crate::Owner::new("someone else");
    assert!(!jobs.delete(&other, stays.id()).await.unwrap());
    assert!(matches!(jobs.cancel(&other, stays.id()).await, Err(JobsError::NotFound)));
    assert!(jobs.delete(&owner(), goes.id()).await.unwrap());
    assert_eq!(jobs.find(&owner(), stays.id()).await.unwrap(), stays);
    h.advance(Duration::from_millis(10)).await;
    let running = claim(&jobs, stays.id()).await;
    assert!(matches!(jobs.finish(&running, bytes("r")).await.unwrap(), Settled::Done(_)));
}
