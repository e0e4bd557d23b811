//! Owners take turns.

use std::time::Duration;

use crate::contract::{Harness, claim, jobs, new_job, receive, receiver};
use crate::id::Owner;
use crate::message::Message;
use crate::service::{Jobs, NewJob};

/// Jobs of the owner that has a backlog.
const BACKLOG: usize = 120;

async fn submit_as(jobs: &Jobs, owner: &Owner, count: usize) {
    let records: Vec<_> = (0..count).map(|_| Ok::<NewJob, _>(new_job())).collect();
    jobs.submit_batch(owner, records, None).await.unwrap();
}

/// Receives one message, claims its job and acknowledges the message. Returns the owner of the job.
async fn next_owner<H: Harness>(h: &H, jobs: &Jobs) -> Owner {
    let delivery = receive(h, 1).await.pop().expect("a message");
    let job = claim(jobs, Message::decode(&delivery.body).unwrap().job).await;
    receiver(h).ack(delivery.receipt).await.unwrap();
    job.head.owner.clone()
}

async fn next_owners<H: Harness>(h: &H, jobs: &Jobs, count: usize) -> Vec<Owner> {
    let mut owners = Vec::with_capacity(count);
    for _ in 0..count {
        owners.push(next_owner(h, jobs).await);
    }
    owners
}

/// While one owner has a backlog, a job of another owner waits for at most one job of it.
pub async fn a_backlog_does_not_delay_other_owners<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let (busy, second, third) = (Owner::new("busy"), Owner::new("second"), Owner::new("third"));
    submit_as(&jobs, &busy, BACKLOG).await;
    assert_eq!(next_owners(h, &jobs, 3).await, [busy.clone(), busy.clone(), busy.clone()]);
    submit_as(&jobs, &second, 1).await;
    let next = next_owners(h, &jobs, 2).await;
    assert!(next.contains(&second), "after at most one job of the owner with the backlog: {next:?}");
    // Three owners have waiting jobs: each has its turn in every round.
    submit_as(&jobs, &second, 3).await;
    submit_as(&jobs, &third, 3).await;
    let next = next_owners(h, &jobs, 9).await;
    for owner in [&busy, &second, &third] {
        let jobs = next.iter().filter(|next| *next == owner).count();
        assert!((2..=4).contains(&jobs), "{owner:?} has {jobs} of nine turns: {next:?}");
    }
}

/// A job with a delay waits for its turn from the time when it is due, not from its submission.
pub async fn delayed_jobs_take_turns_too<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let (busy, second) = (Owner::new("busy"), Owner::new("second"));
    let delay = Duration::from_secs(2);
    for _ in 0..5 {
        jobs.submit(&busy, new_job(), delay, None).await.unwrap();
    }
    h.advance(delay + Duration::from_millis(1100)).await;
    assert_eq!(next_owner(h, &jobs).await, busy);
    submit_as(&jobs, &second, 1).await;
    let next = next_owners(h, &jobs, 2).await;
    assert!(next.contains(&second), "{next:?}");
}

/// A message that is delivered again is not behind the whole backlog of its owner.
pub async fn a_second_delivery_waits_for_no_turn<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    submit_as(&jobs, &Owner::new("busy"), BACKLOG / 2).await;
    let first = receive(h, 1).await.pop().unwrap();
    let body = first.body.clone();
    receiver(h).retry(first.receipt, Duration::ZERO).await.unwrap();
    let mut seen = 0;
    loop {
        let delivery = receive(h, 1).await.pop().expect("the message comes back");
        if delivery.body == body {
            break;
        }
        seen += 1;
        assert!(seen <= 10, "other messages of the owner came first");
        receiver(h).ack(delivery.receipt).await.unwrap();
    }
}
