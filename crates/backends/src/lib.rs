//! Opens the backend of a URL. This is the only crate that knows all backends.
//!
//! | URL | backend |
//! |---|---|
//! | `sqlite:pssp.db`, `sqlite:///var/lib/pssp/pssp.db?max_bytes=10000000000` | one SQLite file |
//! | `redis://user:password@host:6379/0?prefix=pssp`, `rediss://…` (with TLS) | one Redis |
//! | `postgres://user:password@host/database?schema=pssp&sslmode=verify-full` | one schema of a PostgreSQL database |
//! | `aws://<table>?queue=<queue URL>&region=eu-central-1` | one DynamoDB table and one SQS queue |
//! | `memory:` | the memory of this process: for trials, gone at exit |
//!
//! Cargo features decide which backends are built in; [`SCHEMES`] lists them.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use pssp_common::Backoff;
use pssp_jobs::memory::MemoryBackend;
use pssp_jobs::{Backend, Clock, StoreError};

/// A URL scheme that is built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheme {
    /// The text before the colon.
    pub name: &'static str,
    /// An example of a URL.
    pub example: &'static str,
}

/// The schemes that are built in.
pub const SCHEMES: &[Scheme] = &[
    #[cfg(feature = "sqlite")]
    Scheme { name: "sqlite", example: "sqlite:pssp.db" },
    #[cfg(feature = "redis")]
    Scheme { name: "redis", example: "redis://localhost:6379/0" },
    #[cfg(feature = "redis")]
    Scheme { name: "rediss", example: "rediss://user:password@host:6379/0" },
    #[cfg(feature = "postgres")]
    Scheme { name: "postgres", example: "postgres://user:password@host/database?sslmode=verify-full" },
    #[cfg(feature = "postgres")]
    Scheme { name: "postgresql", example: "postgresql://user@host/database" },
    #[cfg(feature = "aws")]
    Scheme { name: "aws", example: "aws://table?queue=https://sqs.eu-central-1.amazonaws.com/1234/queue" },
    Scheme { name: "memory", example: "memory:" },
];

/// Schemes that a build may leave out.
const OPTIONAL_SCHEMES: &[&str] = &["sqlite", "redis", "rediss", "postgres", "postgresql", "aws"];

/// The reason why a backend could not be opened. The text never contains the URL, since that may contain a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// An unknown scheme, or no scheme at all.
    #[error("{0} is no backend: use one of {known}", known = known())]
    Unknown(String),
    /// A backend that this build does not include.
    #[error("{0}: is not in this build, which has {known}", known = known())]
    NotBuilt(String),
    /// The scheme is known, but the rest of the URL is not valid. The text names what is expected.
    #[error("{0}")]
    Malformed(String),
    /// An error of the backend.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn known() -> String {
    SCHEMES.iter().map(|scheme| scheme.example).collect::<Vec<_>>().join(", ")
}

/// Opens the backend of `url`. The clock decides when messages are due.
///
/// # Errors
/// [`OpenError`]; its text contains the remedy.
pub async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Backend, OpenError> {
    let url = url.trim();
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(OpenError::Unknown("an address without a scheme".to_owned()));
    };
    match scheme {
        #[cfg(feature = "sqlite")]
        "sqlite" => sqlite::open(rest, clock).await,
        #[cfg(feature = "redis")]
        "redis" | "rediss" => redis::open(url, clock).await,
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => postgres::open(url, clock).await,
        #[cfg(feature = "aws")]
        "aws" => aws::open(url, clock).await,
        "memory" if rest.is_empty() => {
            tracing::warn!("jobs are kept in memory only and are lost when this process ends");
            Ok(Backend::of(Arc::new(MemoryBackend::new(clock))))
        }
        "memory" => Err(OpenError::Malformed("memory: takes nothing after the colon".to_owned())),
        _ if OPTIONAL_SCHEMES.contains(&scheme) => Err(OpenError::NotBuilt(scheme.to_owned())),
        // The error shows only a short scheme, since the rest of the text may contain a password.
        _ if scheme.len() <= 16 && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            Err(OpenError::Unknown(format!("{scheme}:")))
        }
        _ => Err(OpenError::Unknown("this address".to_owned())),
    }
}

/// Opens the backend without a call to it, if possible. On Lambda the time to the first response matters, and an error
/// shows at the first call anyway. Other backends are opened as by [`open`].
///
/// # Errors
/// [`OpenError`]; its text contains the remedy.
pub async fn open_lazily(url: &str, clock: Arc<dyn Clock>) -> Result<Backend, OpenError> {
    #[cfg(feature = "aws")]
    if url.trim().starts_with("aws:") {
        return aws::connect(url.trim(), clock).await;
    }
    open(url, clock).await
}

/// First and longest wait between two tries of [`open_when_there`].
const RETRY_WAIT: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Opens the backend, and retries while it cannot be reached. So a server that starts before its store need not be
/// restarted. There is no time limit; drop the future to stop.
///
/// # Errors
/// [`OpenError`], if a retry does not help.
pub async fn open_when_there(url: &str, clock: Arc<dyn Clock>) -> Result<Backend, OpenError> {
    let mut waits = Backoff::new(RETRY_WAIT.0, RETRY_WAIT.1);
    let mut waited = false;
    loop {
        match open(url, clock.clone()).await {
            Err(OpenError::Store(error)) if error.is_temporary() => {
                if !waited {
                    tracing::warn!(%error, "the store is not there yet, waiting for it: {error}");
                }
                waited = true;
            }
            opened => {
                if waited && opened.is_ok() {
                    tracing::info!("the store is there");
                }
                return opened;
            }
        }
        tokio::time::sleep(waits.next_wait()).await;
    }
}

/// Opens a backend that exists already. Refuses a store that would have to be created, since most often its name has a
/// typing error.
///
/// # Errors
/// [`OpenError`]; its text contains the remedy.
pub async fn open_existing(url: &str, clock: Arc<dyn Clock>) -> Result<Backend, OpenError> {
    #[cfg(feature = "sqlite")]
    if let Some(rest) = url.trim().strip_prefix("sqlite:") {
        sqlite::exists(rest)?;
    }
    #[cfg(feature = "postgres")]
    if matches!(url.trim().split_once(':'), Some(("postgres" | "postgresql", _))) {
        return postgres::open_existing(url.trim(), clock).await;
    }
    open(url, clock).await
}
