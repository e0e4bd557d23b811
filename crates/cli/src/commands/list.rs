//! `pssp list`: your jobs, newest first.

use pssp_client::ApiRequest;
use pssp_jobs::State;
use serde::Deserialize;
use serde_json::Value;

use crate::args::Global;
use crate::client::Client;
use crate::client::jobs::{job, parse};
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// Jobs of one page.
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

#[derive(Deserialize)]
struct Page {
    jobs: Vec<Value>,
    #[serde(default)]
    next: Option<String>,
}

pub(crate) fn run(args: &Args, global: &Global, ui: Ui) -> Result<Exit, Failure> {
    let client = Client::new(global)?;
    let mut left = if args.all { usize::MAX } else { args.limit };
    let mut cursor: Option<String> = None;
    while left > 0 {
        let mut path = format!("/v1/jobs?limit={}", left.min(PAGE));
        if let Some(state) = args.status {
            path += &format!("&status={state}");
        }
        if let Some(cursor) = &cursor {
            path += &format!("&cursor={cursor}");
        }
        let Page { jobs, next } = parse(&client.json(&ApiRequest::get(&path))?)?;
        for json in jobs.into_iter().take(left) {
            left -= 1;
            let told = job(json)?;
            if ui.json {
                ui.json(&told.json)?;
            } else {
                ui.line(&told.thing)?;
            }
        }
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(Exit::Ok)
}
