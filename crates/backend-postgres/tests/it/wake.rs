//! Waiting receivers and watchers are woken by events of other processes, or find the change by polls where events do
//! not come through.

use std::sync::Arc;
use std::time::Duration;

use pssp_backend_postgres::{Options, PostgresBackend};
use pssp_jobs::contract::live::{eventually, jobs, submit, work, worker};
use pssp_jobs::{Backend, JobReceiver as _, Message, Owner, SystemClock};
use pssp_local_postgres::{Pooler, Server};

use crate::support::{fresh_schema, open, open_with, shared};

/// Longer than a test may take, so that only an event can end the wait.
const LONG: Duration = Duration::from_mins(30);

async fn without_polls(url: &str) -> Arc<PostgresBackend> {
    open_with(url, Arc::new(SystemClock), Options { poll_interval: LONG, ..Options::default() }).await
}

/// A waiting receiver is woken by what another process submits, and a waiting caller by what it finishes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_other_processes_wake() {
    let (server, schema) = (shared(), fresh_schema());
    let working = without_polls(&server.url(&schema)).await;
    let api = without_polls(&server.url(&schema)).await;
    let (working_jobs, api_jobs) = (jobs(Backend::of(working.clone())), jobs(Backend::of(api.clone())));
    api_jobs.prepare_watches();
    for _ in 0..5 {
        let receiving = tokio::spawn({
            let working = working.clone();
            async move { working.receive(1, LONG, LONG).await.unwrap() }
        });
        eventually("both hear", async || working.hears_events() && api.hears_events()).await;
        let id = submit(&api_jobs).await.id();
        let mut taken =
            tokio::time::timeout(Duration::from_mins(1), receiving).await.expect("it wakes").unwrap();
        let delivery = taken.pop().unwrap();
        assert_eq!(Message::decode(&delivery.body).unwrap().job, id);
        let waiting = tokio::spawn({
            let api_jobs = api_jobs.clone();
            async move { api_jobs.wait(&Owner::public(), id, Duration::from_mins(1)).await.unwrap().state() }
        });
        assert_eq!(work(&working_jobs, delivery).await, Some(id));
        assert!(waiting.await.unwrap().is_terminal());
    }
}

/// A receiver that waits on an empty queue asks the server now and then, and not all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_receiver_does_not_ask_all_the_time() {
    let server = Server::start(&["log_statement=all"]);
    let backend = without_polls(&server.url("quiet")).await;
    let receiving = tokio::spawn({
        let backend = backend.clone();
        async move { backend.receive(1, LONG, LONG).await.unwrap() }
    });
    eventually("it hears", async || backend.hears_events()).await;
    let takes = || server.log().matches("picked AS MATERIALIZED").count();
    eventually("it has looked", async || takes() > 0).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    // Until it hears itself it looks every quarter of a second; that takes less than a second.
    assert!(takes() < 20, "{} looks at an empty queue", takes());
    let id = submit(&jobs(Backend::of(backend))).await.id();
    assert_eq!(Message::decode(&receiving.await.unwrap()[0].body).unwrap().job, id);
}

/// A receiver that is dropped while it takes messages gives them back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_receiver_loses_nothing() {
    let (server, schema) = (shared(), fresh_schema());
    let backend = open(&server.url(&schema)).await;
    let jobs = jobs(Backend::of(backend.clone()));
    for pause in [0, 100, 300, 1000, 3000, 10_000] {
        let receiving = tokio::spawn({
            let backend = backend.clone();
            async move { backend.receive(1, LONG, LONG).await }
        });
        submit(&jobs).await;
        tokio::time::sleep(Duration::from_micros(pause)).await;
        receiving.abort();
        // It may have received the message before it was stopped.
        let taken = match receiving.await {
            Ok(taken) => taken.unwrap(),
            Err(_) => backend.receive(1, Duration::from_mins(1), LONG).await.unwrap(),
        };
        assert_eq!(taken.len(), 1);
        for delivery in taken {
            assert!(work(&jobs, delivery).await.is_some());
        }
    }
}

/// Behind a pooler in transaction mode everything works; polls replace the events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_in_transaction_mode_is_enough() {
    let (server, schema) = (shared(), fresh_schema());
    let pooler = Pooler::before(&server);
    let url = format!("{}&prepared_statements=off", pooler.url(&schema));
    let (first, second) = (open(&url).await, open(&url).await);
    let (api, working) = (jobs(Backend::of(first.clone())), jobs(Backend::of(second)));
    let worker = tokio::spawn(worker(working));
    for _ in 0..3 {
        let id = submit(&api).await.id();
        let ended = api.wait(&Owner::public(), id, Duration::from_mins(1)).await.unwrap();
        assert!(ended.state().is_terminal());
    }
    let records: Vec<_> = (0..300).map(|_| pssp_jobs::contract::live::new_job()).collect();
    let batch = api.submit_batch(&Owner::public(), records, None).await.unwrap().value;
    for id in batch.jobs() {
        assert!(api.wait(&Owner::public(), id, Duration::from_mins(1)).await.unwrap().state().is_terminal());
    }
    eventually("it knows that it hears nothing", async || !first.hears_events()).await;
    worker.abort();
}
