//! `pssp status`: shows the state of jobs or batches.

use crate::args::Global;
use crate::client::Client;
use crate::client::jobs::Id;
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// Arguments of `pssp status`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Ids of jobs or batches
    #[arg(required = true)]
    ids: Vec<Id>,
}

/// Runs the command. Exits with 1 if a job has failed.
pub(crate) fn run(args: &Args, global: &Global, ui: Ui) -> Result<Exit, Failure> {
    let client = Client::new(global)?;
    let mut exit = Exit::Ok;
    for &id in &args.ids {
        let response = client.find(id, None)?;
        if ui.json {
            ui.json(&response.json)?;
        } else {
            ui.line(&response.found)?;
        }
        if response.found.exit() == Exit::JobFailed {
            exit = Exit::JobFailed;
        }
    }
    Ok(exit)
}
