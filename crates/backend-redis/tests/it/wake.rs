//! Waiting receivers and watchers are woken by events, also of other processes and after a lost connection.

use std::time::Duration;

use pssp_jobs::service::Claim;
use pssp_jobs::{Backend, JobReceiver as _, Message, Owner, State};

use crate::server::{Server, open};
use crate::{eventually, jobs, submit};

/// Longer than any poll interval, so that only an event can end the wait.
const LONG: Duration = Duration::from_mins(10);

fn scripts_run(server: &Server) -> u64 {
    let stats = server.cli(&["INFO", "commandstats"]);
    let line = stats.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap_or_default();
    line.split(['=', ',']).nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// A waiting receiver sends no commands while the queue is empty, and receives what another process submits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_receiver_sends_nothing_and_is_woken() {
    let server = Server::start("everysec", &[]);
    let worker = open(&server.url("wake")).await;
    let api = jobs(Backend::of(open(&server.url("wake")).await));
    // The first use of each script loads it into the server.
    submit(&api).await;
    assert_eq!(worker.receive(10, Duration::ZERO, LONG).await.unwrap().len(), 1);
    let waiting = tokio::spawn(async move { worker.receive(10, LONG, LONG).await.unwrap() });
    eventually("it waits", async || server.cli(&["CLIENT", "LIST"]).contains("cmd=blpop")).await;
    let before = scripts_run(&server);
    let id = submit(&api).await.id();
    let taken = waiting.await.unwrap();
    assert_eq!(Message::decode(&taken[0].body).unwrap().job, id);
    // One script call submits and one receives (or two, if the wait began between them). There is no polling.
    assert!(scripts_run(&server) - before <= 3);
}

/// A waiting receiver that is dropped loses no message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_receiver_loses_nothing() {
    let server = Server::start("everysec", &[]);
    let backend = open(&server.url("away")).await;
    let jobs = jobs(Backend::of(backend.clone()));
    for _ in 0..3 {
        let waiting = tokio::spawn({
            let backend = backend.clone();
            async move { backend.receive(1, LONG, LONG).await }
        });
        eventually("it waits", async || server.cli(&["CLIENT", "LIST"]).contains("cmd=blpop")).await;
        waiting.abort();
        drop(waiting.await);
        submit(&jobs).await;
        let receiver = jobs.receiver().unwrap();
        assert_eq!(receiver.receive(1, Duration::ZERO, LONG).await.unwrap().len(), 1);
    }
}

/// Many receivers wait: each message goes to one of them, and no receiver sleeps while there are messages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_waiting_receivers_share_what_comes() {
    let server = Server::start("everysec", &[]);
    let (one, two) = (open(&server.url("many")).await, open(&server.url("many")).await);
    let waiting: Vec<_> = [one.clone(), two.clone(), one, two]
        .into_iter()
        .map(|backend| tokio::spawn(async move { backend.receive(1, LONG, LONG).await.unwrap().len() }))
        .collect();
    let api = jobs(Backend::of(open(&server.url("many")).await));
    for _ in 0..4 {
        submit(&api).await;
    }
    for receiver in waiting {
        let received = tokio::time::timeout(Duration::from_mins(1), receiver).await;
        assert_eq!(received.expect("woken").unwrap(), 1);
    }
}

/// A watcher sees the change of another process, also after its subscription was cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_sees_changes_of_other_processes() {
    let server = Server::start("everysec", &[]);
    let api = jobs(Backend::of(open(&server.url("watch")).await));
    let worker = jobs(Backend::of(open(&server.url("watch")).await));
    for round in 0..3 {
        let id = submit(&api).await.id();
        let waiting = tokio::spawn({
            let api = api.clone();
            async move { api.wait(&Owner::public(), id, LONG).await.unwrap().state() }
        });
        eventually("it listens", async || {
            server.cli(&["PUBSUB", "NUMSUB", "{watch}:v1:changed"]).ends_with('1')
        })
        .await;
        if round > 0 {
            server.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        }
        let Claim::Claimed(job) = worker.claim(id).await.unwrap() else { panic!("not free") };
        worker.finish(&job, "r".into()).await.unwrap();
        let state = tokio::time::timeout(Duration::from_mins(1), waiting).await;
        assert_eq!(state.expect("woken").unwrap(), State::Finished);
    }
}
