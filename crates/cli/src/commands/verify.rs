//! `pssp verify`: an acceptance test of a live service, from outside, that leaves nothing behind.
//!
//! To add a check, write it in the file of its group and add its line to the group's `CHECKS`. A check
//! may be run against a service that others use at the same time: it looks only at jobs of its own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::args::{Global, duration};
use crate::client::{ApiRequest, Client};
use crate::exit::{Exit, Failure};
use crate::ui::{Ui, plain};

mod answer;
mod batch;
mod classic;
mod events;
mod idempotency;
mod input;
mod jobs;
mod keys;
mod labels;
mod probe;
mod problems;
mod report;
mod restart;
mod results;
mod service;

use answer::Answer;
use probe::Probe;
use report::Report;

/// Arguments of `pssp verify`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exits with 1 if a check failed, with 3 if the service cannot be reached or its intake \
                        is paused. Jobs made on the way are deleted; the handles of a few small batches expire on their own."
)]
pub(crate) struct Args {
    /// Fail unless the service is of this version
    #[arg(long, value_name = "VERSION")]
    expect_version: Option<String>,
    /// How long a job may take until it counts as stuck
    #[arg(long, value_parser = duration, value_name = "TIME", default_value = "60s")]
    timeout: Duration,
    /// Keep two finished jobs, noted in FILE, for the next run with the same FILE: it checks that they
    /// outlived what happened in between, such as a restart, deletes them, and keeps two new ones
    #[arg(long, value_name = "FILE")]
    restart_check: Option<PathBuf>,
}

/// How a check ends badly, or not at all.
#[derive(Debug, PartialEq, Eq)]
enum Why {
    Failed(String),
    /// It cannot be told here.
    Skipped(String),
}

impl From<String> for Why {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// How a check ends.
type Verdict = Result<(), Why>;

/// One check.
struct Check {
    name: &'static str,
    /// Whether it makes jobs, and so cannot be run while intake is paused.
    submits: bool,
    run: fn(&Probe) -> Verdict,
}

/// A check that makes nothing.
const fn reads(name: &'static str, run: fn(&Probe) -> Verdict) -> Check {
    Check { name, submits: false, run }
}

/// A check that makes jobs.
const fn submits(name: &'static str, run: fn(&Probe) -> Verdict) -> Check {
    Check { name, submits: true, run }
}

/// Every check, in order.
const GROUPS: &[(&str, &[Check])] = &[
    ("service", service::CHECKS),
    ("keys", keys::CHECKS),
    ("classic", classic::CHECKS),
    ("jobs", jobs::CHECKS),
    ("events", events::CHECKS),
    ("results", results::CHECKS),
    ("idempotency", idempotency::CHECKS),
    ("batch", batch::CHECKS),
    ("input", input::CHECKS),
    ("problems", problems::CHECKS),
];

/// Fails with `why` unless it `holds`.
fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// Fails unless `got` is `expected`.
fn equal<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, expected: &T) -> Result<(), String> {
    ensure(got == expected, || format!("{what}: {expected:?} expected, got {got:?}"))
}

/// Runs it.
pub(crate) fn run(args: &Args, global: &Global, ui: Ui) -> Result<Exit, Failure> {
    let client = Client::fresh(global)?;
    reach(&client)?;
    let probe = Probe::new(client, args.timeout, args.expect_version.clone());
    probe.let_in()?;
    let paused = probe.pause();
    let mut report = Report::new(ui, global.url.clone());
    for (group, checks) in GROUPS {
        for check in checks.iter().filter(|check| paused.is_none() || !check.submits) {
            report.add(group, check.name, || (check.run)(&probe))?;
        }
    }
    if paused.is_some() {
        report.add("intake", "a paused intake answers 503 with Retry-After", || problems::paused(&probe))?;
    }
    if let Some(file) = &args.restart_check {
        restart::run(file, &probe, paused.is_some(), &mut report)?;
    }
    if paused.is_none() {
        report.add("clean-up", "the jobs made here are deleted", || probe.clean_up())?;
    }
    report.end(paused.as_deref())
}

/// Waits for the service as every command does, and tells one that is not there from one that is wrong.
fn reach(client: &Client) -> Result<(), Failure> {
    let patience = [100, 300, 800, 2_000].map(Duration::from_millis);
    let mut waits = patience.into_iter();
    loop {
        let Err(failure) = client.look(&ApiRequest::get("/healthz")) else { return Ok(()) };
        let Some(wait) = waits.next() else { return Err(failure) };
        std::thread::sleep(wait);
    }
}

/// Sleeps a little longer each time, up to a second: between looks at what changes on its own.
struct Pace {
    since: Instant,
    next: Duration,
}

impl Pace {
    fn start() -> Self {
        Self { since: Instant::now(), next: Duration::from_millis(20) }
    }

    /// Sleeps; `false` without doing so once `limit` is over.
    fn wait(&mut self, limit: Duration) -> bool {
        if self.since.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(self.next);
        self.next = (self.next * 2).min(Duration::from_secs(1));
        true
    }
}

/// A text in JSON, or nothing.
fn text<'a>(json: &'a Value, field: &str) -> &'a str {
    json[field].as_str().unwrap_or_default()
}

/// Text of the service's, cut to what fits on a line.
fn brief(text: &str) -> String {
    let mut shown: String = plain(text.trim()).chars().take(160).collect();
    if text.trim().chars().nth(160).is_some() {
        shown.push('…');
    }
    shown
}
