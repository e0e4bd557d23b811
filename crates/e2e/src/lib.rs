//! The service, started on each of its platforms. The end-to-end suite (`tests/it`) runs against it.
//!
//! A [`Platform`] runs the programs that are deployed, as they are deployed: `pssp serve` over a file;
//! `pssp-api` and `pssp-worker` over a Redis of their own; the same two as Lambda functions over
//! stand-ins of SQS and DynamoDB. Everything listens on loopback and ends with the test.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "test support: failing loudly is what it is for"
)]

mod aws;
pub mod client;
mod embedded;
mod program;
mod redis;

pub use aws::Aws;
pub use client::Client;
pub use embedded::Embedded;
pub use program::until;
pub use redis::Redis;

/// Settings on every platform: one thread, so that jobs wait for each other, and a short lease, so that a lost worker is
/// noticed soon.
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

/// A running service, and what can be done to it.
pub trait Platform {
    /// A client of it.
    fn client(&self) -> Client;

    /// What `PSSP_BACKEND` is there, for an operator's commands.
    fn backend(&self) -> String;

    /// Variables that an operator's commands need beside it.
    fn operator_env(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// `kill -9` of every process that works on jobs.
    fn kill_workers(&mut self);

    /// Workers are started again.
    fn start_workers(&mut self);

    /// `kill -9` of the API, and a new start of it. Where the worker is part of the same process, it is restarted too.
    fn restart_api(&mut self);

    /// The store and the queue crash, and come back with the data that they had acknowledged.
    fn restart_store(&mut self);

    /// All messages of the queue are lost. The records stay.
    fn lose_messages(&mut self);
}

/// Runs an operator's command, `pssp ARGS… --backend …`, and returns its output.
///
/// # Panics
/// If it fails.
#[must_use]
pub fn operate(platform: &dyn Platform, args: &[&str]) -> String {
    let command = args.iter().position(|arg| !arg.starts_with('-')).unwrap() + 1;
    let backend = platform.backend();
    pssp(platform, &[&args[..command], &["--backend", backend.as_str()], &args[command..]].concat())
}

/// Runs `pssp` as a user of the service, and returns its output.
///
/// # Panics
/// If it fails.
#[must_use]
pub fn pssp(platform: &dyn Platform, args: &[&str]) -> String {
    let mut command = program::command("pssp");
    command.env("PSSP_URL", platform.client().url()).envs(platform.operator_env());
    let done = command.args(args).current_dir(program::repository()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "pssp {args:?}: {}\n{out}\n{err}", done.status);
    out.into_owned()
}
