//! `pssp list`: lists the caller's jobs, newest first.

use pssp_api_types::JobPage;
use pssp_client::ApiRequest;
use pssp_jobs::{JobId, State};

use crate::args::Global;
use crate::client::Client;
use crate::client::jobs::{job, parse};
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// Jobs in one page.
const PAGE: usize = 100;

/// Arguments of `pssp list`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only jobs in this state: submitted, running, finished, failed or cancelled
    #[arg(short, long)]
    status: Option<State>,
    /// How many at most
    #[arg(short = 'n', long, default_value_t = 20, conflicts_with = "all")]
    limit: usize,
    /// All of them
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(args: &Args, global: &Global, ui: Ui) -> Result<Exit, Failure> {
    let client = Client::new(global)?;
    let mut left = if args.all { usize::MAX } else { args.limit };
    let mut cursor: Option<JobId> = None;
    while left > 0 {
        let mut path = format!("/v1/jobs?limit={}", left.min(PAGE));
        if let Some(state) = args.status {
            path += &format!("&status={state}");
        }
        if let Some(cursor) = &cursor {
            path += &format!("&cursor={cursor}");
        }
        let mut json = client.json(&ApiRequest::get(&path))?;
        let page: JobPage = parse(&json)?;
        let jobs = json["jobs"].as_array_mut().map(std::mem::take).unwrap_or_default();
        for json in jobs.into_iter().take(left) {
            left -= 1;
            let response = job(json)?;
            if ui.json {
                ui.json(&response.json)?;
            } else {
                ui.line(&response.found)?;
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(Exit::Ok)
}
