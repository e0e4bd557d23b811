//! `pssp delete`: deletes jobs with their results.

use ureq::http::Method;

use crate::args::Global;
use crate::client::Client;
use crate::client::jobs::Id;
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// Arguments of `pssp delete`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Ids of jobs
    #[arg(required = true)]
    ids: Vec<Id>,
}

/// Runs the command. Deleting a job that does not exist is not an error.
pub(crate) fn run(args: &Args, global: &Global, ui: Ui) -> Result<Exit, Failure> {
    let client = Client::new(global)?;
    for &id in &args.ids {
        client.act(Method::DELETE, id, "")?;
        ui.note(format!("{id} deleted"));
    }
    Ok(Exit::Ok)
}
