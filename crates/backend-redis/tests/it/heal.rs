//! After a fault between this process and Redis the backend recovers, and nothing that was acknowledged is
//! lost.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use pssp_backend_redis::{Options, RedisBackend};
use pssp_jobs::contract::live::{self, Caller, all_finish};
use pssp_jobs::contract::network::{Network, Proxy};
use pssp_jobs::{Backend, Clock as _, JobId, JobStore as _, ManualClock, Owner, SystemClock};

use crate::server::{Server, open, open_at, open_with, url};
use crate::{eventually, is_finished, jobs, jobs_at, new_job, submit, worker};

/// Opens the backend with short time-outs, so that the test is fast.
async fn open_hasty(url: &str) -> Arc<RedisBackend> {
    let options = Options {
        connect_timeout: Duration::from_millis(500),
        response_timeout: Duration::from_millis(500),
        ..Options::default()
    };
    open_with(url, Arc::new(SystemClock), options).await
}

/// A driver once kept a connection that only timed out for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_recovers_from_a_black_hole() {
    recovers_from(Network::BlackHole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_recovers_from_a_cut_connection() {
    recovers_from(Network::Cut).await;
}

async fn recovers_from(fault: Network) {
    let server = Server::start("everysec", &[]);
    let proxy = Proxy::before(server.port).await;
    let backend = open_hasty(&url(proxy.port(), "heal")).await;
    live::recovers_from(fault, &proxy, &jobs(Backend::of(backend))).await;
}

/// Redis is killed several times under load: every accepted job still exists and finishes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_redis_loses_nothing_acknowledged() {
    let mut server = Server::start("always", &[]);
    let jobs = live::hasty_jobs(Backend::of(open_hasty(&server.url("killed")).await));
    let working = tokio::spawn(worker(jobs.clone()));
    let caller = Caller::start(&jobs);
    for _ in 0..3 {
        let before = server.cli(&["ZCARD", "{killed}:v1:owner:public"]);
        eventually("jobs are accepted", async || {
            server.cli(&["ZCARD", "{killed}:v1:owner:public"]) != before
        })
        .await;
        server.kill();
        server.restart();
    }
    let accepted = caller.stop().await;
    assert!(accepted.len() >= 3);
    for id in &accepted {
        jobs.find(&Owner::public(), *id).await.expect("an accepted job is there");
    }
    all_finish(&jobs, accepted).await;
    assert!(!working.is_finished());
    working.abort();
}

/// All data is deleted while a worker runs: the worker continues with later jobs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_worker_survives_flushall() {
    let server = Server::start("everysec", &[]);
    let jobs = jobs(Backend::of(open(&server.url("wiped")).await));
    let working = tokio::spawn(worker(jobs.clone()));
    for wipe in [&["FLUSHALL"][..], &["SCRIPT", "FLUSH"], &["FLUSHALL", "ASYNC"]] {
        let before = submit(&jobs).await.id();
        eventually("the worker works", async || is_finished(&jobs, before).await).await;
        server.cli(wipe);
    }
    let after = submit(&jobs).await.id();
    eventually("the worker works again", async || is_finished(&jobs, after).await).await;
    assert!(!working.is_finished());
    working.abort();
}

/// The queue is lost (like a destroyed consumer group elsewhere): the sweep sends all messages again.
#[tokio::test]
async fn the_sweep_restores_a_lost_queue() {
    let server = Server::start("everysec", &[]);
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let backend = open_at(&server.url("lost"), clock.clone()).await;
    let jobs = jobs_at(Backend::of(backend), clock.clone());
    let ids: HashSet<JobId> = [submit(&jobs).await.id(), submit(&jobs).await.id()].into();
    let receiver = jobs.receiver().unwrap();
    // One message is delivered meanwhile.
    let held = receiver.receive(1, Duration::ZERO, Duration::from_secs(30)).await.unwrap();
    server.cli(&["DEL", "{lost}:v1:ready", "{lost}:v1:queue", "{lost}:v1:held", "{lost}:v1:wake"]);
    for delivery in held {
        receiver.ack(delivery.receipt).await.unwrap();
    }
    clock.advance(jobs.policy().resend_after + Duration::from_secs(1));
    assert_eq!(jobs.sweep().await.unwrap().resent, 2);
    let again = receiver.receive(10, Duration::ZERO, Duration::from_secs(30)).await.unwrap();
    let again: HashSet<JobId> =
        again.iter().map(|d| pssp_jobs::Message::decode(&d.body).unwrap().job).collect();
    assert_eq!(again, ids);
}

/// A worker that has lost its job acknowledges late. The message that was sent since is not deleted.
#[tokio::test]
async fn a_late_acknowledgement_deletes_nothing_sent_since() {
    let server = Server::start("everysec", &[]);
    let jobs = jobs(Backend::of(open(&server.url("late")).await));
    let id = submit(&jobs).await.id();
    let receiver = jobs.receiver().unwrap();
    let visibility = Duration::from_mins(10);
    let mut held = receiver.receive(1, Duration::ZERO, visibility).await.unwrap();
    let late = held.pop().unwrap();
    jobs.backend().queue.send(&pssp_jobs::Message::new(id), Duration::ZERO).await.unwrap();
    assert!(!receiver.extend(&late.receipt, visibility).await.unwrap());
    receiver.ack(late.receipt).await.unwrap();
    let again = receiver.receive(1, Duration::ZERO, visibility).await.unwrap();
    assert_eq!(again.iter().map(|d| d.receives).collect::<Vec<_>>(), [2]);
}

/// Only one caller at a time connects to a server that is down. All callers get its error.
#[tokio::test]
async fn callers_share_the_failure_to_connect() {
    let mut server = Server::start("everysec", &[]);
    let backend = open_hasty(&server.url("down")).await;
    server.kill();
    let calls = (0..200).map(|_| backend.ping());
    for outcome in futures::future::join_all(calls).await {
        assert!(outcome.unwrap_err().is_temporary());
    }
    server.restart();
    eventually("it is there again", async || backend.ping().await.is_ok()).await;
}

/// Redis does not undo a script that fails half-way: the job has ended, and is listed as running.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sweep_mends_what_a_script_left_half_done() {
    let server = Server::start("everysec", &[]);
    let jobs = jobs(Backend::of(open(&server.url("half")).await));
    let working = tokio::spawn(worker(jobs.clone()));
    let done = submit(&jobs).await.id();
    eventually("the job is finished", async || is_finished(&jobs, done).await).await;
    working.abort();
    let gone = JobId::new(SystemClock.now());
    let waits = submit(&jobs).await.id();
    let key = |name: &str| format!("{{half}}:v1:{name}");
    for id in [done, gone, waits] {
        server.cli(&["ZADD", &key("running"), "1", &id.to_string()]);
    }
    server.cli(&["ZREM", &key("expiry"), &format!("j{done}")]);
    server.cli(&["PERSIST", &key(&format!("job:{done}"))]);
    jobs.sweep().await.unwrap();
    let depth = jobs.depth().await.unwrap();
    assert_eq!((depth.submitted, depth.running), (1, 0), "only the job that waits is listed");
    assert!(is_finished(&jobs, done).await);
    assert!(!server.cli(&["ZSCORE", &key("expiry"), &format!("j{done}")]).is_empty(), "it expires");
    assert!(server.cli(&["PTTL", &key(&format!("job:{done}"))]).parse::<i64>().unwrap() > 0);
    let working = tokio::spawn(worker(jobs.clone()));
    eventually("the other job is finished", async || is_finished(&jobs, waits).await).await;
    working.abort();
}

/// After a failover the old server may stay up, with the subscription on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_subscription_follows_a_failover() {
    let (old, new) = (Server::start("everysec", &[]), Server::start("everysec", &[]));
    let proxy = Proxy::before(old.port).await;
    let api = jobs(Backend::of(open_hasty(&url(proxy.port(), "over")).await));
    api.prepare_watches();
    let listens = |server: &Server| server.cli(&["PUBSUB", "NUMSUB", "{over}:v1:changed"]).ends_with('1');
    eventually("it listens to the old server", async || listens(&old)).await;
    // The name now leads to the new server. The old one, read-only, keeps its connections.
    proxy.lead_to(new.port);
    old.cli(&["REPLICAOF", "127.0.0.1", &new.port.to_string()]);
    eventually("it submits to the new server", async || {
        api.submit(&Owner::public(), new_job(), Duration::ZERO, None).await.is_ok()
    })
    .await;
    eventually("it listens to the new server", async || listens(&new)).await;
}

/// A server from which events do not come: a wait looks by itself now and then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_without_events_sees_the_end_of_its_job() {
    let server = Server::start("everysec", &[]);
    server.cli(&["ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", "-subscribe", "-publish"]);
    let login = format!("redis://app:secret@127.0.0.1:{}/0?prefix=mute", server.port);
    let jobs = jobs(Backend::of(open(&login).await));
    let job = submit(&jobs).await;
    let waiting = tokio::spawn({
        let (jobs, id) = (jobs.clone(), job.id());
        async move { jobs.wait(&Owner::public(), id, Duration::from_mins(1)).await.unwrap().state() }
    });
    let working = tokio::spawn(worker(jobs.clone()));
    // The right to publish is missing, and the job finishes all the same.
    eventually("the job is finished", async || is_finished(&jobs, job.id()).await).await;
    assert!(waiting.await.unwrap().is_terminal());
    working.abort();
}

/// The server forgets its scripts, does not answer for a while, or stops all clients, while jobs are submitted and
/// done. Each accepted job is finished, and none is listed as open at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disturbances_under_load_lose_nothing() {
    let server = Server::start("everysec", &["--enable-debug-command", "local"]);
    let jobs = jobs(Backend::of(open_hasty(&server.url("load")).await));
    let working = tokio::spawn(worker(jobs.clone()));
    for disturb in [&["SCRIPT", "FLUSH"][..], &["DEBUG", "SLEEP", "1.5"], &["CLIENT", "PAUSE", "1500", "ALL"]]
    {
        let submitting = tokio::spawn({
            let jobs = jobs.clone();
            async move {
                let mut accepted = Vec::new();
                while accepted.len() < 100 {
                    match jobs.submit(&Owner::public(), new_job(), Duration::ZERO, None).await {
                        Ok(new) => accepted.push(new.value.id()),
                        Err(error) => assert!(error.to_string().contains("redis://"), "{error}"),
                    }
                }
                accepted
            }
        });
        for _ in 0..3 {
            server.cli(disturb);
        }
        for id in submitting.await.unwrap() {
            eventually("an accepted job is finished", async || is_finished(&jobs, id).await).await;
        }
    }
    eventually("no job is left open", async || {
        jobs.depth().await.is_ok_and(|depth| depth.submitted + depth.running == 0)
    })
    .await;
    working.abort();
}
