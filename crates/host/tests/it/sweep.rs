//! The sweep loop: it sweeps at intervals, without a wait while there is a backlog, and goes on after errors.

use std::sync::Arc;
use std::time::Duration;

use pssp_host::sweep;
use pssp_jobs::contract::faults::Faulty;
use pssp_jobs::{Backend, JobReceiver, Jobs, Message, Policy};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::support::TestBed;

const EVERY: Duration = Duration::from_secs(10);

/// Receives all messages, as a worker does that dies before it claims the jobs.
async fn lose_messages(bed: &TestBed) {
    let visibility = Duration::from_mins(15);
    while !bed.memory.receive(1000, Duration::ZERO, visibility).await.unwrap().is_empty() {}
}

#[tokio::test(start_paused = true)]
async fn a_lost_message_is_sent_again_and_shutdown_ends_the_loop() {
    let bed = TestBed::new();
    let id = bed.submit().await;
    lose_messages(&bed).await;
    let shutdown = CancellationToken::new();
    let sweeping = tokio::spawn(sweep::run(bed.jobs.clone(), EVERY, shutdown.clone()));
    let again = bed.memory.receive(10, Duration::from_mins(2), EVERY).await.unwrap();
    assert_eq!(Message::decode(&again[0].body).unwrap().job, id);
    shutdown.cancel();
    sweeping.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_backlog_is_repaired_without_waiting_for_the_next_interval() {
    let bed = TestBed::new();
    for _ in 0..2500 {
        bed.submit().await;
    }
    lose_messages(&bed).await;
    tokio::time::sleep(Policy::default().resend_after).await;
    let start = Instant::now();
    let shutdown = CancellationToken::new();
    let sweeping = tokio::spawn(sweep::run(bed.jobs.clone(), Duration::from_hours(1), shutdown.clone()));
    let mut resent = 0;
    while resent < 2500 {
        resent += bed.memory.receive(1000, Duration::from_mins(1), EVERY).await.unwrap().len();
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    shutdown.cancel();
    sweeping.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn errors_do_not_end_the_loop() {
    let bed = TestBed::new();
    bed.submit().await;
    lose_messages(&bed).await;
    let faulty = Faulty::wrap(&Backend::of(Arc::clone(&bed.memory)), 0.7, 1);
    let jobs = Jobs::new(faulty, bed.clock.clone(), Policy::default()).unwrap();
    let shutdown = CancellationToken::new();
    let sweeping = tokio::spawn(sweep::run(jobs, EVERY, shutdown.clone()));
    let again = bed.memory.receive(10, Duration::from_hours(2), EVERY).await.unwrap();
    assert_eq!(again.len(), 1);
    shutdown.cancel();
    sweeping.await.unwrap();
}
