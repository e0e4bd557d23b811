//! `pssp conform`: runs the contract of the backends against a real store, in namespaces that it removes.

use std::io::IsTerminal;

use pssp_conform::{CaseResult, Options, Outcome, Report, home, run as conform};

use super::serve::runtime;
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// Arguments of `pssp conform`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every case has a namespace of its own (a file, a prefix of keys, a schema, or a table with a queue) \
                        beside what the URL names, and deletes it. The user needs the right to make and delete these. \
                        Exits with 1 if a promise is broken, not every case ran or something could not be deleted, with 3 if \
                        the store cannot be used."
)]
pub(crate) struct Args {
    /// The store, as PSSP_BACKEND names it. In the environment other users do not see its password
    #[arg(env = "PSSP_BACKEND", hide_env_values = true, value_name = "URL")]
    backend: String,
    /// Also let calls fail before and after they took effect
    #[arg(long)]
    faults: bool,
    /// Only the cases whose names contain this
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let usage = |why: String| Failure::usage(why, "see `pssp settings` for the values of PSSP_BACKEND");
    let home = home(args.backend.trim()).map_err(usage)?;
    let options = Options { faults: args.faults, only: args.case.clone() };
    let plan = options.plan(home.as_ref());
    if plan.cases == 0 {
        return Err(Failure::usage("no case has this in its name", "leave out --case to see them all"));
    }
    let calls = plan.calls.map_or_else(String::new, |calls| format!(", at most about {calls} calls"));
    ui.note(format!("{} cases{calls}, in {}", plan.cases, plan.place));
    let mut promise = "";
    let mut written = Ok(());
    let tell = |of: &'static str, outcome: &Outcome| {
        if ui.json || written.is_err() {
            return;
        }
        if of != promise {
            written = ui.line(of);
            promise = of;
        }
        if written.is_ok() {
            written = ui.line(text(outcome));
        }
    };
    let runtime = runtime()?;
    let stop = runtime.block_on(async { stop_signals() });
    let stop = stop.map_err(|error| Failure::server(format!("cannot watch for signals: {error}")))?;
    let report = runtime.block_on(conform(home.as_ref(), &options, stop, tell)).map_err(Failure::server)?;
    written?;
    end(&report, ui)
}

/// Completes when the command is to end: Ctrl-C, SIGTERM, or a terminal that was closed. It watches from the call on, so
/// that no namespace is left behind.
#[cfg(unix)]
fn stop_signals() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// The same for Ctrl-C alone.
#[cfg(not(unix))]
fn stop_signals() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

/// One line for a case.
fn text(outcome: &Outcome) -> String {
    let (fine, bad, other) =
        if std::io::stdout().is_terminal() { ("✓", "✗", "-") } else { ("ok  ", "FAIL", "dev ") };
    let name = outcome.case.replace('_', " ");
    let clock = if outcome.on_store_time { ", on the store's time" } else { "" };
    match &outcome.result {
        CaseResult::Passed => format!("  {fine} {name}{clock} ({} ms)", outcome.ms),
        CaseResult::Failed { why } => format!("  {bad} {name}{clock}: {}", why.replace('\n', " ")),
        CaseResult::Deviation { why } => format!("  {other} {name}: declared deviation: {why}"),
    }
}

fn end(report: &Report, ui: Ui) -> Result<Exit, Failure> {
    let count = |is: fn(&CaseResult) -> bool| report.outcomes().filter(|o| is(&o.result)).count();
    let passed = count(|result| matches!(result, CaseResult::Passed));
    let failed = count(|result| matches!(result, CaseResult::Failed { .. }));
    let deviations = count(|result| matches!(result, CaseResult::Deviation { .. }));
    if ui.json {
        ui.json(report)?;
    } else {
        ui.line(format!(
            "{passed} passed, {failed} failed, {deviations} declared deviations, {} calls",
            report.calls
        ))?;
    }
    if report.stopped {
        ui.warn("stopped before the end");
    }
    for left in &report.left {
        ui.warn(format!("not deleted: {left}"));
    }
    Ok(if report.is_kept() { Exit::Ok } else { Exit::JobFailed })
}
