//! `pssp notice`: sets, shows and clears the outage notice. For operators: over HTTP with the admin key, or directly on
//! the backend.

use clap::Subcommand;
use pssp_api_types::ServiceStatus;
use pssp_client::ApiRequest;
use pssp_common::plain;
use pssp_jobs::notice::Level;
use pssp_jobs::{Clock, Notice, SystemClock, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use ureq::http::Method;

use super::serve::{self, BackendArg, runtime};
use crate::args::{Global, duration};
use crate::client::Client;
use crate::client::jobs::parse;
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// The route that sets and clears the notice.
const ROUTE: &str = "/v1/admin/notice";

/// The variable with the operator's key. This command prefers it to `PSSP_API_KEY`.
const ADMIN_KEY_VARIABLE: &str = "PSSP_ADMIN_KEY";

/// Arguments of `pssp notice`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The key is that of --api-key, else PSSP_ADMIN_KEY; `show` needs none. \
                        With --backend no server and no key are needed.")]
pub(crate) struct Args {
    #[command(flatten)]
    backend: BackendArg,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Put a notice up, in place of any other
    Set(SetArgs),
    /// Take the notice down, if there is one
    Clear,
    /// Show the notice, if there is one
    Show,
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    /// What to tell
    #[arg(required_unless_present = "text_option", value_name = "TEXT")]
    text: Option<String>,
    /// The same as an option
    #[arg(long = "text", conflicts_with = "text", value_name = "TEXT")]
    text_option: Option<String>,
    /// How much it matters: info, warning or critical
    #[arg(long, default_value = "info")]
    level: Level,
    /// When it begins: a time such as 2026-01-31T08:00:00Z, or a span from now such as 2h; now if not given
    #[arg(long, value_parser = parse_time, value_name = "WHEN")]
    from: Option<Timestamp>,
    /// When it is over: likewise; when cleared if not given
    #[arg(long, value_parser = parse_time, value_name = "WHEN")]
    until: Option<Timestamp>,
    /// Take no new jobs between --from and --until; reads go on, and so do workers
    #[arg(long)]
    pause_intake: bool,
}

pub(crate) fn run(args: &Args, global: &Global, ui: Ui) -> Result<Exit, Failure> {
    let board = NoticeStore::open(&args.backend, global)?;
    match &args.action {
        Action::Set(set) => {
            let notice = set.notice();
            notice
                .check(SystemClock.now())
                .map_err(|e| Failure::usage(e.to_string(), "check the text, --from and --until"))?;
            board.post(&notice)?;
            show(Some(&notice), ui)?;
        }
        Action::Clear => {
            board.clear()?;
            ui.note("no notice is up");
        }
        Action::Show => show(board.read()?.as_ref(), ui)?,
    }
    Ok(Exit::Ok)
}

impl SetArgs {
    fn notice(&self) -> Notice {
        let text = self.text.as_ref().or(self.text_option.as_ref()).cloned().unwrap_or_default();
        let Self { level, from, until, pause_intake, .. } = *self;
        Notice { text, level, from, until, pause_intake }
    }
}

/// Parses a point in time, or a duration from now.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Ok(span) = duration(text) {
        return Ok(SystemClock.now().plus(span));
    }
    Timestamp::deserialize(Value::from(text)).map_err(|_| {
        format!("{text:?} is no time; write for instance 2026-01-31T08:00:00Z, or a span from now such as 2h")
    })
}

/// Where the notice is kept.
enum NoticeStore {
    Service(Client),
    Backend { jobs: pssp_jobs::Jobs, runtime: tokio::runtime::Runtime },
}

impl NoticeStore {
    fn open(backend: &BackendArg, global: &Global) -> Result<Self, Failure> {
        if !backend.is_given() {
            return Ok(Self::Service(Client::new(global)?.with_key(key(global))));
        }
        let (settings, runtime) = (backend.settings()?, runtime()?);
        let jobs = runtime.block_on(serve::jobs(settings))?;
        Ok(Self::Backend { jobs, runtime })
    }

    fn post(&self, notice: &Notice) -> Result<(), Failure> {
        match self {
            Self::Service(client) => {
                let body = serde_json::json!(notice).to_string();
                let request = ApiRequest::new(Method::PUT, ROUTE).body("application/json", body.as_bytes());
                client.send(&request).map(drop).map_err(with_key_hint)
            }
            Self::Backend { jobs, runtime } => from_store(runtime.block_on(jobs.post(Some(notice)))),
        }
    }

    fn clear(&self) -> Result<(), Failure> {
        match self {
            Self::Service(client) => {
                client.send(&ApiRequest::new(Method::DELETE, ROUTE)).map(drop).map_err(with_key_hint)
            }
            Self::Backend { jobs, runtime } => from_store(runtime.block_on(jobs.post(None))),
        }
    }

    fn read(&self) -> Result<Option<Notice>, Failure> {
        match self {
            Self::Service(client) => {
                let status: ServiceStatus = parse(&client.json(&ApiRequest::get("/v1/status"))?)?;
                Ok(status.notices.into_iter().next())
            }
            Self::Backend { jobs, runtime } => from_store(runtime.block_on(jobs.notice())),
        }
    }
}

/// The key of the command line, else the operator's key, else the caller's key.
pub(super) fn key(global: &Global) -> Option<String> {
    let of_caller = std::env::var("PSSP_API_KEY").ok();
    let of_operator = std::env::var(ADMIN_KEY_VARIABLE).ok().filter(|key| !key.is_empty());
    let given = global.api_key.clone().filter(|key| Some(key) != of_caller.as_ref());
    given.or(of_operator).or(of_caller)
}

/// Adds to a refusal the hint which key this command needs.
pub(super) fn with_key_hint(failure: Failure) -> Failure {
    match failure.exit {
        Exit::Auth => failure.hint(
            "give the service's PSSP_ADMIN_KEY with --api-key or PSSP_ADMIN_KEY, or use --backend where jobs live",
        ),
        _ => failure,
    }
}

pub(super) fn from_store<T>(outcome: Result<T, pssp_jobs::StoreError>) -> Result<T, Failure> {
    outcome.map_err(|e| Failure::server(e.to_string()))
}

/// Shows the notice. As JSON: the notice, or `null`.
fn show(notice: Option<&Notice>, ui: Ui) -> Result<(), Failure> {
    if ui.json {
        return ui.json(&notice);
    }
    match notice {
        Some(notice) => ui.line(line(notice)),
        None => {
            ui.note("no notice is up");
            Ok(())
        }
    }
}

fn line(notice: &Notice) -> String {
    let time = |what: &str, at: Option<Timestamp>| at.map(|at| format!(" {what} {at}")).unwrap_or_default();
    let span = time("from", notice.from) + &time("until", notice.until);
    let paused = if notice.pause_intake { ", intake paused" } else { "" };
    format!("{}{span}{paused}: {}", notice.level.as_str(), plain(&notice.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_from_now() {
        let time = parse_time("2026-01-31T09:00:00+01:00").unwrap();
        assert_eq!(time.to_string(), "2026-01-31T08:00:00.000Z");
        let ahead = parse_time("2h").unwrap().since(SystemClock.now()).as_secs();
        assert!((7190..=7200).contains(&ahead), "{ahead}");
        for bad in ["", "tomorrow", "2026-01-31", "2026-01-31T09:00:00", "-2h"] {
            assert!(parse_time(bad).unwrap_err().contains("2026-01-31T08:00:00Z"), "{bad}");
        }
    }

    #[test]
    fn a_notice_is_shown_on_one_line() {
        let until = Some(Timestamp::from_millis(0));
        let notice =
            Notice { text: "a\nb".to_owned(), level: Level::Critical, from: None, until, pause_intake: true };
        assert_eq!(line(&notice), "critical until 1970-01-01T00:00:00.000Z, intake paused: a b");
    }
}
