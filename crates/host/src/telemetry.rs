//! Logs and metrics of a process. They are set up once, even if that is requested several times.
//!
//! Logs go to standard error. Metrics are recorded through the `metrics` facade and rendered as Prometheus text on
//! request. There is no server here: a route of the program answers with the text.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{LogFormat, LogSettings};

mod list;

pub use list::{METRICS, Metric, MetricKind, render_markdown};

/// Bucket bounds of every histogram in seconds. A prediction takes from milliseconds to a minute.
const SECONDS_BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0];

/// How often recorded samples are added to their histograms, even if nobody reads the metrics.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The process' metrics. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// The metrics as Prometheus text.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

/// Sets up logs and metrics. Later calls change nothing and return the same metrics.
pub fn init(log: &LogSettings) -> Metrics {
    init_log(log);
    metrics()
}

/// The process' metrics, set up on first use.
pub fn metrics() -> Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(install_metrics).clone()
}

/// Whether log lines have colours: on terminals, unless `NO_COLOR` is set (<https://no-color.org>).
fn is_coloured() -> bool {
    let declined = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !declined
}

fn init_log(log: &LogSettings) {
    // The filter was validated with the settings; a wrong one here falls back to the default.
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_coloured());
    // This fails if a subscriber is set already. It then stays in use.
    let installed = match log.format {
        LogFormat::Text => builder.finish().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
    };
    if installed.is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
}

/// Writes a panic to the log, in the format of the log.
fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let message = info.payload_as_str().unwrap_or("(no text)");
    tracing::error!(place, thread, "panic at {place} in thread {thread}: {message}");
}

fn install_metrics() -> Metrics {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)
        .unwrap_or_else(|_| PrometheusBuilder::new()) // an error is possible only for an empty list of buckets
        .build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("another metrics recorder is installed: /metrics will be empty");
    }
    METRICS.iter().for_each(Metric::describe);
    start_upkeep(handle.clone());
    Metrics(handle)
}

/// Starts the upkeep. Without it, samples use more and more memory if nobody reads the metrics.
fn start_upkeep(handle: PrometheusHandle) {
    let upkeep = move || {
        loop {
            std::thread::sleep(UPKEEP_INTERVAL);
            handle.run_upkeep();
        }
    };
    if let Err(error) = std::thread::Builder::new().name("metrics-upkeep".to_owned()).spawn(upkeep) {
        tracing::warn!(%error, "no thread for the upkeep of metrics: {error}");
    }
}
