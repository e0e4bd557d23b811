//! What is refused at the start, and the categories of errors.

use std::sync::Arc;
use std::time::Duration;

use pssp_backend_redis::{Options, RedisBackend};
use pssp_jobs::contract::upgrade;
use pssp_jobs::service::JobsError;
use pssp_jobs::{Backend, JobStore as _, Jobs, Message, Owner, StoreError, SystemClock};

use crate::server::{Server, open, open_at, url};
use crate::{jobs, new_job, submit, work};

async fn refusal(url: &str) -> String {
    let opened = RedisBackend::open(url, Arc::new(SystemClock), Options::default()).await;
    match opened {
        Err(StoreError::Refused(why) | StoreError::Denied(why)) => why.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn start_refuses_an_evicting_redis() {
    let server = Server::start("everysec", &["--maxmemory-policy", "allkeys-lru"]);
    let why = refusal(&server.url("a")).await;
    assert!(why.contains("allkeys-lru") && why.contains("maxmemory-policy noeviction"), "{why}");
    server.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    open(&server.url("a")).await;
}

#[tokio::test]
async fn start_refuses_a_cluster() {
    let server = Server::start("everysec", &["--cluster-enabled", "yes"]);
    let why = refusal(&server.url("a")).await;
    assert!(why.contains("cluster mode"), "{why}");
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_never_shown() {
    let server = Server::start("everysec", &["--requirepass", "right"]);
    for login in ["", ":wrong-secret@", "nobody:wrong-secret@"] {
        let why = refusal(&format!("redis://{login}127.0.0.1:{}/0", server.port)).await;
        assert!(why.contains("user and password in the URL"), "{why}");
        assert!(!why.contains("secret"), "{why}");
    }
    open(&format!("redis://:right@127.0.0.1:{}/0", server.port)).await;
}

/// The rules in the `ACL SETUSER` line of the guide, for another prefix.
fn rights(prefix: &str) -> Vec<String> {
    let guide =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md")).unwrap();
    let line = guide.lines().find(|line| line.contains("ACL SETUSER")).expect("the line");
    let (_, rules) = line.split_once("'>PASSWORD' ").expect("user, password, rules");
    rules.split_whitespace().map(|rule| rule.trim_matches('\'').replace("{pssp}", prefix)).collect()
}

/// The URL of a new user with these rights.
fn user_with(server: &Server, rights: &[String]) -> String {
    let mut command = vec!["ACL", "SETUSER", "app", "reset", "on", ">p@ss"];
    command.extend(rights.iter().map(String::as_str));
    assert_eq!(server.cli(&command), "OK");
    format!("redis://app:p%40ss@127.0.0.1:{}/0?prefix=few", server.port)
}

/// The rights in the guide are enough for all operations on a store, and give access to no other keys.
#[tokio::test]
async fn a_user_with_few_rights_is_enough() {
    let server = Server::start("everysec", &[]);
    let login = user_with(&server, &rights("{few}"));
    let clock = Arc::new(upgrade::clock());
    let jobs = upgrade::jobs(Backend::of(open_at(&login, clock.clone()).await), clock.clone());
    upgrade::write(&jobs).await;
    upgrade::read(&jobs, &clock).await;
    use_other_operations(&jobs).await;
    let log = server.cli(&["ACL", "LOG"]);
    let lines: Vec<&str> = log.lines().collect();
    let denied = lines.windows(2).filter(|pair| pair[0] == "object").map(|pair| pair[1]);
    // The backend reads a setting, to warn about it, and sets its client name. Both may be denied.
    let denied: Vec<&str> =
        denied.filter(|what| !what.starts_with("config|") && !what.starts_with("client")).collect();
    assert!(denied.is_empty(), "{denied:?}");

    let backend = open(&login.replace("prefix=few", "prefix=other")).await;
    let error = backend.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Denied(_)) && error.to_string().contains("few rights"), "{error}");
}

/// A right that a submission needs is taken away from a running service: the check of readiness notices it.
#[tokio::test]
async fn a_right_that_is_taken_away_fails_the_check() {
    for right in ["-hset", "-evalsha", "-zadd", "-set"] {
        let server = Server::start("everysec", &[]);
        let login = user_with(&server, &rights("{few}"));
        let jobs = jobs(Backend::of(open(&login).await));
        jobs.ping().await.unwrap();
        server.cli(&["ACL", "SETUSER", "app", right]);
        for error in [jobs.ping().await.unwrap_err(), submit_fails(&jobs).await] {
            assert!(matches!(error, StoreError::Denied(_)), "{right}: {error:?}");
            assert!(error.to_string().contains("few rights"), "{right}: {error}");
        }
        server.cli(&["ACL", "SETUSER", "app", &right.replace('-', "+")]);
        jobs.ping().await.unwrap();
        submit(&jobs).await;
    }
}

async fn submit_fails(jobs: &Jobs) -> StoreError {
    match jobs.submit(&Owner::public(), new_job(), Duration::ZERO, None).await {
        Err(JobsError::Store(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

/// The operations that writing and reading a store do not use.
async fn use_other_operations(jobs: &Jobs) {
    let job = submit(jobs).await;
    let receiver = jobs.receiver().unwrap();
    let delivery = receiver.receive(1, Duration::ZERO, Duration::from_secs(30)).await.unwrap().pop().unwrap();
    assert!(receiver.extend(&delivery.receipt, Duration::from_secs(30)).await.unwrap());
    receiver.retry(delivery.receipt, Duration::ZERO).await.unwrap();
    jobs.backend().queue.send(&Message::new(job.id()), Duration::ZERO).await.unwrap();
    assert!(jobs.delete(&Owner::public(), job.id()).await.unwrap());
    // One waits by a blocking pop, and the other watches by a subscription.
    let (waiting, watched) = (jobs.clone(), submit(jobs).await.id());
    let seen = tokio::spawn(async move {
        waiting.wait(&Owner::public(), watched, Duration::from_mins(1)).await.unwrap().state()
    });
    let delivery = receiver.receive(1, Duration::from_secs(30), Duration::from_secs(30)).await.unwrap().pop();
    assert_eq!(work(jobs, delivery.unwrap()).await, Some(watched));
    assert_eq!(seen.await.unwrap(), pssp_jobs::State::Finished);
    assert!(
        receiver.receive(1, Duration::from_millis(50), Duration::from_secs(30)).await.unwrap().is_empty()
    );
    jobs.depth().await.unwrap();
    jobs.post(None).await.unwrap();
}

#[tokio::test]
async fn a_missing_redis_is_unavailable() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let opened = RedisBackend::open(&url(port, "a"), Arc::new(SystemClock), Options::default()).await;
    let error = opened.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

/// When the memory is full, no write is left half done, reads and acknowledgements work, and the server
/// recovers.
#[tokio::test]
async fn a_full_redis_is_reported_and_recovers() {
    let server = Server::start("everysec", &[]);
    let backend = open(&server.url("full")).await;
    let jobs = jobs(Backend::of(backend.clone()));
    let first = submit(&jobs).await;
    let receiver = jobs.receiver().unwrap();
    let delivery = receiver.receive(1, Duration::ZERO, Duration::from_secs(30)).await.unwrap().pop();
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let before = server.cli(&["DBSIZE"]);
    let refused = jobs.submit(&pssp_jobs::Owner::public(), new_job(), Duration::ZERO, None).await;
    let error = refused.unwrap_err();
    assert!(matches!(error, pssp_jobs::service::JobsError::Store(StoreError::Full(_))), "{error:?}");
    assert!(matches!(backend.ping().await, Err(StoreError::Full(_))));
    assert_eq!(server.cli(&["DBSIZE"]), before);
    assert_eq!(backend.get(first.id()).await.unwrap(), Some(first));
    receiver.ack(delivery.unwrap().receipt).await.unwrap();
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    submit(&jobs).await;
    backend.ping().await.unwrap();
}
