//! `pssp methods`: lists the methods of the service.

use crate::args::Global;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::ui::Ui;
use pssp_client::ApiRequest;
use pssp_common::plain;

/// Arguments of `pssp methods`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, global: &Global, ui: Ui) -> Result<Exit, Failure> {
    let json = Client::new(global)?.json(&ApiRequest::get("/v1/methods"))?;
    if ui.json {
        ui.json(&json)?;
        return Ok(Exit::Ok);
    }
    let list = json.get("methods").unwrap_or(&json).as_array().cloned().unwrap_or_default();
    for method in list {
        let text = |key: &str| plain(method.get(key).and_then(|v| v.as_str()).unwrap_or("-"));
        ui.line(format!(
            "{} {}\n  sha256 {}\n  {}",
            text("name"),
            text("version"),
            text("sha256"),
            text("citation")
        ))?;
    }
    Ok(Exit::Ok)
}
