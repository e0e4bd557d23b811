//! `pssp import`: brings an archive into a store, or compares the two.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use pssp_jobs::{Backend, Policy, StoreError, SystemClock};
use pssp_moving::archive::Reader;
use pssp_moving::export::MoveError;
use pssp_moving::import::{Compared, Imported, compare, import};

use super::archive::{open, refused};
use super::serve::{self, BackendArg, runtime};
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// Arguments of `pssp import`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Everything arrives once: if the import is cut off, repeat it. What is there already stays as it is, and what was \
                  deleted after an import of this archive stays deleted. Jobs that ran are submitted again. A file is checked to \
                  its end before anything arrives; stdin is checked chunk by chunk. Exits with 1 if an entry could not be stored \
                  or, with --check, is missing."
)]
pub(crate) struct Args {
    /// The store, as PSSP_BACKEND names it, which is taken if this is left out
    #[arg(value_name = "URL")]
    backend: Option<String>,
    /// The archive; stdin if this is left out
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
    file: PathBuf,
    /// Write nothing: compare the archive with what the store has
    #[arg(long)]
    check: bool,
    /// At most so many entries a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let settings = BackendArg::of(args.backend.clone()).settings()?;
    if args.file != Path::new("-") {
        let (reader, name) = open(&args.file)?;
        reader.verify().map_err(|error| refused(&name, &error))?;
    }
    let (archive, name) = open(&args.file)?;
    runtime()?.block_on(async {
        if args.check {
            return check(&serve::backend(&settings).await?, archive, &name, ui).await;
        }
        let backend = serve::new_backend(&settings).await?;
        bring((&backend, &settings.policy), archive, &name, args.rate, ui).await
    })
}

async fn bring<R: BufRead>(
    (backend, policy): (&Backend, &Policy),
    archive: Reader<R>,
    name: &str,
    rate: Option<u32>,
    ui: Ui,
) -> Result<Exit, Failure> {
    let bar = ui.progress(false);
    let tell = |imported: &Imported| {
        let done = imported.sum(|counts| counts.new + counts.before + counts.existing + counts.failed);
        bar.set_message(format!("{done} entries"));
    };
    let imported = import(backend, &SystemClock, policy, archive, rate, tell).await;
    bar.finish_and_clear();
    let imported = imported.map_err(|error| failure(name, error))?;
    for what in &imported.failures {
        ui.warn(format!("not stored: {what}"));
    }
    let failed = imported.sum(|counts| counts.failed);
    if failed > imported.failures.len() as u64 {
        ui.warn(format!("and {} more", failed - imported.failures.len() as u64));
    }
    if ui.json {
        ui.json(&imported)?;
    } else {
        ui.line(summary(&imported))?;
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::JobFailed })
}

fn summary(imported: &Imported) -> String {
    let told = [
        (imported.sum(|counts| counts.new), "arrived"),
        (imported.sum(|counts| counts.before), "had arrived before"),
        (imported.sum(|counts| counts.existing), "were there already, and stay as they are"),
        (imported.sum(|counts| counts.expired), "had expired"),
        (imported.sum(|counts| counts.failed), "could not be stored"),
    ];
    let told: Vec<String> = told
        .iter()
        .enumerate()
        .filter(|(n, (count, _))| *n == 0 || *count > 0)
        .map(|(_, (count, what))| format!("{count} {what}"))
        .collect();
    format!("{} (move {})", told.join(", "), imported.number)
}

async fn check<R: BufRead>(
    backend: &Backend,
    archive: Reader<R>,
    name: &str,
    ui: Ui,
) -> Result<Exit, Failure> {
    let bar = ui.progress(false);
    let tell = |compared: &Compared| {
        bar.set_message(format!("{} entries", compared.same + compared.differ + compared.missing));
    };
    let compared = compare(backend, &SystemClock, archive, tell).await;
    bar.finish_and_clear();
    let compared = compared.map_err(|error| failure(name, error))?;
    for what in &compared.examples {
        ui.warn(format!("missing: {what}"));
    }
    if ui.json {
        ui.json(&compared)?;
    } else {
        ui.line(format!(
            "{} as in the archive, {} otherwise, {} missing, {} had expired",
            compared.same, compared.differ, compared.missing, compared.expired
        ))?;
    }
    Ok(if compared.missing == 0 { Exit::Ok } else { Exit::JobFailed })
}

fn failure(name: &str, error: MoveError) -> Failure {
    match error {
        MoveError::Archive(error) => refused(name, &error)
            .hint("what came before that place has arrived; repeat the import with a whole archive"),
        MoveError::Store(error @ StoreError::Full(_)) => Failure::server(error.to_string())
            .hint("give the store more room and repeat the import: what has arrived is passed over"),
        error => {
            Failure::server(error.to_string()).hint("repeat the import: what has arrived is passed over")
        }
    }
}
