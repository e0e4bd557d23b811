//! `pssp dead`: lists dead letters and sends their jobs again. For operators: works directly on the backend, also while
//! servers run.

use clap::Subcommand;
use pssp_common::plain;
use pssp_jobs::service::JobsError;
use pssp_jobs::{DeadLetter, JobId, Jobs};
use serde_json::json;

use super::serve::{BackendArg, jobs, runtime};
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// Dead letters in one page.
const PAGE: usize = 100;

/// Arguments of `pssp dead`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    backend: BackendArg,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what lies there, newest first
    List {
        /// How many at most
        #[arg(short = 'n', long, default_value_t = 100)]
        limit: usize,
    },
    /// Send jobs again, with their attempts counted from zero
    Redrive {
        /// Ids of jobs
        #[arg(required = true)]
        ids: Vec<JobId>,
    },
    /// Throw away messages that belong to no job
    Discard {
        /// Ids of messages, as `list` shows them
        #[arg(required = true)]
        ids: Vec<JobId>,
    },
}

pub(crate) fn run(args: Args, ui: Ui) -> Result<Exit, Failure> {
    let settings = args.backend.settings()?;
    runtime()?.block_on(async {
        let jobs = jobs(settings).await?;
        match args.action {
            Action::List { limit } => list(&jobs, limit, ui).await,
            Action::Redrive { ids } => redrive(&jobs, &ids, ui).await,
            Action::Discard { ids } => discard(&jobs, &ids, ui).await,
        }
    })
}

async fn list(jobs: &Jobs, limit: usize, ui: Ui) -> Result<Exit, Failure> {
    let (mut left, mut before) = (limit, None);
    while left > 0 {
        let page =
            jobs.dead_letters(before, left.min(PAGE)).await.map_err(|e| Failure::server(e.to_string()))?;
        for letter in page.items.iter().take(left) {
            show(letter, ui)?;
        }
        left = left.saturating_sub(page.items.len());
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    Ok(Exit::Ok)
}

fn show(letter: &DeadLetter, ui: Ui) -> Result<(), Failure> {
    if ui.json {
        return ui.json(letter);
    }
    let what = if letter.job.is_some() { "job" } else { "message" };
    ui.line(format!("{}  {what:<7}  {}  {}", letter.id, letter.at, plain(&letter.reason)))
}

async fn redrive(jobs: &Jobs, ids: &[JobId], ui: Ui) -> Result<Exit, Failure> {
    for &id in ids {
        let job = jobs.redrive(id).await.map_err(|error| match error {
            JobsError::NotFound => Failure::new(Exit::NotFound, format!("{id}: no such job")),
            JobsError::Refused(_) => Failure::new(Exit::Input, format!("{id}: {error}")),
            error => Failure::server(format!("{id}: {error}")),
        })?;
        if ui.json {
            ui.json(&json!({ "id": job.id(), "status": job.state() }))?;
        } else {
            ui.note(format!("{id} sent again"));
        }
    }
    Ok(Exit::Ok)
}

async fn discard(jobs: &Jobs, ids: &[JobId], ui: Ui) -> Result<Exit, Failure> {
    for &id in ids {
        let gone = jobs.discard(id).await;
        if !gone.map_err(|error| Failure::server(format!("{id}: {error}")))? {
            return Err(not_discarded(jobs, id).await);
        }
        if ui.json {
            ui.json(&json!({ "id": id, "discarded": true }))?;
        } else {
            ui.note(format!("{id} thrown away"));
        }
    }
    Ok(Exit::Ok)
}

/// The reason why `id` was not discarded: it is a job, which only its owner deletes, or it does not exist.
async fn not_discarded(jobs: &Jobs, id: JobId) -> Failure {
    match jobs.get(id).await {
        Ok(Some(_)) => Failure::new(Exit::Input, format!("{id}: a job, not a message"))
            .hint("send it again with `pssp dead redrive`, or leave it: it expires"),
        Ok(None) => Failure::new(Exit::NotFound, format!("{id}: no such dead letter")),
        Err(error) => Failure::server(format!("{id}: {error}")),
    }
}
