//! `pssp settings`: lists the settings and, for the documentation, the metrics.

use serde_json::json;

use pssp_host::settings::{SETTINGS, render_help, render_markdown};
use pssp_host::telemetry;

use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// The introduction of the page with the metrics.
const METRICS_PAGE: &str = "\
# Metrics

`GET /metrics` of the API, and of a worker with `PSSP_WORKER_ADDR`, answers with these as Prometheus text. A metric
appears once there is something to tell; those of the worker come from workers, those of HTTP from the API, and
`pssp serve` has all of them. What to alert on: [operations.md](operations.md). This page is made from the list in the
code.
";

/// Arguments of `pssp settings`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// As the page docs/configuration.md
    #[arg(long)]
    markdown: bool,
    /// The list of metrics, as the page docs/metrics.md
    #[arg(long, hide = true, conflicts_with = "markdown")]
    metrics: bool,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    if ui.json {
        let settings = SETTINGS.iter().map(
            |s| json!({ "name": s.name, "default": s.default, "expects": s.kind.expects(), "help": s.help }),
        );
        ui.json(&settings.collect::<Vec<_>>())?;
    } else if args.metrics {
        ui.line(METRICS_PAGE)?;
        ui.line(telemetry::render_markdown().trim_end())?;
    } else if args.markdown {
        ui.line(render_markdown().trim_end())?;
    } else {
        ui.line(render_help().trim_end())?;
    }
    Ok(Exit::Ok)
}
