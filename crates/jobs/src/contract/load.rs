//! Load on a backend, for the benchmarks of networked stores: submissions, and workers that compute nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use pssp_predict::Sequence;

use crate::id::Owner;
use crate::message::Message;
use crate::ports::Delivery;
use crate::service::{Claim, Jobs, NewJob};

/// Workers in this process.
#[derive(Debug, Clone, Copy)]
pub struct Workers {
    /// Number of receivers.
    pub receivers: usize,
    /// Number of jobs that each receiver works on at once.
    pub slots: usize,
}

/// Jobs a second since `began`.
#[must_use]
pub fn rate(count: usize, began: Instant) -> f64 {
    count as f64 / began.elapsed().as_secs_f64()
}

fn new_job(residues: usize) -> NewJob {
    let input: String = "MKTAYIAKQRQISFVKSHFSRQ".chars().cycle().take(residues).collect();
    NewJob::from(input.parse::<Sequence>().unwrap())
}

/// Submits `count` jobs in batches of 1,000.
///
/// # Panics
/// If a step fails.
pub async fn submit(jobs: &Jobs, count: usize, residues: usize) {
    let new = new_job(residues);
    let mut left = count;
    while left > 0 {
        let now = left.min(1000);
        let records = (0..now).map(|_| new.clone());
        jobs.submit_batch(&Owner::public(), records.collect::<Vec<_>>(), None).await.unwrap();
        left -= now;
    }
}

/// Works on jobs until `count` of them are finished, each with a result of `result` bytes.
///
/// # Panics
/// If a step fails.
pub async fn drain(jobs: &Jobs, count: usize, workers: Workers, result: usize) {
    let done = Arc::new(AtomicUsize::new(0));
    let receivers = (0..workers.receivers).map(|_| {
        let (jobs, done) = (jobs.clone(), done.clone());
        tokio::spawn(async move {
            let receiver = jobs.receiver().unwrap();
            while done.load(Ordering::Relaxed) < count {
                let wait = Duration::from_millis(100);
                let deliveries = receiver.receive(workers.slots, wait, Duration::from_mins(1)).await.unwrap();
                let work = deliveries.into_iter().map(|delivery| work(&jobs, delivery, result));
                done.fetch_add(join_all(work).await.len(), Ordering::Relaxed);
            }
        })
    });
    for receiver in join_all(receivers).await {
        receiver.unwrap();
    }
}

async fn work(jobs: &Jobs, delivery: Delivery, result: usize) {
    let message = Message::decode(&delivery.body).unwrap();
    let Claim::Claimed(job) = jobs.claim_delivered(message, delivery.record).await.unwrap() else {
        panic!("{} is not free", message.job);
    };
    jobs.finish(&job, Bytes::from(vec![b'r'; result])).await.unwrap();
}

/// Milliseconds from a submission on an idle service until a waiting caller sees the finished job: the one in the
/// middle of 200.
///
/// # Panics
/// If a step fails.
pub async fn idle(jobs: &Jobs) -> f64 {
    let worker = tokio::spawn({
        let jobs = jobs.clone();
        async move {
            let receiver = jobs.receiver().unwrap();
            loop {
                let wait = Duration::from_secs(20);
                for delivery in receiver.receive(1, wait, Duration::from_mins(1)).await.unwrap() {
                    work(&jobs, delivery, 64).await;
                }
            }
        }
    });
    let mut times = Vec::new();
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let new = new_job(22);
        let began = Instant::now();
        let job = jobs.submit(&Owner::public(), new, Duration::ZERO, None).await.unwrap().value;
        jobs.wait(&Owner::public(), job.id(), Duration::from_mins(1)).await.unwrap();
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    worker.abort();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Seconds of processor time of this process, from `/proc` (0 where it does not exist).
#[must_use]
pub fn own_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |n: usize| after.split_whitespace().nth(n).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Submits `count` jobs, each by itself, from `clients` callers at the same time.
///
/// # Panics
/// If a step fails.
pub async fn submit_singly(jobs: &Jobs, count: usize, clients: usize, residues: usize) {
    let left = Arc::new(AtomicUsize::new(count));
    let callers = (0..clients).map(|_| {
        let (jobs, left, new) = (jobs.clone(), left.clone(), new_job(residues));
        tokio::spawn(async move {
            let take = |n: usize| n.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                jobs.submit(&Owner::public(), new.clone(), Duration::ZERO, None)
                    .await
                    .expect("it is accepted");
            }
        })
    });
    for caller in join_all(callers).await {
        caller.expect("the caller ends");
    }
}
