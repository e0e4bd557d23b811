//! Behaviour of this queue beyond the contract: merging, receipts, a clock that jumps.

use std::time::Duration;

use pssp_backend_sqlite::Options;
use pssp_jobs::policy::MAX_DELAY;
use pssp_jobs::{JobQueue, JobReceiver, JobStore, Message, StoreError, Timestamp};

use crate::support::{Fixture, eventually, new_job, submit};

const VISIBILITY: Duration = Duration::from_secs(30);

async fn take(fixture: &Fixture) -> Vec<pssp_jobs::Delivery> {
    fixture.sqlite.receive(10, Duration::ZERO, VISIBILITY).await.unwrap()
}

#[tokio::test]
async fn sending_again_merges_with_the_message_that_waits() {
    let fixture = Fixture::new(Options::default());
    let message = Message::new(submit(&fixture.jobs()).await.id());
    for _ in 0..5 {
        fixture.sqlite.send(&message, Duration::from_secs(60)).await.unwrap();
    }
    let deliveries = take(&fixture).await;
    assert_eq!(deliveries.len(), 1, "the earliest time counts");
    assert_eq!(deliveries[0].receives, 1);
}

#[tokio::test]
async fn an_old_receipt_does_not_acknowledge_a_newer_message() {
    let fixture = Fixture::new(Options::default());
    let message = Message::new(submit(&fixture.jobs()).await.id());
    let old = take(&fixture).await.pop().unwrap();
    fixture.sqlite.send(&message, Duration::from_secs(10)).await.unwrap();
    assert!(fixture.sqlite.extend(&old.receipt, VISIBILITY).await.unwrap(), "the receipt is still valid");
    fixture.sqlite.ack(old.receipt).await.unwrap();
    assert!(take(&fixture).await.is_empty(), "not before its delay");
    fixture.clock.advance(Duration::from_secs(10));
    let newer = take(&fixture).await.pop().expect("the newer message stays");
    assert_eq!(newer.receives, 1);
    fixture.sqlite.ack(newer.receipt).await.unwrap();
    fixture.clock.advance(VISIBILITY);
    assert!(take(&fixture).await.is_empty());
}

#[tokio::test]
async fn a_message_sent_again_does_not_wait_for_the_old_delivery() {
    let fixture = Fixture::new(Options::default());
    let message = Message::new(submit(&fixture.jobs()).await.id());
    let old = take(&fixture).await.pop().unwrap();
    fixture.sqlite.send(&message, Duration::ZERO).await.unwrap();
    let newer = take(&fixture).await.pop().expect("the old delivery does not hide it");
    fixture.sqlite.ack(old.receipt).await.unwrap();
    assert!(fixture.sqlite.extend(&newer.receipt, VISIBILITY).await.unwrap());
}

#[tokio::test]
async fn a_clock_that_jumps_back_hides_nothing_for_long() {
    let fixture = Fixture::new(Options::default());
    let jobs = fixture.jobs();
    let job = submit(&jobs).await;
    let held = take(&fixture).await.pop().unwrap();
    fixture.clock.set(Timestamp::from_millis(1_600_000_000_000));
    let again = take(&fixture).await.pop().expect("hidden until a moment years ahead");
    fixture.sqlite.ack(held.receipt).await.unwrap();
    fixture.sqlite.retry(again.receipt, Duration::from_secs(5)).await.unwrap();
    assert!(take(&fixture).await.is_empty());
    fixture.clock.advance(Duration::from_secs(5));
    assert_eq!(take(&fixture).await.len(), 1);
    // The record is corrected too.
    assert_eq!(jobs.sweep().await.unwrap().resent, 1);
    assert!(jobs.sweep().await.unwrap().resent == 0);
    assert!(fixture.sqlite.get(job.id()).await.unwrap().is_some());
}

#[tokio::test]
async fn long_delays_and_visibilities_are_kept_within_the_horizon() {
    let fixture = Fixture::new(Options::default());
    let message = Message::new(submit(&fixture.jobs()).await.id());
    let held = fixture.sqlite.receive(1, Duration::ZERO, Duration::from_secs(86_400)).await.unwrap();
    assert_eq!(held.len(), 1);
    assert!(take(&fixture).await.is_empty(), "the message stays hidden for the whole horizon");
    fixture.clock.advance(MAX_DELAY * 2);
    let delivery = take(&fixture).await.pop().unwrap();
    fixture.sqlite.ack(delivery.receipt).await.unwrap();
    fixture.sqlite.send(&message, Duration::from_secs(86_400)).await.unwrap();
    fixture.clock.advance(MAX_DELAY);
    assert_eq!(take(&fixture).await.len(), 1);
}

#[tokio::test]
async fn foreign_and_unknown_messages_do_not_disturb_each_other() {
    let fixture = Fixture::new(Options::default());
    let job = submit(&fixture.jobs()).await;
    fixture.sqlite.inject("not json").await.unwrap();
    fixture.sqlite.inject("not json").await.unwrap();
    fixture.sqlite.delete(job.id()).await.unwrap();
    fixture.sqlite.send(&Message::new(job.id()), Duration::ZERO).await.unwrap();
    let mut bodies: Vec<String> = take(&fixture).await.into_iter().map(|d| d.body).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["not json".to_owned(), "not json".to_owned(), Message::new(job.id()).encode()]);
}

/// A receiver is dropped while a message is on its way to it (shutdown). The message is returned to the queue
/// at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_receive_returns_its_messages() {
    let fixture = Fixture::new(Options::default());
    submit(&fixture.jobs()).await;
    // The request has reached the writer, which waits for another process.
    let other = rusqlite::Connection::open(fixture.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let receive = fixture.sqlite.receive(1, Duration::ZERO, VISIBILITY);
    assert!(tokio::time::timeout(Duration::from_millis(20), receive).await.is_err());
    other.execute_batch("ROLLBACK").unwrap();
    let delivery = fixture.sqlite.receive(1, Duration::from_secs(30), VISIBILITY).await.unwrap();
    assert_eq!(delivery.len(), 1, "the message stayed hidden");
    assert_eq!(delivery[0].receives, 1);
}

/// A waiting receiver is woken when a delayed message is due, although nothing is written at that time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_ends_when_a_delayed_message_comes_due() {
    let fixture = Fixture::new(Options::default());
    let message = Message::new(submit(&fixture.jobs()).await.id());
    for delivery in take(&fixture).await {
        fixture.sqlite.ack(delivery.receipt).await.unwrap();
    }
    fixture.sqlite.send(&message, Duration::from_secs(5)).await.unwrap();
    let receiver = fixture.sqlite.clone();
    let receive =
        tokio::spawn(async move { receiver.receive(1, Duration::from_secs(120), VISIBILITY).await });
    fixture.clock.advance(Duration::from_secs(5));
    let task = &receive;
    eventually("the delivery", || task.is_finished()).await;
    assert_eq!(receive.await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn results_of_one_group_do_not_mix() {
    let fixture = Fixture::new(Options::default());
    let jobs = fixture.jobs();
    let job = submit(&jobs).await;
    let request = std::sync::Arc::new(new_job(40).request);
    let submission =
        pssp_jobs::Submission { job: job.clone(), request: request.clone(), key: None, result: None };
    let fresh = {
        let mut fresh = job.clone();
        fresh.head.id = pssp_jobs::JobId::new(jobs.now());
        pssp_jobs::Submission { job: fresh, request, key: None, result: None }
    };
    let outcomes = fixture.sqlite.create(&[submission.clone(), fresh, submission]).await;
    assert!(matches!(outcomes[0], Err(StoreError::Exists)));
    assert!(outcomes[1].is_ok());
    assert!(matches!(outcomes[2], Err(StoreError::Exists)));
}
