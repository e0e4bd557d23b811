//! `pssp result`: fetches the result of a job or batch in any format.

use std::io::{self, Write};

use pssp_client::ApiRequest;
use pssp_predict::format::Format;

use super::predict::{choose_format, format_help, parse_format};
use crate::args::{Global, OutputArgs, StructureArgs};
use crate::client::Client;
use crate::client::jobs::{Id, named};
use crate::exit::{Exit, Failure};
use crate::ui::{self, Ui};
use crate::warnings;

/// Arguments of `pssp result`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Id of a job or batch
    id: Id,
    /// How to write it
    #[arg(short, long, value_parser = parse_format, value_name = "FORMAT", help = format_help())]
    format: Option<Format>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    structure: StructureArgs,
}

pub(crate) fn run(args: &Args, global: &Global, ui: Ui) -> Result<Exit, Failure> {
    let client = Client::new(global)?;
    let format = choose_format(args.format, &args.output, ui);
    args.structure.parse(format)?;
    let mut query = format!("format={}", format.extension());
    for (name, value) in [("chain", &args.structure.chain), ("first_residue", &args.structure.first_residue)]
    {
        // What was parsed has nothing that must be encoded but blanks around commas.
        query +=
            &value.as_ref().map(|value| format!("&{name}={}", value.replace(' ', ""))).unwrap_or_default();
    }
    let of_job = format!("/v1/jobs/{}/result?{query}", args.id);
    let of_batch = format!("/v1/batches/{}/results?{query}", args.id);
    let mut body: Box<dyn io::Read> = match client.body(&ApiRequest::get(&of_job)) {
        Ok(body) => {
            show_warnings(&client, args.id, ui);
            Box::new(body)
        }
        Err(no_job) if no_job.exit == Exit::NotFound => match client.body(&ApiRequest::get(&of_batch)) {
            Ok(body) => Box::new(body),
            Err(failure) if failure.exit == Exit::NotFound => return Err(named(no_job, args.id)),
            Err(failure) => return Err(no_result(failure, args.id)),
        },
        Err(failure) => return Err(no_result(failure, args.id)),
    };
    copy(&mut body, &mut ui::output(args.output.output.as_deref())?)?;
    Ok(Exit::Ok)
}

/// Shows the warnings of the job, which not every result format contains. If the job cannot be read, they are left out:
/// the result is there all the same.
fn show_warnings(client: &Client, id: Id, ui: Ui) {
    if !ui.json
        && let Ok(response) = client.find(id, None)
    {
        warnings::show(ui, &response.found);
    }
}

/// Explains a conflict: there is no result yet, or there never will be one.
fn no_result(failure: Failure, id: Id) -> Failure {
    let kind = failure.problem.as_ref().and_then(|p| p.get("type")?.as_str()).unwrap_or_default().to_owned();
    let failure = named(failure, id);
    if kind.ends_with(":not-ready") {
        return Failure { exit: Exit::TimedOut, ..failure }
            .hint(format!("wait for it with `pssp watch {id}`"));
    }
    if kind.ends_with(":no-result") {
        return Failure { exit: Exit::JobFailed, ..failure };
    }
    failure
}

/// Copies the body. A broken connection and a broken pipe are different failures.
fn copy(from: &mut dyn io::Read, to: &mut dyn Write) -> Result<(), Failure> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = match from.read(&mut buffer) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => {
                return Err(Failure::server(format!("the result broke off: {e}")).hint("fetch it again"));
            }
        };
        let written = if n == 0 { to.flush() } else { to.write_all(&buffer[..n]) };
        written.map_err(|e| Failure::writing("the result", &e))?;
        if n == 0 {
            return Ok(());
        }
    }
}
