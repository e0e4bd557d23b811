//! Promise 4: a poison message or job does limited harm.

use std::time::Duration;

use crate::contract::{Harness, bytes, claim, jobs, owner, policy, receive, receiver, submit};
use crate::id::JobId;
use crate::job::{AttemptError, Failure, FailureClass, Job, Phase, State, Status};
use crate::service::{Claim, Jobs, Settled};

fn broken() -> Failure {
    Failure::new(FailureClass::Method, "the engine broke")
}

async fn fail_all_attempts<H: Harness>(h: &H, jobs: &Jobs, id: JobId) -> Job {
    for _ in 0..policy().max_failures {
        let running = claim(jobs, id).await;
        let Settled::Done(_) = jobs.retry(&running, broken()).await.unwrap() else {
            panic!("the attempt had lost its lease");
        };
        h.advance(policy().backoff_cap).await;
    }
    jobs.find(&owner(), id).await.unwrap()
}

/// After the last attempt the job is failed, with a reason, and is listed as a dead letter.
pub async fn poison_ends_in_the_dead_letters<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    let dead = fail_all_attempts(h, &jobs, job.id()).await;
    let Phase::Failed { error, .. } = &dead.status.phase else {
        panic!("failed after its last attempt, not {}", dead.state());
    };
    assert_eq!(error.class, FailureClass::Method);
    assert_eq!(error.detail, "the engine broke (attempt 3 of 3)");
    assert_eq!(dead.status.attempt, policy().max_failures);
    assert!(dead.status.expires_at.is_some());
    let letters = jobs.dead_letters(None, 10).await.unwrap();
    assert_eq!(letters.items.len(), 1);
    assert_eq!((letters.items[0].job, &letters.items[0].reason), (Some(job.id()), &error.detail));
    assert_eq!(jobs.claim(job.id()).await.unwrap(), Claim::Settled(State::Failed));
}

/// A job that crashes its workers gets fewer attempts than one that only fails, and its error says so.
pub async fn lost_workers_are_counted_separately<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    let running = claim(&jobs, job.id()).await;
    jobs.retry(&running, broken()).await.unwrap();
    for _ in 0..policy().max_lost_workers {
        h.advance(policy().backoff_cap).await;
        claim(&jobs, job.id()).await;
        h.advance(policy().lease + Duration::from_millis(100)).await;
        jobs.sweep().await.unwrap();
    }
    let dead = jobs.find(&owner(), job.id()).await.unwrap();
    assert_eq!((dead.state(), dead.status.failures, dead.status.lost_workers), (State::Failed, 1, 2));
    let letters = jobs.dead_letters(None, 10).await.unwrap().items;
    assert_eq!(letters[0].reason, "the worker was lost 2 times while running this job");
}

/// An operator redrives a dead letter: the same job starts again with its counts at zero, and can finish.
pub async fn a_dead_letter_is_sent_again<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    for delivery in receive(h, 10).await {
        receiver(h).ack(delivery.receipt).await.unwrap();
    }
    let dead = fail_all_attempts(h, &jobs, job.id()).await;
    jobs.redrive(job.id()).await.unwrap();
    assert!(jobs.dead_letters(None, 10).await.unwrap().items.is_empty());
    assert!(jobs.redrive(job.id()).await.is_err(), "only a failed job is sent again");
    assert_eq!(receive(h, 10).await.len(), 1);
    let running = claim(&jobs, job.id()).await;
    assert_eq!((running.status.attempt, running.status.failures), (dead.status.attempt + 1, 0));
    assert!(matches!(jobs.finish(&running, bytes("r")).await.unwrap(), Settled::Done(_)));
    h.advance(policy().ttl / 2).await;
    assert_eq!(jobs.result(job.id()).await.unwrap(), "r");
}

/// A message that cannot be decoded is kept for the operator. It belongs to no job, and can be discarded.
pub async fn foreign_messages_are_kept_separately<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    h.inject("not ours: \u{1F980}\n").await;
    let deliveries = receive(h, 10).await;
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].body, "not ours: \u{1F980}\n");
    for delivery in deliveries {
        jobs.bury(delivery.body.clone(), "undecodable".to_owned()).await.unwrap();
        receiver(h).ack(delivery.receipt).await.unwrap();
    }
    h.advance(crate::contract::VISIBILITY).await;
    assert!(receive(h, 10).await.is_empty());
    let letters = jobs.dead_letters(None, 10).await.unwrap().items;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].job, letters[0].body.as_deref()), (None, Some("not ours: \u{1F980}\n")));
    assert!(jobs.discard(letters[0].id).await.unwrap());
    assert!(!jobs.discard(letters[0].id).await.unwrap());
    assert!(jobs.dead_letters(None, 10).await.unwrap().items.is_empty());
}

/// The errors of the last few attempts are kept, also after a redrive.
pub async fn errors_of_attempts_are_kept<H: Harness>(h: &mut H) {
    let policy = crate::Policy { max_failures: 8, ..policy() };
    let jobs = Jobs::new(h.backend(), h.clock(), policy.clone()).unwrap();
    let id = submit(&jobs).await.id();
    for attempt in 1..=policy.max_failures {
        let running = claim(&jobs, id).await;
        let long = format!("attempt {attempt} broke: {}", "\"x\u{e9}".repeat(AttemptError::MAX_DETAIL));
        jobs.retry(&running, Failure::new(FailureClass::Method, long)).await.unwrap();
        h.advance(policy.backoff_cap).await;
    }
    h.reopen().await;
    let jobs = crate::contract::jobs(h);
    let dead = jobs.find(&owner(), id).await.unwrap();
    assert_eq!(dead.state(), State::Failed);
    let errors = &dead.status.errors;
    assert_eq!(errors.len(), Status::KEPT_ERRORS);
    for (error, attempt) in errors.iter().rev().zip((1..=policy.max_failures).rev()) {
        assert_eq!((error.attempt, error.class), (attempt, FailureClass::Method));
        assert!(error.detail.starts_with(&format!("attempt {attempt} broke: ")), "{error:?}");
        assert!(error.detail.len() <= AttemptError::MAX_DETAIL, "{} bytes", error.detail.len());
    }
    assert_eq!(jobs.redrive(id).await.unwrap().status.errors, *errors);
    let running = claim(&jobs, id).await;
    h.advance(crate::contract::policy().lease + Duration::from_millis(100)).await;
    jobs.sweep().await.unwrap();
    let lost = jobs.find(&owner(), id).await.unwrap().status.errors.pop().unwrap();
    assert_eq!((lost.attempt, lost.class), (running.status.attempt, FailureClass::System));
    assert_eq!(lost.detail, "the worker was lost: its lease ran out");
}
