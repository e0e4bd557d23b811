//! `pssp archive`: checks an archive and tells what it has.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use pssp_moving::archive::{ArchiveError, Reader};
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// Arguments of `pssp archive`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The archive, or `-` for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let (reader, name) = open(&args.file)?;
    let (header, end) = reader.verify().map_err(|error| refused(&name, &error))?;
    if ui.json {
        ui.json(&json!({ "archive": header, "totals": end.totals, "damaged": end.damaged }))?;
        return Ok(Exit::Ok);
    }
    ui.line(format!(
        "whole: an archive of {}, made {} by pssp {}",
        header.home, header.made_at, header.program
    ))?;
    ui.line(&end.totals)?;
    for what in &end.damaged {
        ui.line(format!("the store could not read: {what}"))?;
    }
    Ok(Exit::Ok)
}

/// Opens an archive, and returns its name for messages.
pub(super) fn open(path: &Path) -> Result<(Reader<Box<dyn BufRead>>, String), Failure> {
    let name = if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
    let input: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let file = File::open(path);
        Box::new(BufReader::new(file.map_err(|e| {
            Failure::usage(format!("cannot read {name}: {e}"), "name an archive that `pssp export` made")
        })?))
    };
    let reader = Reader::open(input).map_err(|error| refused(&name, &error))?;
    Ok((reader, name))
}

/// The failure for an archive that is refused.
pub(super) fn refused(name: &str, error: &ArchiveError) -> Failure {
    match error {
        ArchiveError::Io(error) => Failure::server(format!("reading {name} failed: {error}")),
        error => Failure::new(Exit::Input, format!("{name}: {error}")),
    }
}
