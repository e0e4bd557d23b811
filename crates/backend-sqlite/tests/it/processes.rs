//! Several processes on one file.

use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pssp_backend_sqlite::{Options, SqliteBackend};
use pssp_jobs::service::{Claim, Settled};
use pssp_jobs::{JobId, JobReceiver, Jobs, Message, State, SystemClock};

use crate::support::{Fixture, child, child_file, jobs, new_job, owner, submit};

const JOBS: usize = 300;

#[test]
#[ignore = "plays a worker of two_processes_finish_each_job_once"]
fn child_drains() {
    let Some(file) = child_file() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let clock = Arc::new(SystemClock);
        let sqlite = SqliteBackend::open(file, clock.clone(), Options::default()).unwrap();
        let jobs = jobs(&sqlite, clock);
        println!("ready");
        // The worker ends after a time without messages. If it ends too early, the count of the parent fails.
        loop {
            let deliveries =
                sqlite.receive(4, Duration::from_secs(3), Duration::from_secs(30)).await.unwrap();
            if deliveries.is_empty() {
                return;
            }
            for delivery in deliveries {
                let id = Message::decode(&delivery.body).unwrap().job;
                if let Claim::Claimed(job) = jobs.claim(id).await.unwrap() {
                    let result = Bytes::from(format!("by {}", std::process::id()));
                    if let Settled::Done(_) = jobs.finish(&job, result).await.unwrap() {
                        println!("done {id}");
                    }
                }
                sqlite.ack(delivery.receipt).await.unwrap();
            }
        }
    });
}

/// One process submits and two others work at the same time. Each job is finished by exactly one of them, and a
/// caller that waits in the first process is woken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_finish_each_job_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pssp.db");
    let clock = Arc::new(SystemClock);
    let sqlite = SqliteBackend::open(&file, clock.clone(), Options::default()).unwrap();
    let jobs = jobs(&sqlite, clock);

    let workers: Vec<_> = (0..2)
        .map(|_| {
            let (process, stdout) = child("processes::child_drains", &file);
            let mut lines = BufReader::new(stdout).lines().map(Result::unwrap);
            assert!(lines.by_ref().any(|line| line.ends_with("ready")), "the worker did not start");
            let reader = std::thread::spawn(move || {
                lines
                    .filter_map(|l| l.strip_prefix("done ").map(|id| id.parse().unwrap()))
                    .collect::<Vec<JobId>>()
            });
            (process, reader)
        })
        .collect();

    let mut submitted = Vec::new();
    for _ in 0..JOBS / 10 {
        let batch: Vec<_> = (0..10).map(|_| new_job(40)).collect();
        submitted.extend(jobs.submit_batch(&owner(), batch, None).await.unwrap().value.jobs());
    }
    let last = *submitted.last().unwrap();
    assert_eq!(finished(&jobs, last).await, State::Finished, "the waiter saw another process finish it");

    let mut done = Vec::new();
    for (mut process, reader) in workers {
        assert!(process.wait().unwrap().success());
        let by_this = reader.join().unwrap();
        assert!(!by_this.is_empty(), "one worker did everything");
        done.extend(by_this);
    }
    done.sort_unstable();
    submitted.sort_unstable();
    assert_eq!(done, submitted);
    for id in submitted {
        assert_eq!(finished(&jobs, id).await, State::Finished);
    }
}

async fn finished(jobs: &Jobs, id: JobId) -> State {
    jobs.wait(&owner(), id, Duration::from_secs(120)).await.unwrap().state()
}

/// Events do not reach another process: a waiting caller there polls the file. (Two backends in one process
/// have separate events too.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_see_what_another_process_writes() {
    let fixture = Fixture::new(Options::default());
    let other = fixture.second();
    let waiting = {
        let other = other.clone();
        tokio::spawn(async move { other.receive(1, Duration::from_secs(120), Duration::from_secs(30)).await })
    };
    let mine = fixture.jobs();
    let job = submit(&mine).await.id();
    assert_eq!(waiting.await.unwrap().unwrap().len(), 1);

    let theirs = jobs(&other, fixture.clock.clone());
    let watching = tokio::spawn(async move { finished(&theirs, job).await });
    let Claim::Claimed(running) = mine.claim(job).await.unwrap() else { panic!("it was free") };
    mine.finish(&running, Bytes::from_static(b"r")).await.unwrap();
    assert_eq!(watching.await.unwrap(), State::Finished);
}
