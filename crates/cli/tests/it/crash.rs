//! Faults of the whole process: it is killed, stopped by a signal, or started twice.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{LONG_CHAIN, Server, chains, pssp, run_with, until};

/// Number of jobs in a batch that keeps one thread busy for some seconds.
const JOBS: usize = 8;

/// One thread, so that the batch takes long, and a short lease, so that a lost worker is noticed soon.
const ONE_THREAD_SHORT_LEASE: &[(&str, &str)] = &[
    ("PSSP_WORKERS", "1"),
    ("PSSP_LEASE", "2s"),
    ("PSSP_HEARTBEAT", "500ms"),
    ("PSSP_SWEEP_EVERY", "1s"),
    ("PSSP_BACKOFF", "100ms"),
];

fn list(server: &Server, args: &[&str]) -> Vec<Value> {
    let output = server.run(&[&["--json", "list", "--all"], args].concat(), b"").ok();
    output.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(jobs: &[Value]) -> BTreeSet<String> {
    jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

/// Submits a batch and waits until a part of its jobs is finished.
fn half_done(server: &Server) -> (String, BTreeSet<String>) {
    let batch = server.run(&["submit"], chains(JOBS, LONG_CHAIN).as_bytes()).ok().line().to_owned();
    until("a job to be finished and one to be running", || {
        let done = list(server, &["--status", "finished"]).len();
        (done >= 1 && !list(server, &["--status", "running"]).is_empty()).then_some(())
    });
    let all = ids(&list(server, &[]));
    assert_eq!(all.len(), JOBS);
    (batch, all)
}

fn all_finished(server: &Server, batch: &str, before: &BTreeSet<String>) {
    server.run(&["watch", batch, "--timeout", "100s"], b"").ok();
    let finished = list(server, &["--status", "finished"]);
    assert_eq!(&ids(&finished), before, "no job lost, none doubled");
    let results = server.run(&["result", batch, "-f", "txt"], b"").ok();
    let sent = chains(JOBS, LONG_CHAIN);
    assert_eq!(
        results.out.lines().skip(1).step_by(8).collect::<Vec<_>>(),
        sent.lines().skip(1).step_by(2).collect::<Vec<_>>()
    );
}

#[test]
fn a_killed_server_finishes_its_jobs_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), ONE_THREAD_SHORT_LEASE);
    let (batch, jobs) = half_done(&server);
    let done: Vec<Value> = list(&server, &["--status", "finished"]);
    server.kill();

    let server = Server::start(dir.path(), ONE_THREAD_SHORT_LEASE);
    all_finished(&server, &batch, &jobs);
    let after = list(&server, &[]);
    // Jobs that were finished before are unchanged.
    for old in &done {
        let new = after.iter().find(|job| job["id"] == old["id"]).unwrap();
        assert_eq!((&new["attempts"], &new["finished_at"]), (&old["attempts"], &old["finished_at"]));
    }
    assert!(
        after.iter().any(|job| job["attempts"].as_u64() > Some(1)),
        "one attempt was lost with its worker: {after:?}"
    );
}

#[test]
fn sigterm_drains_and_releases_jobs() {
    let dir = tempfile::tempdir().unwrap();
    // The lease is so long that a job that is not released would not finish within this test.
    let settings = [("PSSP_WORKERS", "1"), ("PSSP_LEASE", "5m"), ("PSSP_GRACE", "20s")];
    let server = Server::start(dir.path(), &settings);
    let (batch, jobs) = half_done(&server);
    let (code, log) = server.terminate();
    assert_eq!(code, Some(0), "{log}");

    let server = Server::start(dir.path(), &settings);
    all_finished(&server, &batch, &jobs);
}

#[test]
fn a_second_server_on_the_same_port_reports_the_conflict() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let addr = server.url.trim_start_matches("http://");
    let backend = format!("sqlite:{}", dir.path().join("other.db").display());
    let output = run_with(pssp(), &["serve", "--addr", addr, "--backend", &backend], b"");
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.err.contains(&format!("cannot listen on {addr}")), "{}", output.err);
    server.run(&["list"], b"").ok();
}

#[test]
fn a_second_server_on_the_same_file_shares_its_jobs() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (Server::start(dir.path(), &[]), Server::start(dir.path(), &[]));
    let id = one.run(&["submit", "MKVLAAGIVGLLLAQWKDE"], b"").ok().line().to_owned();
    two.run(&["watch", &id, "--timeout", "60s"], b"").ok();
    let batch = two.run(&["submit", "--wait", "--timeout", "100s"], chains(100, 60).as_bytes()).ok();
    assert!(one.run(&["status", batch.line()], b"").ok().out.contains("100 finished, 0 running, 0 waiting"));
    let jobs = list(&one, &[]);
    // A job that was claimed ahead of a thread and given back has a second attempt, and no error.
    let failed: Vec<_> = jobs.iter().filter(|job| !job["last_error"].is_null()).collect();
    assert!(jobs.len() == 101 && failed.is_empty(), "{failed:?}");
    one.kill();
    two.run(&["result", &id], b"").ok();
}
