//! Starts the service on each of its platforms, for the end-to-end suite (`tests/it`).
//!
//! A [`Platform`] runs the deployed programs as they are deployed: `pssp serve` with a SQLite file; `pssp-api` and
//! `pssp-worker` with a Redis or a PostgreSQL; the same two programs as Lambda functions with stand-ins for SQS and DynamoDB. All
//! servers listen on loopback and are stopped when the test ends.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "test support: it may panic, and no other crate reads its documentation"
)]

mod aws;
mod browser;
pub mod client;
mod embedded;
mod networked;
mod postgres;
mod program;
mod proxy;
mod redis;

pub use aws::Aws;
pub use browser::{Browser, Look};
pub use client::Client;
pub use embedded::Embedded;
pub use postgres::Postgres;
pub use program::{repository, until};
pub use proxy::serve_below;
pub use redis::Redis;

/// Settings on every platform: one thread, so that jobs wait for each other, and a short lease, so that a lost worker
/// is noticed soon.
pub const SETTINGS: &[(&str, &str)] = &[
    ("PSSP_WORKERS", "1"),
    ("PSSP_LEASE", "3s"),
    ("PSSP_HEARTBEAT", "1s"),
    ("PSSP_SWEEP_EVERY", "1s"),
    ("PSSP_RESEND_AFTER", "2s"),
    ("PSSP_BACKOFF", "100ms"),
    ("PSSP_ADMIN_KEY", "a-key-of-the-operator"),
    ("PSSP_ALLOW_DELETE_ALL", "true"),
];

/// A running service, with the faults that a test can cause.
pub trait Platform {
    /// A client of the service.
    fn client(&self) -> Client;

    /// The value of `PSSP_BACKEND`, for an operator's commands.
    fn backend(&self) -> String;

    /// Further variables that an operator's commands need.
    fn operator_env(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Kills every process that works on jobs, as `kill -9` does.
    fn kill_workers(&mut self);

    /// Starts workers again.
    fn start_workers(&mut self);

    /// Kills the API as `kill -9` does, and starts it again. A worker in the same process is restarted too.
    fn restart_api(&mut self);

    /// Crashes the store and the queue, and starts them again with all data that they had acknowledged.
    fn restart_store(&mut self);

    /// Deletes all messages of the queue. The records stay.
    fn lose_messages(&mut self);
}

/// Runs an operator's command, `pssp ARGS… --backend …`, and returns its output.
///
/// # Panics
/// If the command fails.
#[must_use]
pub fn operate(platform: &dyn Platform, args: &[&str]) -> String {
    let command = args.iter().position(|arg| !arg.starts_with('-')).unwrap() + 1;
    let backend = platform.backend();
    pssp(platform, &[&args[..command], &["--backend", backend.as_str()], &args[command..]].concat())
}

/// Runs `pssp` as a user of the service, and returns its output.
///
/// # Panics
/// If the command fails.
#[must_use]
pub fn pssp(platform: &dyn Platform, args: &[&str]) -> String {
    let mut command = program::command("pssp");
    command.env("PSSP_URL", platform.client().url()).envs(platform.operator_env());
    let done = command.args(args).current_dir(program::repository()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "pssp {args:?}: {}\n{out}\n{err}", done.status);
    out.into_owned()
}
