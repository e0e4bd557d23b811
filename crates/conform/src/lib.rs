//! Runs the contract of a backend against a real store, and reports which promises it keeps.
//!
//! A [`Home`] makes a fresh, empty namespace for each case ([`Harness`]), and the namespace is deleted after the case.
//! [`home`] makes the home of a `PSSP_BACKEND` value. A backend of somebody else brings its own:
//! `examples/third-party-backend` shows how.

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "aws")]
mod lagging;
mod memory;
#[cfg(any(feature = "redis", feature = "postgres"))]
mod networked;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod report;
mod run;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "redis", feature = "postgres"))]
mod url;

use async_trait::async_trait;
use pssp_jobs::contract::Harness;

pub use pssp_jobs::contract;
pub use report::{Outcome, Promise, Report, Result as CaseResult};
pub use run::{Options, Plan, run};

/// Cases that also run on the time of the store, if it has one ([`Home::fresh_on_store_time`]).
pub const ON_STORE_TIME: &[&str] = &[
    "accepted_is_durable",
    "a_lost_worker_is_replaced",
    "an_unsettled_message_comes_back",
    "delayed_messages_wait",
    "retry_comes_back_later",
    "a_stale_receipt_settles_nothing",
    "extending_hides_the_message",
    "a_backlog_drains_in_bounded_batches",
    "waiting_is_woken_by_the_finish",
];

/// A store in which namespaces for the cases are made.
#[async_trait]
pub trait Home: Send + Sync {
    /// The name of the backend.
    fn name(&self) -> &'static str;

    /// Where the namespaces are made, for people; without a password.
    fn place(&self) -> String;

    /// A fresh, empty namespace. If the clock of the queue can be moved, it is.
    ///
    /// # Errors
    /// Why it could not be made, with the remedy.
    async fn fresh(&self) -> Result<Box<dyn Harness>, String>;

    /// The same on the time of the store, as in production. `None` if [`fresh`](Self::fresh) is already on it, or the
    /// store has no time of its own.
    ///
    /// # Errors
    /// As for [`fresh`](Self::fresh).
    async fn fresh_on_store_time(&self) -> Result<Option<Box<dyn Harness>>, String> {
        Ok(None)
    }
}

/// The home of a `PSSP_BACKEND` value.
///
/// # Errors
/// Why there is none, with the remedy. The text never contains the URL, since that may contain a password.
pub fn home(url: &str) -> Result<Box<dyn Home>, String> {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    match scheme {
        #[cfg(feature = "sqlite")]
        "sqlite" => Ok(Box::new(sqlite::SqliteHome::new(url)?)),
        #[cfg(feature = "redis")]
        "redis" | "rediss" => {
            Ok(Box::new(networked::ServerHome::<pssp_backend_redis::RedisBackend>::new(url)))
        }
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => {
            Ok(Box::new(networked::ServerHome::<pssp_backend_postgres::PostgresBackend>::new(url)))
        }
        #[cfg(feature = "aws")]
        "aws" => Ok(Box::new(aws::AwsHome::new(url)?)),
        "memory" => Ok(Box::new(memory::MemoryHome)),
        _ => {
            Err("give the value of PSSP_BACKEND: sqlite:, redis://, postgres://, aws:// or memory:"
                .to_owned())
        }
    }
}

/// A name that no other run uses, of letters, digits and one `_`.
fn scratch_name() -> String {
    format!("conform_{}", uuid::Uuid::now_v7().simple())
}
