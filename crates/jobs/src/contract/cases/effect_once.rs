//! Promise 3: one effect. A message is delivered at least once; a job finishes at most once.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;

use crate::contract::faults::Faulty;
use crate::contract::{Harness, bytes, claim, jobs, owner, policy, receive, receiver, state, submit};
use crate::job::{Failure, FailureClass, State};
use crate::message::Message;
use crate::service::{Claim, Jobs, Settled};

/// A message that is delivered twice runs the job once.
pub async fn duplicate_delivery_is_harmless<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    h.backend().queue.send(&Message::new(job.id()), Duration::ZERO).await.unwrap();
    let running = claim(&jobs, job.id()).await;
    assert!(matches!(jobs.claim(job.id()).await.unwrap(), Claim::Wait(_)));
    jobs.finish(&running, bytes("once")).await.unwrap();
    for delivery in receive(h, 10).await {
        assert_eq!(jobs.claim(job.id()).await.unwrap(), Claim::Settled(State::Finished));
        receiver(h).ack(delivery.receipt).await.unwrap();
    }
    assert_eq!(jobs.result(job.id()).await.unwrap(), "once");
    assert_eq!(jobs.find(&owner(), job.id()).await.unwrap().status.attempt, 1);
}

/// Many workers claim the same job at once: exactly one succeeds.
pub async fn concurrent_claims_have_one_winner<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    let tasks = (0..16).map(|_| {
        let jobs = jobs.clone();
        let id = job.id();
        tokio::spawn(async move { jobs.claim(id).await.unwrap() })
    });
    let claims = join_all(tasks).await;
    let won = claims.iter().filter(|c| matches!(c, Ok(Claim::Claimed(_)))).count();
    assert_eq!(won, 1, "{claims:?}");
    assert_eq!(jobs.find(&owner(), job.id()).await.unwrap().status.attempt, 1);
}

/// Only the first finish counts. The result never changes after it.
pub async fn a_job_finishes_once<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    let running = claim(&jobs, job.id()).await;
    assert!(matches!(jobs.finish(&running, bytes("first")).await.unwrap(), Settled::Done(_)));
    let finished = jobs.find(&owner(), job.id()).await.unwrap();
    let late = Failure::new(FailureClass::System, "late");
    assert_eq!(jobs.finish(&running, bytes("second")).await.unwrap(), Settled::Stale);
    assert_eq!(jobs.retry(&running, late.clone()).await.unwrap(), Settled::Stale);
    assert_eq!(jobs.fail(&running, late).await.unwrap(), Settled::Stale);
    assert_eq!(jobs.release(&running).await.unwrap(), Settled::Stale);
    assert_eq!(jobs.result(job.id()).await.unwrap(), "first");
    assert_eq!(jobs.find(&owner(), job.id()).await.unwrap(), finished);
    assert!(jobs.cancel(&owner(), job.id()).await.is_err());
}

/// A worker whose lease has expired cannot settle the job, neither while nobody holds it nor during or after
/// the next attempt.
pub async fn a_stale_worker_cannot_finish_a_later_attempt<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    let sleeper = claim(&jobs, job.id()).await;
    h.advance(policy().lease + Duration::from_millis(100)).await;
    jobs.sweep().await.unwrap();
    assert_eq!(jobs.finish(&sleeper, bytes("stale")).await.unwrap(), Settled::Stale);
    h.advance(policy().backoff_cap).await;
    let second = claim(&jobs, job.id()).await;
    assert_eq!(jobs.finish(&sleeper, bytes("stale")).await.unwrap(), Settled::Stale);
    assert!(jobs.result(job.id()).await.is_err(), "a rejected result is not stored");
    jobs.finish(&second, bytes("good")).await.unwrap();
    assert_eq!(jobs.finish(&sleeper, bytes("stale")).await.unwrap(), Settled::Stale);
    assert_eq!(jobs.result(job.id()).await.unwrap(), "good");
}

/// A finish and a cancellation at the same time: exactly one succeeds, and the job shows which.
pub async fn finish_and_cancel_race_to_one_outcome<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    for _ in 0..8 {
        let job = submit(&jobs).await;
        let running = claim(&jobs, job.id()).await;
        let (who, id) = (owner(), job.id());
        let (finish, cancel) = tokio::join!(jobs.finish(&running, bytes("r")), jobs.cancel(&who, id));
        match (finish.unwrap(), cancel) {
            (Settled::Done(_), Err(_)) => assert_eq!(state(&jobs, job.id()).await, State::Finished),
            (Settled::Stale, Ok(_)) => {
                assert_eq!(state(&jobs, job.id()).await, State::Cancelled);
                assert!(jobs.result(job.id()).await.is_err());
            }
            both => panic!("both succeeded or neither did: {both:?}"),
        }
    }
}

/// A reader that sees the state `finished` can read the result.
pub async fn result_and_state_appear_together<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let large = Bytes::from(vec![7_u8; 100_000]);
    for _ in 0..5 {
        let job = submit(&jobs).await;
        let running = claim(&jobs, job.id()).await;
        let reader = {
            let (jobs, id) = (jobs.clone(), job.id());
            tokio::spawn(async move {
                while state(&jobs, id).await != State::Finished {
                    tokio::task::yield_now().await;
                }
                jobs.result(id).await.unwrap().len()
            })
        };
        jobs.finish(&running, large.clone()).await.unwrap();
        assert_eq!(reader.await.unwrap(), large.len());
    }
}

/// A claim takes effect although its response is lost. It succeeds, and costs no further attempt and no lost
/// worker.
pub async fn a_claim_with_a_lost_response_succeeds<H: Harness>(h: &mut H) {
    let sound = jobs(h);
    let job = submit(&sound).await;
    let unlucky = Jobs::new(Faulty::losing_answers(&h.backend(), 1), h.clock(), policy()).unwrap();
    let running = claim(&unlucky, job.id()).await;
    assert_eq!((running.status.attempt, running.status.lost_workers), (1, 0));
    assert!(
        matches!(sound.claim(job.id()).await.unwrap(), Claim::Wait(_)),
        "other workers see that the job is leased"
    );
    assert!(matches!(unlucky.finish(&running, bytes("r")).await.unwrap(), Settled::Done(_)));
}
