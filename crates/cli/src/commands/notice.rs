//! `pssp notice`: sets, shows and clears the outage notice. For operators: over HTTP with the admin key, or directly on
//! the backend.

use clap::Subcommand;
use pssp_api_types::ServiceStatus;
use pssp_client::ApiRequest;
use pssp_common::plain;
use pssp_jobs::notice::Level;
use pssp_jobs::{Clock, Notice, SystemClock, Timestamp};
use ureq::http::Method;

use super::operator::{Operator, from_store, parse_time, with_key_hint};
use super::serve::BackendArg;
use crate::args::Global;
use crate::client::jobs::parse;
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// The route that sets and clears the notice.
const ROUTE: &str = "/v1/admin/notice";

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
    let board = Board(Operator::open(&args.backend, global)?);
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

/// The notice, where it is kept.
struct Board(Operator);

impl Board {
    fn post(&self, notice: &Notice) -> Result<(), Failure> {
        match &self.0 {
            Operator::Service(client) => {
                let body = serde_json::json!(notice).to_string();
                let request = ApiRequest::new(Method::PUT, ROUTE).body("application/json", body.as_bytes());
                client.send(&request).map(drop).map_err(with_key_hint)
            }
            Operator::Backend { jobs, runtime } => from_store(runtime.block_on(jobs.post(Some(notice)))),
        }
    }

    fn clear(&self) -> Result<(), Failure> {
        match &self.0 {
            Operator::Service(client) => {
                client.send(&ApiRequest::new(Method::DELETE, ROUTE)).map(drop).map_err(with_key_hint)
            }
            Operator::Backend { jobs, runtime } => from_store(runtime.block_on(jobs.post(None))),
        }
    }

    fn read(&self) -> Result<Option<Notice>, Failure> {
        match &self.0 {
            Operator::Service(client) => {
                let status: ServiceStatus = parse(&client.json(&ApiRequest::get("/v1/status"))?)?;
                Ok(status.notices.into_iter().next())
            }
            Operator::Backend { jobs, runtime } => from_store(runtime.block_on(jobs.notice())),
        }
    }
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
    fn a_notice_is_shown_on_one_line() {
        let until = Some(Timestamp::from_millis(0));
        let notice =
            Notice { text: "a\nb".to_owned(), level: Level::Critical, from: None, until, pause_intake: true };
        assert_eq!(line(&notice), "critical until 1970-01-01T00:00:00.000Z, intake paused: a b");
    }
}
