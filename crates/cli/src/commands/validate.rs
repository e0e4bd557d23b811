//! `pssp validate`: cleans and checks sequences without predicting anything.

use pssp_api_types::Validated;
use pssp_client::ApiRequest;
use pssp_common::plain;
use pssp_jobs::intake::{NumberedRecord, Records, Rules};
use pssp_predict::sequence::{CleanOptions, Cleaned, Edit, InputErrors, Warning};
use serde::Serialize;

use crate::args::{Global, InputArgs};
use crate::client::Client;
use crate::client::jobs::parse;
use crate::exit::{Exit, Failure};
use crate::input::{self, Source};
use crate::ui::Ui;

/// Limit on the input that is sent to a service, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// Arguments of `pssp validate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// Ask the service at --url, which may have other limits, instead of checking here
    #[arg(long)]
    remote: bool,
    /// Longest sequence, in residues
    #[arg(long, value_name = "N", default_value_t = CleanOptions::default().max_residues)]
    max_residues: usize,
    /// Take sequences that look like nucleotides
    #[arg(long)]
    force: bool,
}

/// The JSON line of one record.
#[derive(Serialize)]
struct Verdict<'a> {
    source: String,
    record: usize,
    id: Option<&'a str>,
    valid: bool,
    #[serde(flatten)]
    cleaned: Option<&'a Cleaned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a InputErrors>,
}

/// Exits with 2 if a record would be refused.
pub(crate) fn run(args: &Args, global: &Global, ui: Ui) -> Result<Exit, Failure> {
    let mut exit = Exit::Ok;
    for source in input::sources(&args.input)? {
        let valid = if args.remote { remote(&source, args, global, ui)? } else { local(&source, args, ui)? };
        if !valid {
            exit = Exit::Input;
        }
    }
    Ok(exit)
}

fn local(source: &Source, args: &Args, ui: Ui) -> Result<bool, Failure> {
    let rules = Rules { max_residues: args.max_residues, max_records: usize::MAX };
    let (mut all_valid, mut empty) = (true, true);
    for record in Records::new(source.open()?, &rules) {
        let record = record.map_err(|e| source.unreadable(&e))?;
        empty = false;
        all_valid &= report(source, &record, &record.clean(&rules, args.force), ui)?;
    }
    if empty {
        return Err(Failure::usage(format!("{source}: no sequence in it"), "send at least one record"));
    }
    Ok(all_valid)
}

fn report(
    source: &Source,
    record: &NumberedRecord,
    outcome: &Result<Cleaned, InputErrors>,
    ui: Ui,
) -> Result<bool, Failure> {
    let id = record.record.id();
    let valid = outcome.is_ok();
    if ui.json {
        let (cleaned, errors) = (outcome.as_ref().ok(), outcome.as_ref().err());
        let (source, record) = (source.to_string(), record.record.number());
        ui.json(&Verdict { source, record, id, valid, cleaned, errors })?;
        return Ok(valid);
    }
    let name = plain(id.unwrap_or("(no id)"));
    match outcome {
        Ok(Cleaned { sequence, edits, warnings }) => show(&name, sequence.len(), edits, warnings, ui)?,
        Err(errors) => {
            ui.line(format!("refused  {name}"))?;
            for error in errors.as_slice() {
                ui.line(format!("           {}", plain(&error.to_string())))?;
            }
        }
    }
    Ok(valid)
}

fn show(name: &str, length: usize, edits: &[Edit], warnings: &[Warning], ui: Ui) -> Result<(), Failure> {
    ui.line(format!("ok       {name}  {length} aa"))?;
    for edit in edits {
        ui.line(format!("           edit: {}", plain(&edit.message)))?;
    }
    for warning in warnings {
        ui.line(format!("           warning: {}", plain(&warning.message)))?;
    }
    Ok(())
}

/// Asks the service, whose route takes one sequence at a time.
fn remote(source: &Source, args: &Args, global: &Global, ui: Ui) -> Result<bool, Failure> {
    let body = source.read(MAX_BYTES)?;
    let path = if args.force { "/v1/validate?force=true" } else { "/v1/validate" };
    let json = Client::new(global)?.json(&ApiRequest::post(path, "text/x-fasta", &body))?;
    if ui.json {
        ui.json(&json)?;
        return Ok(true);
    }
    let Validated { name, length, edits, warnings, .. } = parse(&json)?;
    show(&plain(name.as_deref().unwrap_or("(no id)")), length, &edits, &warnings, ui)?;
    Ok(true) // a refusal is a failure with its places
}
