//! `pssp cancel`: cancels jobs.

use ureq::http::Method;

use crate::args::Global;
use crate::client::Client;
use crate::client::jobs::Id;
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// Arguments of `pssp cancel`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Ids of jobs
    #[arg(required = true)]
    ids: Vec<Id>,
}

pub(crate) fn run(args: &Args, global: &Global, ui: Ui) -> Result<Exit, Failure> {
    let client = Client::new(global)?;
    for &id in &args.ids {
        client.act(Method::POST, id, "/cancel")?;
        ui.note(format!("{id} cancelled"));
    }
    Ok(Exit::Ok)
}
