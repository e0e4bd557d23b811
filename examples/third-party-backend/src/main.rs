//! Tests a backend of your own against the contract of pssp: `cargo run`, or `cargo run -- --faults`.
//!
//! `OurBackend` stands for yours: a type that implements the ports of `pssp_jobs::ports`. Here it is the one that keeps
//! jobs in memory. What you write for the tests is the rest of this file: how to make a namespace, and how to delete it.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pssp_conform::contract::Harness;
use pssp_conform::{CaseResult, Home, Options, run};
use pssp_jobs::memory::MemoryBackend as OurBackend;
use pssp_jobs::{Backend, Clock, ManualClock, SystemClock};

/// Where your store is: an address, a folder, a test server that this program starts.
struct OurHome;

#[async_trait]
impl Home for OurHome {
    fn name(&self) -> &'static str {
        "ours"
    }

    fn place(&self) -> String {
        "the memory of this process".to_owned()
    }

    /// A fresh, empty namespace: a schema, a prefix, a folder with a name that nobody uses.
    async fn fresh(&self) -> Result<Box<dyn Harness>, String> {
        // A clock that the cases move. A store that uses its own time takes `SystemClock`, and `advance` sleeps.
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let backend = Arc::new(OurBackend::new(clock.clone()));
        Ok(Box::new(Namespace { backend, clock }))
    }
}

struct Namespace {
    backend: Arc<OurBackend>,
    clock: Arc<ManualClock>,
}

#[async_trait]
impl Harness for Namespace {
    fn backend(&self) -> Backend {
        Backend::of(self.backend.clone())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Opens the same namespace again, as after a crash. What is only in memory is gone then; this one does nothing.
    async fn reopen(&mut self) {}

    /// Puts a body into the queue that pssp has not written, past your backend if you can.
    async fn inject(&self, body: &str) {
        self.backend.inject(body);
    }

    /// What you know that you do not keep, and say so.
    fn deviation(&self, case: &str) -> Option<&'static str> {
        match case {
            // "accepted_is_durable" => Some("jobs live as long as the process"),
            _ => None,
        }
    }

    /// Deletes the namespace. Here it ends with the value.
    async fn remove(&mut self) -> Result<(), String> {
        Ok(())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options { faults: std::env::args().any(|arg| arg == "--faults"), only: None };
    let stop = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
    let report = run(&OurHome, &options, stop, |promise, outcome| match &outcome.result {
        CaseResult::Passed => println!("ok    {promise}: {}", outcome.case),
        CaseResult::Failed { why } => println!("FAIL  {promise}: {}: {why}", outcome.case),
        CaseResult::Deviation { why } => println!("dev   {promise}: {}: {why}", outcome.case),
    })
    .await;
    match report {
        Ok(report) if report.is_kept() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(3)
        }
    }
}
