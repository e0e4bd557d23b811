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
async fn memory_and_files_open() {
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
async fn refusals_say_what_would_do() {
    for (url, said) in [
        ("redis://user:secret@host:6379/0", "redis: is not in this build"),
        ("aws://table?queue=q", "aws: is not in this build"),
        ("postgres://user:secret@host/db", "postgres: is no backend: use one of"),
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
        assert!(refusal("mysql://h").await.contains("sqlite:pssp.db, memory:"));
    }
}
