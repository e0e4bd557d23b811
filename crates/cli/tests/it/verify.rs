//! `pssp verify`: passes on a correct service, and names the failed checks of a faulty one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::fake::{self, ProxiedAnswer};
use crate::support::{CommandOutput, Server, run};

/// Names of the checks in `output` with this outcome.
fn names(output: &CommandOutput, outcome: &str) -> BTreeSet<String> {
    let report = output.json();
    let checks = report["checks"].as_array().unwrap().iter().filter(|c| c["outcome"] == outcome);
    checks.map(|c| format!("{}: {}", c["group"].as_str().unwrap(), c["name"].as_str().unwrap())).collect()
}

fn verify(url: &str, args: &[&str]) -> CommandOutput {
    run(&[&["--json", "--url", url, "verify"], args].concat(), b"")
}

/// Asserts that the verification passed.
fn passed(output: CommandOutput) -> CommandOutput {
    let report = output.json();
    let failed: Vec<&Value> =
        report["checks"].as_array().unwrap().iter().filter(|c| c["outcome"] == "failed").collect();
    assert!(output.code == 0 && failed.is_empty(), "exit {}: {failed:#?}", output.code);
    output
}

#[test]
fn a_correct_service_passes_and_no_job_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let version = env!("CARGO_PKG_VERSION");
    let output = passed(verify(&server.url, &["--expect-version", version]));
    assert!(output.json()["passed"].as_u64().unwrap() > 60, "{output:?}");
    assert_eq!(server.run(&["list", "--all"], b"").ok().out, "");

    let output = run(&["--url", &server.url, "verify"], b"").ok();
    assert!(output.out.contains("\nok   classic: TESTTESTTEST is all coil ("), "{output:?}");
    assert!(output.out.lines().last().unwrap().contains(" passed, 0 failed"), "{output:?}");
}

#[test]
fn a_service_with_keys_passes_for_a_caller_with_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[("PSSP_API_KEYS", "alice:secret-of-alice")]);
    let output = verify(&server.url, &[]);
    assert_eq!(output.code, 4, "{output:?}");
    let output = passed(verify(&server.url, &["--api-key", "secret-of-alice"]));
    assert_eq!(names(&output, "skipped"), BTreeSet::new());
}

#[test]
fn another_version_is_a_failed_check() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let output = verify(&server.url, &["--expect-version", "99.0.0"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert_eq!(names(&output, "failed"), ["service: the version is the expected one".to_owned()].into());
}

#[test]
fn an_unreachable_service_is_not_a_failed_check() {
    let output = run(&["--url", "http://127.0.0.1:1", "verify"], b"");
    assert_eq!((output.code, output.out.as_str()), (3, ""));
    assert!(output.err.contains("cannot reach http://127.0.0.1:1"), "{output:?}");
}

#[test]
fn kept_jobs_are_checked_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kept.json");
    let args = ["--restart-check", file.to_str().unwrap()];
    let server = Server::start(dir.path(), &[]);
    passed(verify(&server.url, &args));
    let list = server.run(&["list", "--all"], b"").ok().out;
    assert_eq!(list.lines().count(), 2, "{list}");
    server.kill();

    let server = Server::start(dir.path(), &[]);
    let output = passed(verify(&server.url, &args));
    for check in ["jobs of the run before are there, with the same results", "their keys still name them"] {
        assert!(names(&output, "passed").contains(&format!("restart: {check}")), "{check}: {output:?}");
    }
    let now = server.run(&["list", "--all"], b"").ok().out;
    assert!(now.lines().count() == 2 && now != list, "{now}");

    // A lost job is a failed check. The other jobs stay, so that an operator can look at them.
    let lost = now.split(' ').next().unwrap();
    server.run(&["delete", lost], b"").ok();
    let before = std::fs::read(&file).unwrap();
    let output = verify(&server.url, &args);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.out.contains(lost), "{output:?}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert_eq!(server.run(&["list", "--all"], b"").ok().out.lines().count(), 1);

    std::fs::write(&file, "notes").unwrap();
    assert_eq!(verify(&server.url, &args).code, 2);
}

#[test]
fn while_intake_is_paused_only_reads_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let backend = format!("sqlite:{}", dir.path().join("jobs.db").display());
    run(&["notice", "--backend", &backend, "set", "new disks", "--until", "1h", "--pause-intake"], b"").ok();
    let output = verify(&server.url, &[]);
    assert_eq!((output.code, &output.json()["failed"]), (3, &0.into()), "{output:?}");
    assert_eq!(output.json()["intake_paused"], "new disks");
    assert!(
        names(&output, "passed").contains("intake: a paused intake answers 503 with Retry-After"),
        "{output:?}"
    );
    let output = run(&["--url", &server.url, "verify"], b"");
    assert!(output.err.contains("intake is paused") && output.err.contains("new disks"), "{output:?}");
}

/// Asserts that a service changed by `spoil` fails these checks, each with a reason, and no others.
fn check(spoil: impl Fn(&mut ProxiedAnswer) + Send + Sync + 'static, expected: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let url = fake::start(&server.url, spoil);
    let output = verify(&url, &["--timeout", "20s"]);
    assert_eq!(output.code, 1, "{output:?}");
    let failed: Vec<Value> = output.json()["checks"].as_array().unwrap().clone();
    let failed: Vec<&Value> = failed.iter().filter(|c| c["outcome"] == "failed").collect();
    let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names(&output, "failed"), expected, "{failed:#?}");
    assert!(failed.iter().all(|c| !c["reason"].as_str().unwrap().contains('\n')), "{failed:#?}");
}

#[test]
fn a_proxy_that_changes_nothing_passes() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    passed(verify(&fake::start(&server.url, |_| {}), &[]));
}

#[test]
fn errors_in_the_classic_api_are_named() {
    check(
        |answer| match answer.asked.as_str() {
            "GET /" => answer.replace("Try these", "Use these"),
            "GET /jobs" => answer.replace("\"status\"", "\"owner\":\"x\",\"status\""),
            asked if asked.starts_with("GET /jobs/") => answer.replace("CCCCCCCCCCCC", "HCCCCCCCCCCC"),
            asked if asked.starts_with("GET /download/") => answer.drop_header("content-disposition"),
            _ => {}
        },
        &[
            "classic: GET / lists the routes",
            "classic: the job is seen submitted in /jobs, with exactly two keys",
            "classic: TESTTESTTEST is all coil",
            "classic: /download is a PNG of 640x480 to be saved as <id>.png",
        ],
    );
}

#[test]
fn errors_in_results_are_named() {
    check(
        |answer| {
            if answer.asked.ends_with("/result.ss2") {
                answer.replace("   2 K", "   3 K");
            }
            if answer.asked.ends_with("/result.tsv") {
                answer.replace("\tp_dis", "");
            }
            if answer.asked.ends_with("/result.txt") {
                answer.replace("MKTAY", "MKTA");
            }
            if answer.asked.contains("/plot.png") && answer.status == 200 {
                answer.body = b"not a picture".to_vec();
            }
        },
        &[
            "results: classic text has its eight lines",
            "results: ss2 has a row for each residue, in the order C H E",
            "results: TSV and CSV have thirteen columns and a row for each residue",
            "results: plots come as SVG and PNG, of tracks and composition",
        ],
    );
}

#[test]
fn errors_in_headers_and_statuses_are_named() {
    check(
        |answer| {
            if answer.asked.starts_with("GET /v1/jobs/") {
                answer.drop_header("etag");
            }
            if answer.asked.starts_with("PUT ") {
                answer.drop_header("allow");
            }
            if answer.asked == "POST /v1/jobs" {
                answer.drop_header("idempotent-replayed");
                answer.drop_header("location");
            }
            if answer.asked.ends_with("/cancel") && answer.status == 409 {
                answer.status = 200;
            }
            if answer.asked == "POST /v1/validate" {
                answer.replace("\"hint\"", "\"help\"");
            }
            if answer.asked == "GET /v1/methods" {
                answer.replace("\"sha256\":\"", "\"sha256\":\"0");
            }
        },
        &[
            "service: GET /v1/methods names the weights by sha256",
            "jobs: POST /v1/jobs answers 202 with Location, Retry-After and the job",
            "jobs: ETag and If-None-Match: 304 without a body",
            "jobs: a finished job cannot be cancelled: 409",
            "results: JSON has labels, probabilities, confidence and the method",
            "idempotency: a repeated POST returns the first job",
            "input: what is no protein is refused with place and hint",
            "problems: another verb is 405 with Allow",
        ],
    );
}

#[test]
fn jobs_that_never_finish_are_reported_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let url = fake::start(&server.url, |answer| {
        if answer.asked.starts_with("GET ") || answer.asked.starts_with("POST /v1/jobs") {
            answer.replace("\"status\":\"finished\"", "\"status\":\"submitted\"");
        }
    });
    let output = verify(&url, &["--timeout", "1s"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(names(&output, "failed").contains("classic: the job becomes finished"), "{output:?}");
    assert!(output.out.contains("does a worker run?"), "{output:?}");
    assert!(names(&output, "passed").contains("clean-up: the jobs made here are deleted"), "{output:?}");
    assert_eq!(server.run(&["list", "--all"], b"").ok().out, "");
}

#[test]
fn a_server_that_is_not_pssp_fails_and_is_quoted_briefly() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let url = fake::start(&server.url, |answer| {
        answer.status = 404;
        answer.body = b"<html>\x1b[31mno such page".repeat(100);
    });
    let output = run(&["--url", &url, "verify"], b"");
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output.out.starts_with("FAIL service: GET /healthz answers: GET /healthz: 200 expected, got 404"),
        "{output:?}"
    );
    assert!(!output.out.contains('\x1b'), "{output:?}");
    assert!(output.out.lines().all(|line| line.chars().count() < 300), "{output:?}");
}
