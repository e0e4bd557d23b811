//! `pssp verify`: runs the acceptance cases (`pssp_verify`) against a live service, and leaves nothing behind.

use std::path::PathBuf;
use std::time::Duration;

use pssp_client::{ApiRequest, HttpClient};
use pssp_verify::{GROUPS, Probe, intake_is_paused};

use crate::args::{Global, duration};
use crate::client::{connect_each_time, unreachable};
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

mod report;
mod restart;

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

pub(crate) fn run(args: &Args, global: &Global, ui: Ui) -> Result<Exit, Failure> {
    let client = connect_each_time(global)?;
    reach(&client)?;
    let probe = Probe::new(client, args.timeout, args.expect_version.clone());
    if probe.is_locked_out() {
        let message = "the service asks for a key, and takes no other than its own";
        return Err(Failure::new(Exit::Auth, message).hint("give it with --api-key or PSSP_API_KEY"));
    }
    let paused = probe.pause();
    let mut report = Report::new(ui, global.url.clone());
    for group in GROUPS {
        for check in group.checks.iter().filter(|check| paused.is_none() || !check.submits) {
            report.add(group.name, check.name, || (check.run)(&probe))?;
        }
    }
    if paused.is_some() {
        report.add("intake", "a paused intake answers 503 with Retry-After", || intake_is_paused(&probe))?;
    }
    if let Some(file) = &args.restart_check {
        restart::run(file, &probe, paused.is_some(), &mut report)?;
    }
    if paused.is_none() {
        report.add("clean-up", "the jobs made here are deleted", || probe.clean_up())?;
    }
    report.end(paused.as_deref())
}

/// Waits until the service answers, like the other commands. A service that cannot be reached is an error and not a
/// failed check.
fn reach(client: &HttpClient) -> Result<(), Failure> {
    let mut waits = crate::client::waits();
    loop {
        let Err(error) = client.send(&ApiRequest::get("/healthz")) else { return Ok(()) };
        let failure = unreachable(client, &error).unwrap_or_else(|failure| failure);
        let Some(wait) = waits.next() else { return Err(failure) };
        std::thread::sleep(wait);
    }
}
