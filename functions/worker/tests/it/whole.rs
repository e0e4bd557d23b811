//! The worker with its loops, from submission to shutdown.

use std::sync::Arc;
use std::time::Duration;

use pssp_host::Settings;
use pssp_jobs::memory::MemoryBackend;
use pssp_jobs::{Backend, Depth, Jobs, State, SystemClock};
use pssp_worker::standalone::Standalone;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::support::{Fake, LONG, submit, until, until_cancelled};

fn settings(grace: &str) -> Settings {
    let grace = grace.to_owned();
    let get = move |name: &str| match name {
        "PSSP_WORKERS" => Some("2".to_owned()),
        "PSSP_GRACE" => Some(grace.clone()),
        _ => None,
    };
    Settings::resolve(get).unwrap()
}

fn start(settings: &Settings, jobs: &Jobs, engine: Arc<Fake>) -> (CancellationToken, JoinHandle<()>) {
    let shutdown = CancellationToken::new();
    let worker = Standalone::new(settings, jobs.clone(), engine).unwrap();
    (shutdown.clone(), tokio::spawn(worker.run(shutdown)))
}

async fn finished(jobs: &Jobs, ids: &[pssp_jobs::JobId]) -> usize {
    let found = jobs.get_many(ids).await.unwrap();
    found.iter().flatten().filter(|s| s.status.state() == State::Finished).count()
}

async fn until_finished(jobs: &Jobs, ids: &[pssp_jobs::JobId]) {
    let deadline = Instant::now() + LONG;
    while finished(jobs, ids).await < ids.len() {
        assert!(Instant::now() < deadline, "{} of {} finished", finished(jobs, ids).await, ids.len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_is_drained_and_shutdown_loses_nothing() {
    let clock = Arc::new(SystemClock);
    let settings = settings("1s");
    let backend = Backend::of(Arc::new(MemoryBackend::new(clock.clone())));
    let jobs = Jobs::new(backend, clock, settings.policy.clone()).unwrap();
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(submit(&jobs, Duration::ZERO).await);
    }

    // The first worker finishes ten jobs. Then its engine hangs, and the worker is shut down.
    let engine = Fake::new(|call, _, cancel| if call < 10 { Ok(()) } else { until_cancelled(cancel) });
    let (shutdown, running) = start(&settings, &jobs, engine.clone());
    until("two are stuck", || engine.calls() == 12).await;
    let asked = Instant::now();
    shutdown.cancel();
    running.await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert_eq!(finished(&jobs, &ids).await, 10);
    let depth = jobs.depth().await.unwrap();
    assert_eq!(depth, Depth { submitted: 40, running: 0, dead: 0 }, "all claimed jobs are released");

    // The second worker receives the other jobs at once.
    let (shutdown, running) = start(&settings, &jobs, Fake::quick());
    until_finished(&jobs, &ids).await;
    shutdown.cancel();
    running.await.unwrap();
    let found = jobs.get_many(&ids).await.unwrap();
    assert!(found.iter().flatten().all(|s| s.status.failures == 0 && s.status.lost_workers == 0));
}

#[tokio::test]
async fn a_backend_without_a_queue_is_refused() {
    let clock = Arc::new(SystemClock);
    let backend = Backend { receiver: None, ..Backend::of(Arc::new(MemoryBackend::new(clock.clone()))) };
    let settings = settings("1s");
    let jobs = Jobs::new(backend, clock, settings.policy.clone()).unwrap();
    let refused = Standalone::new(&settings, jobs, Fake::quick()).err().unwrap();
    assert!(refused.to_string().contains("no queue"), "{refused}");
}

#[tokio::test]
async fn the_shipped_engine_works_in_the_worker() {
    let clock = Arc::new(SystemClock);
    let settings = settings("1s");
    let backend = Backend::of(Arc::new(MemoryBackend::new(clock.clone())));
    let jobs = Jobs::new(backend, clock, settings.policy.clone()).unwrap();
    let id = submit(&jobs, Duration::ZERO).await;
    let shutdown = CancellationToken::new();
    let engine = pssp_worker::engine::load(&settings.engine).unwrap();
    let worker = Standalone::new(&settings, jobs.clone(), engine.clone()).unwrap();
    let running = tokio::spawn(worker.run(shutdown.clone()));
    until_finished(&jobs, &[id]).await;
    let stored = pssp_predict::Prediction::decode(&jobs.result(id).await.unwrap()).unwrap();
    assert_eq!((stored.len(), stored.method()), (10, engine.method()));
    shutdown.cancel();
    running.await.unwrap();
}

#[test]
fn the_settings_choose_the_engine() {
    let engine = |line: &str| {
        let settings = Settings::resolve(|name| match name {
            "PSSP_ENGINE" => Some("command".to_owned()),
            "PSSP_COMMAND" => Some(line.to_owned()),
            "PSSP_COMMAND_VERSION" => Some("7".to_owned()),
            _ => None,
        });
        pssp_worker::engine::load(&settings.unwrap().engine)
    };
    let cat = engine("cat {input}").unwrap();
    assert_eq!((cat.method().name.as_str(), cat.method().version.as_str()), ("command", "7"));
    let refused = engine("/nowhere/method {input}").err().expect("there is no such program");
    let text = format!("{refused:#}");
    assert!(text.contains("PSSP_COMMAND") && text.contains("/nowhere/method is not a program"), "{text}");
}
