//! The alerts and the dashboard: every metric, label and value that they name exists, and every alert is tested and explained.

use std::collections::BTreeSet;
use std::process::Command;

use pssp_deploy_checks::promql::{Matcher, Names, names};
use pssp_deploy_checks::{Object, objects, root, text, yaml};
use pssp_host::telemetry::{METRICS, Metric, MetricKind};
use serde_json::Value;

/// Labels that come from the scraping (kubernetes/addons/monitors.yml) and not from the programs.
const OF_TARGETS: &[&str] = &["job", "instance", "environment"];
/// A metric that Prometheus itself makes.
const UP: &str = "up";
/// Labels with as many values as there are routes, methods and codes. The help of the metric does not list them.
const OPEN_LABELS: &[&str] = &["method", "route", "status"];

/// The metric of a time series, and whether the series is a bucket.
fn metric(series: &str) -> Option<(&'static Metric, bool)> {
    METRICS.iter().find_map(|metric| {
        let rest = series.strip_prefix(metric.name)?;
        let fits = match metric.kind {
            MetricKind::Histogram => ["_bucket", "_sum", "_count"].contains(&rest),
            _ => rest.is_empty(),
        };
        fits.then_some((metric, rest == "_bucket"))
    })
}

/// The labels of a time series.
fn labels(series: &str) -> Result<BTreeSet<&'static str>, String> {
    let mut labels: BTreeSet<&str> = OF_TARGETS.iter().copied().collect();
    if series != UP {
        let (metric, bucket) = metric(series).ok_or_else(|| format!("no metric {series}"))?;
        labels.extend(metric.labels);
        labels.extend(bucket.then_some("le"));
    }
    Ok(labels)
}

/// Whether the help of a metric lists a value of a label, as in `Sweeps: ok, error.`
fn lists(metric: &Metric, value: &str) -> bool {
    metric.help.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == value)
}

fn check_matcher(one: &Matcher) -> Result<(), String> {
    if !labels(&one.metric)?.contains(one.label.as_str()) {
        return Err(format!("{} has no label {}", one.metric, one.label));
    }
    let Some((metric, _)) = metric(&one.metric) else { return Ok(()) };
    if OF_TARGETS.contains(&one.label.as_str()) || OPEN_LABELS.contains(&one.label.as_str()) {
        return Ok(());
    }
    match one.values.iter().find(|value| !lists(metric, value)) {
        Some(value) => Err(format!("{} has no {}={value}", one.metric, one.label)),
        None => Ok(()),
    }
}

/// Checks an expression against the list of metrics, and returns its names.
fn check(expression: &str) -> Result<Names, String> {
    let names = names(expression)?;
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for series in &names.metrics {
        known.extend(labels(series)?);
    }
    names.matchers.iter().try_for_each(check_matcher)?;
    match names.grouped.iter().find(|label| !known.contains(label.as_str())) {
        Some(label) => Err(format!("no label {label} in {expression}")),
        None if names.metrics.is_empty() => Err(format!("no metric in {expression}")),
        None => Ok(names),
    }
}

fn checked(expression: &str) -> Names {
    check(expression).unwrap_or_else(|error| panic!("{error}"))
}

fn rules() -> Vec<Value> {
    let file = yaml("monitoring/alerts.yml");
    let groups = file["groups"].as_array().expect("groups").iter();
    groups.flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&text("monitoring/dashboard.json")).expect("JSON")
}

fn name(rule: &Value) -> &str {
    rule["alert"].as_str().expect("a name")
}

#[test]
fn the_check_finds_what_does_not_exist() {
    checked("sum by (outcome, environment) (rate(pssp_worker_jobs_total{outcome=~\"finished|failed\"}[5m]))");
    checked("histogram_quantile(0.9, sum by (le) (rate(pssp_worker_wait_seconds_bucket[5m])))");
    for wrong in [
        "pssp_job",
        "pssp_worker_wait_seconds",
        "pssp_jobs_bucket",
        "pssp_jobs{status=\"dead\"}",
        "pssp_jobs{state=\"died\"}",
        "pssp_jobs{state=~\"dead|died\"}",
        "sum by (outcome) (pssp_jobs)",
        "sum by (le) (pssp_worker_wait_seconds_sum)",
        "1 > 0",
    ] {
        assert!(check(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn alerts_name_metrics_and_labels_that_exist() {
    for rule in rules() {
        let names = checked(rule["expr"].as_str().expect("an expression"));
        let told = format!("{}", rule["annotations"]["summary"]);
        assert!(told.len() > 20, "{}: {told}", name(&rule));
        for (_, rest) in told.match_indices("$labels.").map(|(at, found)| told.split_at(at + found.len())) {
            let label = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().expect("a label");
            let kept = names.grouped.contains(label) || names.metrics.contains(UP);
            assert!(kept, "{}: the alert has no label {label}", name(&rule));
        }
        assert!(["warning", "critical"].contains(&rule["labels"]["severity"].as_str().expect("a severity")));
    }
}

/// Prod must not hide what is wrong in test, or the reverse.
#[test]
fn alerts_tell_environments_apart() {
    for rule in rules() {
        let expression = rule["expr"].as_str().expect("an expression");
        let names = checked(expression);
        let grouped = names.grouped.contains("environment") || names.metrics.contains(UP);
        assert!(grouped && !expression.contains("sum(") && !expression.contains("max("), "{}", name(&rule));
        for by in expression.match_indices(" by (").map(|(at, _)| &expression[at..]) {
            assert!(by.starts_with(" by (environment"), "{}: {by}", name(&rule));
        }
    }
    for kind in ["ServiceMonitor", "PodMonitor"] {
        let monitor = objects("kubernetes/addons").into_iter().find(|o| o.kind() == kind).expect("a monitor");
        assert_eq!(
            monitor.at("/spec/jobLabel"),
            "app.kubernetes.io/name",
            "job=\"pssp-…\", as PsspNotScraped has it"
        );
        let endpoint = if kind == "ServiceMonitor" { "endpoints" } else { "podMetricsEndpoints" };
        let label = monitor.at(&format!("/spec/{endpoint}/0/relabelings/0")).clone();
        assert_eq!(label["targetLabel"], "environment");
        assert!(
            label["sourceLabels"][0]
                .as_str()
                .is_some_and(|from| from.ends_with("_app_kubernetes_io_instance"))
        );
    }
}

#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let file = yaml("monitoring/alerts-test.yml");
    let tests = file["tests"].as_array().expect("tests");
    let cases: Vec<&Value> =
        tests.iter().flat_map(|test| test["alert_rule_test"].as_array().expect("cases")).collect();
    for rule in rules() {
        let fires = |case: &&&Value| case["exp_alerts"].as_array().is_some_and(|all| !all.is_empty());
        let mine: Vec<&&Value> = cases.iter().filter(|case| case["alertname"] == rule["alert"]).collect();
        assert!(mine.iter().any(fires), "{} never fires in a test", name(&rule));
        assert!(mine.iter().any(|case| !fires(case)), "{} always fires in its tests", name(&rule));
    }
    for case in cases {
        assert!(
            rules().iter().any(|rule| rule["alert"] == case["alertname"]),
            "no alert {}",
            case["alertname"]
        );
    }
}

#[test]
fn the_guide_says_what_to_do_for_every_alert() {
    let guide = text("docs/operations.md");
    let told: BTreeSet<&str> = guide
        .lines()
        .filter_map(|line| line.strip_prefix("| `Pssp"))
        .filter_map(|line| line.split('`').next())
        .collect();
    let rules = rules();
    let names: BTreeSet<&str> = rules.iter().map(|rule| name(rule).trim_start_matches("Pssp")).collect();
    assert_eq!(told, names, "the table of docs/operations.md, and monitoring/alerts.yml");
}

#[test]
fn the_rule_of_the_operator_holds_the_same_alerts() {
    let output = Command::new(root().join("monitoring/prometheus-rule.sh")).output().expect("a script");
    let printed = String::from_utf8(output.stdout).expect("a text");
    let doc: Value = serde_saphyr::from_str(&printed).unwrap_or_else(|error| panic!("{error}"));
    let object = Object { file: "prometheus-rule.sh".to_owned(), doc };
    assert_eq!((object.kind(), object.str("/apiVersion")), ("PrometheusRule", "monitoring.coreos.com/v1"));
    assert_eq!(object.at("/spec/groups"), &yaml("monitoring/alerts.yml")["groups"]);
}

/// All panels that show something.
fn panels() -> Vec<Value> {
    let all = dashboard()["panels"].as_array().expect("panels").clone();
    all.into_iter().filter(|panel| panel["type"] != "row").collect()
}

#[test]
fn the_dashboard_names_metrics_and_labels_that_exist() {
    for panel in panels() {
        for target in panel["targets"].as_array().expect("targets") {
            let names = checked(target["expr"].as_str().expect("an expression"));
            let legend = target["legendFormat"].as_str().expect("a legend");
            for label in legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
                assert!(names.grouped.contains(label), "{}: no label {label} in the legend", panel["title"]);
            }
            for series in &names.metrics {
                let of_environment =
                    names.matchers.iter().any(|one| one.metric == *series && one.values == ["$environment"]);
                assert!(of_environment, "{}: {series} is not that of the chosen environment", panel["title"]);
            }
            assert_eq!(target["datasource"]["uid"], "${datasource}");
        }
    }
    let variables = dashboard()["templating"]["list"].clone();
    let query = variables.as_array().expect("variables").iter().find(|one| one["name"] == "environment");
    checked(query.expect("a variable")["definition"].as_str().expect("a query"));
}

#[test]
fn panels_have_a_place_and_a_number_of_their_own() {
    let all = dashboard()["panels"].as_array().expect("panels").clone();
    let ids: BTreeSet<u64> = all.iter().filter_map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), all.len());
    let mut used = BTreeSet::new();
    for panel in &all {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().expect("a number"));
        assert!(x + w <= 24, "{}", panel["title"]);
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(used.insert(place), "{} lies over another panel", panel["title"]);
        }
    }
}
