//! The list of metrics, for `/metrics` and for the documentation.

use std::fmt::Write;

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// The value only rises.
    Counter,
    /// The value rises and falls.
    Gauge,
    /// A distribution of values.
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: MetricKind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// Its description.
    pub help: &'static str,
}

impl Metric {
    /// Describes it to the recorder.
    pub(super) fn describe(&self) {
        match self.kind {
            MetricKind::Counter => metrics::describe_counter!(self.name, self.help),
            MetricKind::Gauge => metrics::describe_gauge!(self.name, self.help),
            MetricKind::Histogram => metrics::describe_histogram!(self.name, self.help),
        }
    }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram, labels, help }
}

/// Every metric.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    counter("pssp_worker_jobs_total", &["outcome"],
        "Attempts by outcome: finished, failed, retried, stale (lease lost, cancelled or deleted), released (shutdown), unsettled (store away)."),
    counter("pssp_worker_residues_total", &[], "Residues of finished jobs."),
    counter("pssp_worker_panics_total", &[], "Panics of the engine."),
    histogram("pssp_worker_predict_seconds", &[], "Time to compute one prediction."),
    histogram("pssp_worker_wait_seconds", &[], "Time from the acceptance of a job to its first claim."),
    gauge("pssp_worker_busy_threads", &[], "Threads that compute now."),
    counter("pssp_stale_completions_total", &[],
        "Results, failures or give-backs that came too late and were rejected: the job had moved on."),

    counter("pssp_worker_messages_total", &["disposition"], "Messages settled: ack, retry, discard."),
    gauge("pssp_worker_in_hand", &[], "Messages in hand now."),
    counter("pssp_worker_receive_errors_total", &[], "Receives that failed."),
    counter("pssp_worker_settle_errors_total", &[], "Acknowledgements, retries and extensions of messages that failed; harmless, they come again."),
    counter("pssp_worker_handler_panics_total", &[], "Panics of the handler itself."),

    counter("pssp_sweep_total", &["outcome"], "Sweeps: ok, error."),
    counter("pssp_sweep_repaired_total", &["kind"],
        "What sweeps did: resent (messages that may be lost), reclaimed (lost workers), healed (leases from before a clock jump), buried (too many workers lost), skipped (damaged records), purged (expired)."),
    gauge("pssp_store_bytes", &["kind"],
        "Bytes of the store: used, reserved (for the results of accepted jobs), limit; as of the last sweep. Not there if the store has no known limit."),
    gauge("pssp_clock_offset_seconds", &[],
        "What is added to the clock of this machine to get the store's time; not 0 if it is wrong by more than a second."),
    gauge("pssp_jobs", &["state"], "Jobs: submitted, running, dead; as of the last sweep, or of this scrape of an API."),

    counter("pssp_http_requests_total", &["method", "route", "status"], "Requests answered."),
    histogram("pssp_http_request_seconds", &["method", "route"], "Time from a request's head to its answer's head."),
    counter("pssp_results_reused_total", &[], "Jobs submitted one by one, or by an event, that a stored result answered at once."),
    counter("pssp_jobs_submitted_total", &["by"], "Jobs accepted: single, batch, classic, page."),
    gauge("pssp_connections", &[], "Open connections."),
    counter("pssp_connections_refused_total", &[], "Connections closed at once, because there were too many in all or of one address."),
    counter("pssp_accept_errors_total", &[], "Connections that could not be accepted."),
];

/// The metrics as a section of the documentation.
#[must_use]
pub fn render_markdown() -> String {
    let mut page = String::from("| metric | kind | labels | what it says |\n|---|---|---|---|\n");
    for m in METRICS {
        let kind = match m.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let _ = writeln!(page, "| `{}` | {kind} | {} | {} |", m.name, m.labels.join(", "), m.help);
    }
    page
}
