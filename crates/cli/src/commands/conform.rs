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
                        Exits with 1 if a promise is broken, with 3 if the store cannot be used."
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
    ui.note(format!("{} cases, at most about {} calls, in {}", plan.cases, plan.calls, plan.place));
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
    // Ctrl-C leaves no namespace behind.
    let stop = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let report =
        runtime()?.block_on(conform(home.as_ref(), &options, stop, tell)).map_err(Failure::server)?;
    written?;
    end(&report, ui)
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
