//! `pssp verify`: passes on a service that is right, and names what is wrong with one that is not.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::fake::{self, Passing};
use crate::support::{Said, Server, run};

/// Names of the checks of `said` with this outcome.
fn names(said: &Said, outcome: &str) -> BTreeSet<String> {
    let report = said.json();
    let checks = report["checks"].as_array().unwrap().iter().filter(|c| c["outcome"] == outcome);
    checks.map(|c| format!("{}: {}", c["group"].as_str().unwrap(), c["name"].as_str().unwrap())).collect()
}

fn verify(url: &str, args: &[&str]) -> Said {
    run(&[&["--json", "--url", url, "verify"], args].concat(), b"")
}

/// That it passed, with the rest as the reason.
fn passed(said: Said) -> Said {
    let report = said.json();
    let failed: Vec<&Value> =
        report["checks"].as_array().unwrap().iter().filter(|c| c["outcome"] == "failed").collect();
    assert!(said.code == 0 && failed.is_empty(), "exit {}: {failed:#?}", said.code);
    said
}

#[test]
fn a_service_that_is_right_passes_and_nothing_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let version = env!("CARGO_PKG_VERSION");
    let said = passed(verify(&server.url, &["--expect-version", version]));
    assert!(said.json()["passed"].as_u64().unwrap() > 60, "{said:?}");
    assert_eq!(server.run(&["list", "--all"], b"").ok().out, "");

    let said = run(&["--url", &server.url, "verify"], b"").ok();
    assert!(said.out.contains("\nok   classic: TESTTESTTEST is all coil ("), "{said:?}");
    assert!(said.out.lines().last().unwrap().contains(" passed, 0 failed"), "{said:?}");
}

#[test]
fn a_service_with_keys_passes_for_who_has_one() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[("PSSP_API_KEYS", "alice:secret-of-alice")]);
    let said = verify(&server.url, &[]);
    assert_eq!(said.code, 4, "{said:?}");
    let said = passed(verify(&server.url, &["--api-key", "secret-of-alice"]));
    assert_eq!(names(&said, "skipped"), BTreeSet::new());
}

#[test]
fn another_version_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let said = verify(&server.url, &["--expect-version", "99.0.0"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(names(&said, "failed"), ["service: the version is the expected one".to_owned()].into());
}

#[test]
fn nobody_there_is_not_a_failed_check() {
    let said = run(&["--url", "http://127.0.0.1:1", "verify"], b"");
    assert_eq!((said.code, said.out.as_str()), (3, ""));
    assert!(said.err.contains("cannot reach http://127.0.0.1:1"), "{said:?}");
}

#[test]
fn kept_jobs_are_looked_at_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kept.json");
    let args = ["--restart-check", file.to_str().unwrap()];
    let server = Server::start(dir.path(), &[]);
    passed(verify(&server.url, &args));
    let list = server.run(&["list", "--all"], b"").ok().out;
    assert_eq!(list.lines().count(), 2, "{list}");
    server.kill();

    let server = Server::start(dir.path(), &[]);
    let said = passed(verify(&server.url, &args));
    for check in ["jobs of the run before are there, with the same results", "their keys still name them"] {
        assert!(names(&said, "passed").contains(&format!("restart: {check}")), "{check}: {said:?}");
    }
    let now = server.run(&["list", "--all"], b"").ok().out;
    assert!(now.lines().count() == 2 && now != list, "{now}");

    // A job that is lost is told, and the others stay to be looked at.
    let lost = now.split(' ').next().unwrap();
    server.run(&["delete", lost], b"").ok();
    let before = std::fs::read(&file).unwrap();
    let said = verify(&server.url, &args);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains(lost), "{said:?}");
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
    let said = verify(&server.url, &[]);
    assert_eq!((said.code, &said.json()["failed"]), (3, &0.into()), "{said:?}");
    assert_eq!(said.json()["intake_paused"], "new disks");
    assert!(
        names(&said, "passed").contains("intake: a paused intake answers 503 with Retry-After"),
        "{said:?}"
    );
    let said = run(&["--url", &server.url, "verify"], b"");
    assert!(said.err.contains("intake is paused") && said.err.contains("new disks"), "{said:?}");
}

/// That `spoil` fails these checks, each with a reason, and no others.
fn check(spoil: impl Fn(&mut Passing) + Send + Sync + 'static, expected: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let url = fake::start(&server.url, spoil);
    let said = verify(&url, &["--timeout", "20s"]);
    assert_eq!(said.code, 1, "{said:?}");
    let failed: Vec<Value> = said.json()["checks"].as_array().unwrap().clone();
    let failed: Vec<&Value> = failed.iter().filter(|c| c["outcome"] == "failed").collect();
    let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names(&said, "failed"), expected, "{failed:#?}");
    assert!(failed.iter().all(|c| !c["reason"].as_str().unwrap().contains('\n')), "{failed:#?}");
}

#[test]
fn a_mere_go_between_passes() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    passed(verify(&fake::start(&server.url, |_| {}), &[]));
}

#[test]
fn a_wrong_classic_face_is_named() {
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
fn wrong_results_are_named() {
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
fn wrong_headers_and_statuses_are_named() {
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
fn jobs_that_never_finish_are_told_and_do_not_take_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let url = fake::start(&server.url, |answer| {
        if answer.asked.starts_with("GET ") || answer.asked.starts_with("POST /v1/jobs") {
            answer.replace("\"status\":\"finished\"", "\"status\":\"submitted\"");
        }
    });
    let said = verify(&url, &["--timeout", "1s"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(names(&said, "failed").contains("classic: the job becomes finished"), "{said:?}");
    assert!(said.out.contains("does a worker run?"), "{said:?}");
    assert!(names(&said, "passed").contains("clean-up: the jobs made here are deleted"), "{said:?}");
    assert_eq!(server.run(&["list", "--all"], b"").ok().out, "");
}

#[test]
fn something_else_entirely_fails_and_is_quoted_briefly() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let url = fake::start(&server.url, |answer| {
        answer.status = 404;
        answer.body = b"<html>\x1b[31mno such page".repeat(100);
    });
    let said = run(&["--url", &url, "verify"], b"");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.starts_with("FAIL service: GET /healthz answers: GET /healthz: 200 expected, got 404"),
        "{said:?}"
    );
    assert!(!said.out.contains('\x1b'), "{said:?}");
    assert!(said.out.lines().all(|line| line.chars().count() < 300), "{said:?}");
}
