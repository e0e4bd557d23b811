//! `pssp settings`: the list of settings, as the documentation has it.

use serde_json::json;

use pssp_host::settings::{SETTINGS, render_help, render_markdown};

use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// Arguments of `pssp settings`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// As the page docs/configuration.md
    #[arg(long)]
    markdown: bool,
}

/// Runs it.
pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    if ui.json {
        let told = SETTINGS.iter().map(
            |s| json!({ "name": s.name, "default": s.default, "expects": s.kind.expects(), "help": s.help }),
        );
        ui.json(&told.collect::<Vec<_>>())?;
    } else if args.markdown {
        ui.line(render_markdown().trim_end())?;
    } else {
        ui.line(render_help().trim_end())?;
    }
    Ok(Exit::Ok)
}
