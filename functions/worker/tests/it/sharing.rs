//! Workers share a backlog evenly: a job is claimed when a thread is free, and only short jobs are claimed ahead.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use pssp_host::Settings;
use pssp_jobs::memory::MemoryBackend;
use pssp_jobs::{Backend, Job, Jobs, ManualClock, Owner, State, Timestamp};
use pssp_worker::standalone::Standalone;
use tokio_util::sync::CancellationToken;

use crate::support::{Fake, LONG, submit, until};

/// How long a computation takes, by the clock of the jobs.
const RUN: Duration = Duration::from_mins(10);

const JOBS: usize = 10;

/// Lets computations end: each call of `open` ends the given number.
#[derive(Default)]
struct Gate {
    open: Mutex<usize>,
    changed: Condvar,
}

impl Gate {
    fn open(&self, computations: usize) {
        *self.open.lock().unwrap() += computations;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let open = self.open.lock().unwrap();
        let (mut open, waited) = self.changed.wait_timeout_while(open, LONG, |open| *open == 0).unwrap();
        assert!(!waited.timed_out(), "the gate was never opened");
        *open -= 1;
    }
}

struct OneThreadWorker {
    gate: Arc<Gate>,
    calls: Arc<AtomicUsize>,
}

fn start(settings: &Settings, jobs: &Jobs, shutdown: &CancellationToken) -> OneThreadWorker {
    let (gate, calls) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
    let (passing, counting) = (gate.clone(), calls.clone());
    let engine = Fake::new(move |_, _, _| {
        counting.fetch_add(1, Ordering::SeqCst);
        passing.pass();
        Ok(())
    });
    let worker = Standalone::new(settings, jobs.clone(), engine).unwrap();
    tokio::spawn(worker.run(shutdown.clone()));
    OneThreadWorker { gate, calls }
}

async fn all(jobs: &Jobs, ids: &[pssp_jobs::JobId]) -> Vec<Job> {
    jobs.get_many(ids).await.unwrap().into_iter().flatten().collect()
}

fn count(jobs: &[Job], state: State) -> usize {
    jobs.iter().filter(|job| job.state() == state).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_ten_long_jobs_evenly() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    // The lease is longer than the whole test, because the clock moves in steps without heartbeats between
    // them.
    let get = |name: &str| match name {
        "PSSP_WORKERS" => Some("1".to_owned()),
        "PSSP_LEASE" => Some("15m".to_owned()),
        "PSSP_HEARTBEAT" => Some("1m".to_owned()),
        _ => None,
    };
    let settings = Settings::resolve(get).unwrap();
    let backend = Backend::of(Arc::new(MemoryBackend::new(clock.clone())));
    let jobs = Jobs::new(backend, clock.clone(), settings.policy.clone()).unwrap();
    let mut ids = Vec::new();
    for _ in 0..JOBS {
        ids.push(submit(&jobs, Duration::ZERO).await);
    }
    let shutdown = CancellationToken::new();
    let workers = [start(&settings, &jobs, &shutdown), start(&settings, &jobs, &shutdown)];
    for round in 1..=JOBS / 2 {
        until("both compute", || workers.iter().all(|w| w.calls.load(Ordering::SeqCst) == round)).await;
        let now = all(&jobs, &ids).await;
        assert_eq!(count(&now, State::Running), 2, "a job is claimed when a thread is free");
        assert_eq!(count(&now, State::Submitted), JOBS - 2 * round, "the other jobs are not claimed");
        let started = jobs.now();
        for job in now.iter().filter(|job| job.state() == State::Running) {
            assert_eq!(job.status.started_at, Some(started), "it starts when computing starts");
        }
        clock.advance(RUN);
        workers.iter().for_each(|worker| worker.gate.open(1));
    }
    wait_for(&jobs, &ids, "all finish", |now| count(now, State::Finished) == JOBS).await;
    for worker in &workers {
        assert_eq!(worker.calls.load(Ordering::SeqCst), JOBS / 2);
    }
    let finished = all(&jobs, &ids).await;
    assert!(finished.iter().all(|job| job.head.owner == Owner::public() && job.status.attempt == 1));
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_claimed_ahead_of_a_long_one_go_back() {
    const SHORT_JOBS: usize = 3;
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    let get = |name: &str| (name == "PSSP_WORKERS").then(|| "1".to_owned());
    let settings = Settings::resolve(get).unwrap();
    let backend = Backend::of(Arc::new(MemoryBackend::new(clock.clone())));
    let jobs = Jobs::new(backend, clock, settings.policy.clone()).unwrap();
    let gate = Arc::new(Gate::default());
    let passing = gate.clone();
    let engine = Fake::new(move |call, _, _| {
        if call >= SHORT_JOBS {
            passing.pass();
        }
        Ok(())
    });
    let shutdown = CancellationToken::new();
    tokio::spawn(Standalone::new(&settings, jobs.clone(), engine.clone()).unwrap().run(shutdown.clone()));
    for n in 1..=SHORT_JOBS {
        let id = submit(&jobs, Duration::ZERO).await;
        wait_for(&jobs, &[id], &format!("short job {n} finishes"), |now| count(now, State::Finished) == 1)
            .await;
    }
    let mut ids = Vec::new();
    for _ in 0..JOBS {
        ids.push(submit(&jobs, Duration::ZERO).await);
    }
    let released = |now: &[Job]| {
        now.iter().filter(|job| job.state() == State::Submitted && job.status.attempt == 1).count()
    };
    wait_for(&jobs, &ids, "the jobs ahead of the long one go back", |now| {
        count(now, State::Running) == 1 && released(now) > 0
    })
    .await;
    assert_eq!(engine.calls.load(Ordering::SeqCst), SHORT_JOBS + 1, "one computes");
    gate.open(JOBS);
    wait_for(&jobs, &ids, "all finish", |now| count(now, State::Finished) == JOBS).await;
    let finished = all(&jobs, &ids).await;
    assert!(finished.iter().all(|job| job.status.errors.is_empty() && job.status.attempt <= 2));
    shutdown.cancel();
}

async fn wait_for(jobs: &Jobs, ids: &[pssp_jobs::JobId], what: &str, done: impl Fn(&[Job]) -> bool) {
    let deadline = tokio::time::Instant::now() + LONG;
    while !done(&all(jobs, ids).await) {
        assert!(tokio::time::Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
