//! The queue, its receiver, and wake-ups.

use std::collections::HashSet;
use std::time::Duration;

use crate::contract::{
    Harness, VISIBILITY, bytes, claim, jobs, named, new_job, owner, policy, receive, receiver, submit,
};
use crate::id::JobId;
use crate::job::{Failure, FailureClass, State};
use crate::message::Message;
use crate::ports::{Delivery, Include};
use crate::service::{Claim, Jobs, Settled};

/// A message with a delay is not delivered before its time, and an early claim of the job is refused.
pub async fn delayed_messages_wait<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let delay = Duration::from_secs(2);
    let job = jobs.submit(&owner(), new_job(), delay, None).await.unwrap().value;
    assert!(receive(h, 10).await.is_empty());
    assert!(matches!(jobs.claim(job.id()).await.unwrap(), Claim::Wait(wait) if wait <= delay));
    h.advance(delay + Duration::from_millis(100)).await;
    assert_eq!(receive(h, 10).await.len(), 1);
    claim(&jobs, job.id()).await;
}

/// A receive returns at most as many messages as were asked for. No message is delivered twice while it is
/// hidden, and in the end every message is delivered.
pub async fn receive_takes_no_more_than_asked<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let mut made = HashSet::new();
    for _ in 0..7 {
        made.insert(submit(&jobs).await.id());
    }
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let deliveries = receive(h, 3).await;
        assert!(deliveries.len() <= 3);
        for delivery in deliveries {
            let id: JobId = Message::decode(&delivery.body).unwrap().job;
            assert!(seen.insert(id), "{id} was delivered twice while hidden");
            receiver(h).ack(delivery.receipt).await.unwrap();
        }
        if seen.len() == made.len() {
            break;
        }
    }
    assert_eq!(seen, made);
    h.advance(VISIBILITY + Duration::from_millis(100)).await;
    assert!(receive(h, 10).await.is_empty(), "acknowledged messages are gone");
}

/// A retried message is hidden for the given time and is then delivered again.
pub async fn retry_comes_back_later<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    submit(&jobs).await;
    let delivery = receive(h, 1).await.pop().unwrap();
    receiver(h).retry(delivery.receipt, Duration::from_secs(2)).await.unwrap();
    assert!(receive(h, 1).await.is_empty());
    h.advance(Duration::from_millis(2100)).await;
    let again = receive(h, 1).await.pop().expect("it came back");
    assert_eq!(again.receives, 2);
}

/// An old receipt of a message that was delivered again settles nothing.
pub async fn a_stale_receipt_settles_nothing<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    submit(&jobs).await;
    let first = receive(h, 1).await.pop().unwrap();
    h.advance(VISIBILITY + Duration::from_millis(200)).await;
    let second = receive(h, 1).await.pop().expect("the visibility timeout has passed");
    receiver(h).ack(first.receipt).await.unwrap();
    receiver(h).retry(second.receipt, Duration::ZERO).await.unwrap();
    let third = receive(h, 1).await.pop().expect("the stale receipt deleted nothing");
    receiver(h).ack(third.receipt).await.unwrap();
    h.advance(VISIBILITY + Duration::from_millis(200)).await;
    assert!(receive(h, 1).await.is_empty());
}

/// A worker that needs more time extends the visibility timeout of its message.
pub async fn extending_hides_the_message<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    submit(&jobs).await;
    let delivery = receive(h, 1).await.pop().unwrap();
    for _ in 0..2 {
        h.advance(VISIBILITY - Duration::from_secs(1)).await;
        assert!(receiver(h).extend(&delivery.receipt, VISIBILITY).await.unwrap());
        assert!(receive(h, 1).await.is_empty());
    }
    receiver(h).ack(delivery.receipt).await.unwrap();
}

/// A caller that waits for a job is woken when the job ends.
pub async fn waiting_is_woken_by_the_finish<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    let waiter = {
        let (jobs, id) = (jobs.clone(), job.id());
        tokio::spawn(async move { jobs.wait(&owner(), id, Duration::from_mins(5)).await.unwrap().state() })
    };
    let running = claim(&jobs, job.id()).await;
    jobs.finish(&running, bytes("r")).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(30), waiter).await;
    assert_eq!(waited.expect("woken long before the time-out of the wait").unwrap(), State::Finished);
    let short = jobs.wait(&owner(), submit(&jobs).await.id(), Duration::from_millis(50)).await.unwrap();
    assert_eq!(short.state(), State::Submitted, "a wait that runs out returns the state as it is");
}

/// A change between the start of a watch and the wait is not missed. A deletion is seen too.
pub async fn watching_sees_a_change_made_before_waiting<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    let mut watcher = jobs.watch(job.id());
    jobs.cancel(&owner(), job.id()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), watcher.changed()).await.expect("the cancel is seen");
    let mut watcher = jobs.watch(job.id());
    jobs.delete(&owner(), job.id()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), watcher.changed()).await.expect("the delete is seen");
}

/// A backlog is received in batches of the requested size, and every job is done exactly once.
pub async fn a_backlog_drains_in_bounded_batches<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let records: Vec<_> = (0..250).map(|i| named(&format!("job {i}"))).collect();
    let batch = jobs.submit_batch(&owner(), records, None).await.unwrap().value;
    let mut finished = HashSet::new();
    loop {
        let deliveries = receive(h, 50).await;
        assert!(deliveries.len() <= 50);
        if deliveries.is_empty() {
            break;
        }
        for delivery in deliveries {
            let id = Message::decode(&delivery.body).unwrap().job;
            let running = claim(&jobs, id).await;
            jobs.finish(&running, bytes("r")).await.unwrap();
            receiver(h).ack(delivery.receipt).await.unwrap();
            assert!(finished.insert(id));
        }
    }
    assert_eq!(finished, batch.jobs().collect());
}

/// If a delivery includes the job, it is the stored job with its request.
pub async fn a_delivery_includes_its_job<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    let delivery = receive(h, 1).await.pop().unwrap();
    let Some(record) = delivery.record else {
        assert!(!jobs.settles_messages(), "a queue in the same store as the jobs can read them");
        return;
    };
    let stored = jobs.find_with(&owner(), job.id(), Include::REQUEST).await.unwrap();
    assert_eq!(*record, stored);
    let Claim::Claimed(running) = jobs.claim_known(*record.clone()).await.unwrap() else {
        panic!("the job could not be claimed");
    };
    assert_eq!(running.status.attempt, 1);
    // The record that was read before the claim is out of date now. The claim reads the job again.
    assert!(matches!(jobs.claim_known(*record).await.unwrap(), Claim::Wait(_)));
    jobs.delete(&owner(), job.id()).await.unwrap();
    assert_eq!(jobs.claim_known(stored).await.unwrap(), Claim::Missing);
}

/// If transitions settle messages, a terminal state deletes the message of the job, and a retry replaces it,
/// also while it is delivered. Otherwise the worker settles the message by its receipt.
pub async fn the_last_step_settles_the_message<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    if !jobs.settles_messages() {
        return settle_by_receipt(h, &jobs).await;
    }
    for n in 0..4 {
        let job = submit(&jobs).await;
        let held = receive(h, 10).await.pop().expect("its message");
        let running = claim(&jobs, job.id()).await;
        match n {
            0 => drop(jobs.finish(&running, bytes("r")).await.unwrap()),
            1 => drop(jobs.fail(&running, Failure::new(FailureClass::Input, "no")).await.unwrap()),
            2 => drop(jobs.cancel(&owner(), job.id()).await.unwrap()),
            _ => {
                jobs.retry(&running, Failure::new(FailureClass::Method, "broke")).await.unwrap();
                let again = after(h, policy().backoff_cap).await;
                assert_eq!(again.len(), 1, "it comes again after its back-off");
                receiver(h).ack(held.receipt).await.unwrap();
                h.advance(VISIBILITY + Duration::from_millis(200)).await;
                assert_eq!(receive(h, 10).await.len(), 1, "a stale receipt deletes nothing");
                continue;
            }
        }
        assert!(after(h, VISIBILITY).await.is_empty(), "step {n} left a message");
    }
}

/// The messages that are delivered after `pause`.
async fn after<H: Harness>(h: &H, pause: Duration) -> Vec<Delivery> {
    h.advance(pause + Duration::from_millis(200)).await;
    receive(h, 10).await
}

async fn settle_by_receipt<H: Harness>(h: &H, jobs: &Jobs) {
    let job = submit(jobs).await;
    let held = receive(h, 10).await.pop().expect("its message");
    let running = claim(jobs, job.id()).await;
    jobs.finish(&running, bytes("r")).await.unwrap();
    drop(held);
    let again = after(h, VISIBILITY).await.pop().expect("an unsettled message comes again");
    receiver(h).ack(again.receipt).await.unwrap();
    assert!(after(h, VISIBILITY).await.is_empty());
}

/// A record that a delivery brought may be old: a lease that looks expired in it and was extended since is not
/// taken from its worker.
pub async fn an_old_record_takes_no_lease<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let id = submit(&jobs).await.id();
    let mut running = claim(&jobs, id).await;
    let old = jobs.find_with(&owner(), id, Include::REQUEST).await.unwrap();
    for _ in 0..3 {
        h.advance(policy().heartbeat * 2).await;
        let Settled::Done(extended) = jobs.heartbeat(&running).await.unwrap() else { panic!("it runs") };
        running.job = extended;
    }
    // Now the old record's lease has run out.
    assert!(matches!(jobs.claim_known(old).await.unwrap(), Claim::Wait(_)));
    let job = jobs.find(&owner(), id).await.unwrap();
    assert_eq!((job.state(), job.status.lost_workers), (State::Running, 0));
    assert!(matches!(jobs.finish(&running, bytes("r")).await.unwrap(), Settled::Done(_)));
}
