//! Telemetry: one recorder, every metric described.

use pssp_host::settings::Settings;
use pssp_host::telemetry::{self, METRICS};

#[test]
fn a_second_setup_is_safe_and_metrics_are_rendered() {
    let log = Settings::default().log;
    let first = telemetry::init(&log);
    let second = telemetry::init(&log);
    metrics::counter!("pssp_stale_completions_total").increment(3);
    metrics::histogram!("pssp_worker_predict_seconds").record(0.2);
    for text in [first.render(), second.render()] {
        assert!(text.contains("pssp_stale_completions_total 3"), "{text}");
        assert!(text.contains("pssp_worker_predict_seconds_bucket{le=\"0.25\"} 1"), "{text}");
        assert!(text.contains("# HELP pssp_stale_completions_total"), "{text}");
    }
}

#[test]
fn metric_names_follow_the_conventions() {
    let page = telemetry::render_markdown();
    for metric in METRICS {
        assert!(metric.name.starts_with("pssp_") && page.contains(metric.name), "{}", metric.name);
        let counts = metric.kind == telemetry::MetricKind::Counter;
        assert_eq!(counts, metric.name.ends_with("_total"), "{}", metric.name);
    }
}
