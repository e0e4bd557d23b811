//! `pssp keys`: makes, lists, rotates and revokes keys of callers while the service runs. For operators: over HTTP with
//! the admin key, or directly on the backend.

use std::time::Duration;

use clap::Subcommand;
use pssp_api_types::{KeyInfo, KeyList, KeyRequest};
use pssp_client::ApiRequest;
use pssp_common::plain;
use pssp_jobs::service::JobsError;
use pssp_jobs::stored_key::{KeyTerms, Scope, StoredKey};
use pssp_jobs::{Clock, Owner, SystemClock, Timestamp};
use ureq::http::Method;

use super::operator::{Operator, from_store, parse_time, with_key_hint};
use super::serve::BackendArg;
use crate::args::{Global, duration};
use crate::client::jobs::parse;
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// The route of the keys.
const ROUTE: &str = "/v1/admin/keys";

/// Arguments of `pssp keys`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The operator's key is that of --api-key, else PSSP_ADMIN_KEY. \
                        With --backend no server and no key are needed.")]
pub(crate) struct Args {
    #[command(flatten)]
    backend: BackendArg,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key and print it; it is shown only now
    Create(CreateArgs),
    /// Show all keys, without their texts
    List,
    /// Make a key with the same terms, print it, and let the old one end
    Rotate {
        /// Its id, as `list` shows it
        #[arg(value_parser = parse_id)]
        id: String,
        /// How long the old key is still accepted
        #[arg(long, value_parser = duration, default_value = "24h", value_name = "SPAN")]
        grace: Duration,
    },
    /// Revoke a key
    Revoke {
        /// Its id, as `list` shows it
        #[arg(value_parser = parse_id)]
        id: String,
    },
}

#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// The owner of the jobs of whoever shows the key
    owner: String,
    /// What it allows: submit, read, admin; several with commas
    #[arg(long = "scope", value_delimiter = ',', default_value = "submit,read", value_name = "SCOPE")]
    scopes: Vec<Scope>,
    /// When it ends: a time such as 2026-12-31T08:00:00Z, or a span from now such as 720h; never if not given
    #[arg(long, value_parser = parse_time, value_name = "WHEN")]
    expires: Option<Timestamp>,
    /// Requests a second, instead of the rate of the service
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// New jobs a second, instead of the rate of the service
    #[arg(long, value_name = "N")]
    job_rate: Option<u32>,
    /// What it is for
    #[arg(long)]
    note: Option<String>,
}

impl CreateArgs {
    fn terms(&self) -> Result<KeyTerms, Failure> {
        let terms = KeyTerms {
            owner: Owner::new(&self.owner),
            scopes: self.scopes.clone(),
            expires_at: self.expires,
            requests_per_s: self.rate,
            jobs_per_s: self.job_rate,
            note: self.note.clone(),
            job: None,
        };
        let checked = terms.check(SystemClock.now());
        checked.map_err(|error| Failure::usage(error, "see pssp keys create --help"))?;
        Ok(terms)
    }
}

/// Reads the id of a key, which becomes a part of a path.
fn parse_id(text: &str) -> Result<String, String> {
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(text.to_owned()),
        false => Err("the id of a key has letters a to f and digits; pssp keys list shows it".to_owned()),
    }
}

pub(crate) fn run(args: &Args, global: &Global, ui: Ui) -> Result<Exit, Failure> {
    let store = Store(Operator::open(&args.backend, global)?);
    match &args.action {
        Action::Create(create) => made(&store.create(create.terms()?)?, ui)?,
        Action::List => list(&store.list()?, ui)?,
        Action::Rotate { id, grace } => made(&store.rotate(id, *grace)?, ui)?,
        Action::Revoke { id } => {
            store.revoke(id)?;
            ui.note("revoked; processes that know the key accept it for five seconds more");
        }
    }
    Ok(Exit::Ok)
}

/// The keys, where they are.
struct Store(Operator);

impl Store {
    fn create(&self, terms: KeyTerms) -> Result<KeyInfo, Failure> {
        match &self.0 {
            Operator::Service(client) => {
                let KeyTerms { owner, scopes, expires_at, requests_per_s, jobs_per_s, note, job: _ } = terms;
                let (owner, scopes) = (owner.as_str().to_owned(), Some(scopes));
                let body = KeyRequest { owner, scopes, expires_at, requests_per_s, jobs_per_s, note };
                let body = serde_json::json!(body).to_string();
                let request = ApiRequest::new(Method::POST, ROUTE).body("application/json", body.as_bytes());
                parse(&client.json(&request).map_err(with_key_hint)?)
            }
            Operator::Backend { jobs, runtime } => {
                from_store(runtime.block_on(jobs.create_key(terms))).map(with_text)
            }
        }
    }

    fn list(&self) -> Result<Vec<KeyInfo>, Failure> {
        match &self.0 {
            Operator::Service(client) => {
                let list: KeyList = parse(&client.json(&ApiRequest::get(ROUTE)).map_err(with_key_hint)?)?;
                Ok(list.keys)
            }
            Operator::Backend { jobs, runtime } => {
                Ok(from_store(runtime.block_on(jobs.keys()))?.into_iter().map(Into::into).collect())
            }
        }
    }

    fn rotate(&self, id: &str, grace: Duration) -> Result<KeyInfo, Failure> {
        match &self.0 {
            Operator::Service(client) => {
                let path = format!("{ROUTE}/{id}/rotate?grace_s={}", grace.as_secs());
                parse(&client.json(&ApiRequest::new(Method::POST, &path)).map_err(with_key_hint)?)
            }
            Operator::Backend { jobs, runtime } => {
                let rotated = runtime.block_on(jobs.rotate_key(id, grace));
                rotated.map(with_text).map_err(|error| match error {
                    JobsError::NotFound => Failure::new(Exit::Input, format!("no key has the id {id}")),
                    error => Failure::server(error.to_string()),
                })
            }
        }
    }

    fn revoke(&self, id: &str) -> Result<(), Failure> {
        match &self.0 {
            Operator::Service(client) => {
                let path = format!("{ROUTE}/{id}");
                client.send(&ApiRequest::new(Method::DELETE, &path)).map(drop).map_err(with_key_hint)
            }
            Operator::Backend { jobs, runtime } => {
                from_store(runtime.block_on(jobs.revoke_key(id))).map(drop)
            }
        }
    }
}

fn with_text((key, text): (StoredKey, String)) -> KeyInfo {
    KeyInfo { key: Some(text), ..key.into() }
}

/// Prints the text of a new key, alone on its line. As JSON: the key.
fn made(key: &KeyInfo, ui: Ui) -> Result<(), Failure> {
    if ui.json {
        return ui.json(key);
    }
    ui.note(format!("key {} of {}; it is shown only now:", key.id, key.owner));
    ui.line(key.key.as_deref().unwrap_or_default())
}

fn list(keys: &[KeyInfo], ui: Ui) -> Result<(), Failure> {
    if ui.json {
        return ui.json(&keys);
    }
    if keys.is_empty() {
        ui.note("there are no keys besides PSSP_API_KEYS");
    }
    keys.iter().try_for_each(|key| ui.line(line(key)))
}

fn line(key: &KeyInfo) -> String {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let time = |what: &str, at: Option<Timestamp>| at.map(|at| format!(" {what} {at}")).unwrap_or_default();
    let rate = |what: &str, n: Option<u32>| n.map(|n| format!(" {what} {n}/s")).unwrap_or_default();
    let note = key.note.as_ref().map(|note| format!(" ({})", plain(note))).unwrap_or_default();
    format!(
        "{} {} {}{}{}{}{}{note}",
        key.id,
        key.owner,
        scopes.join(","),
        time("until", key.expires_at),
        time("used", key.used_at),
        rate("requests", key.requests_per_s),
        rate("jobs", key.jobs_per_s),
    )
}
