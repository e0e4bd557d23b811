//! What is refused at the start, and errors as categories.

use std::sync::Arc;
use std::time::Duration;

use pssp_backend_redis::{Options, RedisBackend};
use pssp_jobs::{Backend, JobStore as _, StoreError, SystemClock};

use crate::server::{Server, open, url};
use crate::{jobs, new_job, submit, work};

async fn refusal(url: &str) -> String {
    let opened = RedisBackend::open(url, Arc::new(SystemClock), Options::default()).await;
    match opened {
        Err(StoreError::Refused(why)) => why.to_string(),
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

/// The rights that the guide names are enough, also where `CONFIG` is not among them.
#[tokio::test]
async fn a_user_with_few_rights_is_enough() {
    let server = Server::start("everysec", &[]);
    let rights = ["~{few}:*", "&{few}:*", "+@all", "-@dangerous", "-@admin", "+info"];
    let command = [&["ACL", "SETUSER", "app", "on", ">p@ss"][..], &rights].concat();
    assert_eq!(server.cli(&command), "OK");
    let login = format!("redis://app:p%40ss@127.0.0.1:{}/0?prefix=few", server.port);
    let jobs = jobs(Backend::of(open(&login).await));
    let id = submit(&jobs).await.id();
    let receiver = jobs.backend().receiver.clone().unwrap();
    let delivery = receiver.receive(1, Duration::ZERO, Duration::from_secs(30)).await.unwrap().pop();
    assert_eq!(work(&jobs, delivery.unwrap()).await, Some(id));
    jobs.sweep().await.unwrap();

    let elsewhere = login.replace("prefix=few", "prefix=other");
    let backend = open(&elsewhere).await;
    assert!(matches!(backend.ping().await, Err(StoreError::Refused(_))));
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_unavailable() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let opened = RedisBackend::open(&url(port, "a"), Arc::new(SystemClock), Options::default()).await;
    let error = opened.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

/// Out of memory nothing is half written, reads and acknowledgements go on, and it heals.
#[tokio::test]
async fn a_full_redis_is_full_and_heals() {
    let server = Server::start("everysec", &[]);
    let backend = open(&server.url("full")).await;
    let jobs = jobs(Backend::of(backend.clone()));
    let first = submit(&jobs).await;
    let receiver = jobs.backend().receiver.clone().unwrap();
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
