//! `pssp submit`: sends sequences to a service.

use std::time::Duration;

use pssp_api_types::RejectedRecord;
use pssp_client::ApiRequest;
use pssp_common::plain;
use pssp_predict::fasta::Reader;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::watch;
use crate::args::{Global, InputArgs, duration};
use crate::client::Client;
use crate::client::jobs::{Id, JobOrBatchResponse, batch, job};
use crate::exit::{Exit, Failure};
use crate::input;
use crate::ui::Ui;
use crate::warnings;

/// Limit on the input, in bytes. It is above the limits of services.
const MAX_BYTES: u64 = 256 << 20;

/// Arguments of `pssp submit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// Name of the job, where it is one; else the FASTA id is its name
    #[arg(short, long)]
    name: Option<String>,
    /// Take sequences that look like nucleotides
    #[arg(long)]
    force: bool,
    /// Have it computed anew, even where a stored result would answer
    #[arg(long)]
    fresh: bool,
    /// Send this key, so that the same submission is the same job; random unless told
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Wait until it is done, and exit with 1 if a job failed
    #[arg(short, long)]
    wait: bool,
    /// How long to wait at most
    #[arg(long, requires = "wait", value_parser = duration, value_name = "TIME", default_value = "1h")]
    timeout: Duration,
}

/// One record becomes a job, several become a batch.
pub(crate) fn run(args: &Args, global: &Global, ui: Ui) -> Result<Exit, Failure> {
    let client = Client::new(global)?;
    let body = body(args)?;
    let records = Reader::new(body.as_slice()).take(2).count();
    if records > 1 && args.name.is_some() {
        return Err(Failure::usage("--name is for one sequence, and there are several", "leave it out"));
    }
    let response = send(&client, args, &body, records > 1)?;
    let id = id_of(&response.json)?;
    if !args.wait {
        show(ui, &response.json, id)?;
        report_rejected(ui, &response.json);
        return Ok(match response.found.exit() {
            Exit::Input => Exit::Input, // a part of the batch was refused; the rest was accepted
            _ => Exit::Ok,
        });
    }
    if !ui.json {
        ui.line(id)?;
    }
    report_rejected(ui, &response.json);
    let done = watch::until_done(&client, id, Some(args.timeout), |response| {
        ui.note(&response.found);
        Ok(())
    })?;
    warnings::show(ui, &done.found);
    if ui.json {
        ui.json(&done.json)?;
    }
    Ok(done.found.exit())
}

fn body(args: &Args) -> Result<Vec<u8>, Failure> {
    let sources = input::sources(&args.input)?;
    let mut body = Vec::new();
    for source in &sources {
        let bytes = source.read(MAX_BYTES)?;
        if sources.len() > 1 && !bytes.starts_with(b">") {
            body.extend_from_slice(format!(">{source}\n").as_bytes()); // a header makes each bare sequence a record
        }
        body.extend_from_slice(&bytes);
        if !body.ends_with(b"\n") {
            body.push(b'\n');
        }
    }
    Ok(body)
}

fn send(client: &Client, args: &Args, body: &[u8], many: bool) -> Result<JobOrBatchResponse, Failure> {
    let mut query = Vec::new();
    if let Some(name) = &args.name {
        query.push(format!("name={}", percent_encode(name)));
    }
    if args.force {
        query.push("force=true".to_owned());
    }
    let resource = if many { "/v1/batches" } else { "/v1/jobs" };
    let path = format!("{resource}{}{}", if query.is_empty() { "" } else { "?" }, query.join("&"));
    // With an idempotency key, a submission that is sent again after a lost answer is accepted only once.
    let key = args.idempotency_key.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let mut request = ApiRequest::post(&path, "text/x-fasta", body).header("idempotency-key", key);
    if args.fresh {
        request = request.header("cache-control", "no-cache");
    }
    let json = client.json(&request)?;
    if many { batch(json) } else { job(json) }
}

fn id_of(json: &Value) -> Result<Id, Failure> {
    let id = json.get("id").and_then(Value::as_str).unwrap_or_default();
    id.parse().map_err(|e| Failure::server(format!("the service's answer names nothing to follow: {e}")))
}

fn show(ui: Ui, json: &Value, id: Id) -> Result<(), Failure> {
    if ui.json { ui.json(json) } else { ui.line(id) }
}

/// Reports the refused records of a batch, each with its place.
fn report_rejected(ui: Ui, json: &Value) {
    let rejected = json.get("rejected").map(Vec::<RejectedRecord>::deserialize);
    for record in rejected.and_then(Result::ok).into_iter().flatten() {
        for error in record.errors {
            ui.warn(plain(&error.to_string()));
        }
    }
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
fn percent_encode(text: &str) -> String {
    let kept = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().fold(String::new(), |mut out, b| {
        if kept(b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::percent_encode;

    #[test]
    fn reserved_characters_are_encoded() {
        assert_eq!(percent_encode("a b&c=é/1"), "a%20b%26c%3D%C3%A9%2F1");
    }
}
