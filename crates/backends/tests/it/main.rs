//! Opening backends by URL.

use std::sync::Arc;

use pssp_backends::{OpenError, open};
use pssp_jobs::{Backend, SystemClock};

async fn opened(url: &str) -> Result<Backend, OpenError> {
    open(url, Arc::new(SystemClock)).await
}

async fn refusal(url: &str) -> String {
    opened(url).await.err().expect("it is refused").to_string()
}

#[tokio::test]
async fn memory_and_files_are_opened() {
    assert_eq!(opened("memory:").await.unwrap().store.capabilities().name, "memory");
    #[cfg(feature = "sqlite")]
    {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pssp.db");
        let backend = opened(&format!("sqlite:{}", file.display())).await.unwrap();
        assert_eq!(backend.store.capabilities().name, "sqlite");
        backend.store.ping().await.unwrap();
        assert!(file.exists());
    }
}

#[tokio::test]
async fn errors_name_the_remedy() {
    for (url, said) in [
        #[cfg(feature = "aws")]
        ("aws://table", "`queue` is missing"),
        #[cfg(feature = "aws")]
        ("aws://table?queue=q", "`queue` must be an http://"),
        #[cfg(not(feature = "aws"))]
        ("aws://table?queue=q", "aws: is not in this build"),
        #[cfg(feature = "postgres")]
        ("postgres://user:secret@host/db?table=x", "the parameter `table` is not known"),
        #[cfg(feature = "postgres")]
        ("postgres://user:secret@/db", "it names no host"),
        ("couchdb://user:secret@host/db", "couchdb: is no backend: use one of"),
        ("pssp.db", "an address without a scheme is no backend"),
        ("", "an address without a scheme is no backend"),
        ("secret password:x", "this address is no backend"),
        ("memory:x", "takes nothing after the colon"),
    ] {
        let text = refusal(url).await;
        assert!(text.contains(said), "{url}: {text}");
        assert!(!text.contains("secret"), "{url}: {text}");
    }
    #[cfg(feature = "sqlite")]
    {
        assert!(refusal("sqlite::memory:").await.contains("use memory:"));
        assert!(refusal("sqlite:/no/such/dir/pssp.db").await.contains("create it"));
        let known = refusal("mysql://h").await;
        assert!(known.contains("sqlite:pssp.db") && known.contains("memory:"), "{known}");
    }
    #[cfg(feature = "redis")]
    {
        let text = refusal("redis://user:secret@host:6379/0?timeout=1").await;
        assert!(text.contains("the only parameter is `prefix`") && !text.contains("secret"), "{text}");
        // No server listens on this port. One may start later, so the error is temporary.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let closed = opened(&format!("redis://user:secret@127.0.0.1:{port}/0")).await.err();
        let Some(OpenError::Store(error)) = closed else { panic!("not the backend's error: {closed:?}") };
        assert!(error.is_temporary() && !error.to_string().contains("secret"), "{error}");
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn open_existing_creates_no_store() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("pssp.db").display());
    let clock = std::sync::Arc::new(pssp_jobs::SystemClock);
    let Err(error) = pssp_backends::open_existing(&url, clock.clone()).await else {
        panic!("a store was created")
    };
    assert!(error.to_string().contains("name the one that the service uses"), "{error}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    drop(pssp_backends::open(&url, clock.clone()).await.unwrap());
    pssp_backends::open_existing(&url, clock).await.unwrap();
}

#[cfg(feature = "redis")]
#[tokio::test(start_paused = true)]
async fn open_when_there_waits_for_an_unavailable_store() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("redis://127.0.0.1:{port}/0");
    let clock = std::sync::Arc::new(pssp_jobs::SystemClock);
    let opening = pssp_backends::open_when_there(&url, clock);
    let limit = std::time::Duration::from_secs(60);
    assert!(
        tokio::time::timeout(limit, opening).await.is_err(),
        "opening ended before the store was available"
    );
}

/// On Lambda, a call to AWS would delay the start.
#[cfg(feature = "aws")]
#[tokio::test]
async fn open_lazily_makes_no_call() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let url = format!("aws://table?queue={endpoint}/0/q&region=eu-central-1&endpoint={endpoint}");
    let clock = Arc::new(SystemClock);
    let backend = pssp_backends::open_lazily(&url, clock.clone()).await.unwrap();
    assert_eq!(backend.store.capabilities().name, "aws");
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(
        pssp_backends::open_lazily("memory:", clock).await.unwrap().store.capabilities().name,
        "memory"
    );
}
