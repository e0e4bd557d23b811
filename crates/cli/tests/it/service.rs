//! Client commands against a service: submit, watch, result, list, cancel, delete, and their exit codes.

use crate::support::{CommandOutput, LONG_CHAIN, Server, chains, run, until};

/// One thread, so that other jobs wait while a long one runs.
const ONE_THREAD: (&str, &str) = ("PSSP_WORKERS", "1");

fn status(server: &Server, id: &str) -> String {
    server.run(&["--json", "status", id], b"").json()["status"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_job_from_submission_to_deletion() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let id =
        server.run(&["submit", "--name", "my protein", "MKVLAAGIVGLLLAQWKDE"], b"").ok().line().to_owned();

    let watched = server.run(&["watch", &id, "--timeout", "60s"], b"").ok();
    assert!(watched.out.lines().last().unwrap().contains("finished"), "{}", watched.out);
    assert!(server.run(&["status", &id], b"").ok().out.contains("my protein"));

    // Apart from the header, the result has the same bytes as a local prediction.
    let labels = |output: CommandOutput| output.out.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let remote = server.run(&["result", &id], b"").ok();
    assert_eq!(remote.line(), format!(">JOBID = {id}"));
    assert_eq!(labels(remote), labels(run(&["predict", "MKVLAAGIVGLLLAQWKDE"], b"")));
    for format in ["json", "ndjson", "ss2", "horiz", "tsv", "csv", "fasta", "txt"] {
        assert!(!server.run(&["result", &id, "-f", format], b"").ok().out.is_empty(), "{format}");
    }
    let file = dir.path().join("x.csv");
    server.run(&["result", &id, "-o", file.to_str().unwrap()], b"").ok();
    assert!(std::fs::read_to_string(file).unwrap().starts_with("id,pos,aa"));

    assert!(server.run(&["list"], b"").ok().out.contains(&id));
    assert_eq!(server.run(&["list", "--status", "failed"], b"").ok().out, "");
    assert_eq!(server.run(&["--json", "list", "-n", "1"], b"").ok().json()["id"], id);
    assert!(server.run(&["methods"], b"").ok().out.contains("sha256"));

    server.run(&["delete", &id], b"").ok();
    server.run(&["delete", &id], b"").ok();
    for command in ["status", "result", "watch", "cancel"] {
        let output = server.run(&[command, &id], b"");
        assert_eq!(output.code, 7, "{command}: {output:?}");
        assert!(output.err.contains(&id), "{command}: {}", output.err);
    }
}

#[test]
fn batch_results_have_the_order_of_the_input() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let fasta = chains(30, 50);
    let output = server.run(&["submit", "--wait", "--timeout", "60s"], fasta.as_bytes()).ok();
    let id = output.line();
    let result = server.run(&["result", id, "-f", "txt"], b"").ok();
    let sequences: Vec<&str> = result.out.lines().skip(1).step_by(8).collect();
    let sent: Vec<&str> = fasta.lines().skip(1).step_by(2).collect();
    assert_eq!(sequences, sent);
    assert!(server.run(&["status", id], b"").ok().out.contains("30 finished, 0 running, 0 waiting"));
}

#[test]
fn bad_records_of_a_batch_are_reported_and_the_rest_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let output = server.run(&["submit", "--wait", "--timeout", "60s"], b">a\nMKVLA\n>b\nMK?LA\n>c\nMKVLA\n");
    assert_eq!(output.code, 2, "{output:?}");
    assert!(output.err.contains("record 2, line 4, column 3: '?'"), "{}", output.err);
    assert!(
        server
            .run(&["status", output.line()], b"")
            .out
            .contains("2 finished, 0 running, 0 waiting, 1 refused")
    );
}

#[test]
fn refused_input_is_reported_with_place_and_hint() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let output = server.run(&["submit"], b">a\nMKV\nLA?GI\n");
    assert_eq!((output.code, output.out.as_str()), (2, ""));
    assert!(
        output.err.contains("line 3, column 3: '?' cannot stand in a protein sequence; remove it"),
        "{}",
        output.err
    );
    let json = server.run(&["--json", "submit"], b">a\nMKV\nLA?GI\n");
    let error: serde_json::Value = serde_json::from_str(&json.err).unwrap();
    assert_eq!(
        (&error["error"]["errors"][0]["line"], &error["error"]["problem"]["status"]),
        (&3.into(), &422.into())
    );
    let output = server.run(&["validate", "--remote"], b">a\nmkvla\n").ok();
    assert!(output.out.contains("5 letters made upper case"), "{}", output.out);
    assert_eq!(server.run(&["validate", "--remote"], b"MK?").code, 2);
    assert_eq!(server.run(&["list"], b"").ok().out, "");
}

#[test]
fn the_same_idempotency_key_is_the_same_job() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let submit = |sequence| server.run(&["submit", "--idempotency-key", "k1", sequence], b"");
    let first = submit("MKVLAAGIVG").ok().line().to_owned();
    assert_eq!(submit("MKVLAAGIVG").ok().line(), first);
    assert_eq!(submit("MKVLA").code, 2);
    assert_eq!(server.run(&["list"], b"").ok().out.lines().count(), 1);
}

#[test]
fn a_cancelled_job_stays_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[ONE_THREAD]);
    let batch = server.run(&["submit"], chains(8, LONG_CHAIN).as_bytes()).ok().line().to_owned();
    let waiting =
        server.run(&["--json", "submit", "MKVLAAGIVG"], b"").ok().json()["id"].as_str().unwrap().to_owned();
    server.run(&["cancel", &waiting], b"").ok();
    server.run(&["cancel", &waiting], b"").ok();
    assert_eq!(server.run(&["status", &waiting], b"").code, 1);
    assert_eq!(server.run(&["watch", &waiting], b"").code, 1);
    let result = server.run(&["result", &waiting], b"");
    assert_eq!(result.code, 1, "{result:?}");
    assert!(result.err.contains("cancelled"), "{}", result.err);
    server.run(&["watch", &batch, "--timeout", "100s"], b"").ok();
    assert_eq!(status(&server, &waiting), "cancelled");
}

#[test]
fn a_wait_that_is_too_short_exits_with_5() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[ONE_THREAD]);
    server.run(&["submit"], chains(8, LONG_CHAIN).as_bytes()).ok();
    let output = server.run(&["submit", "--wait", "--timeout", "1ms", "MKVLAAGIVG"], b"");
    assert_eq!(output.code, 5, "{output:?}");
    assert_eq!(server.run(&["result", output.line()], b"").code, 5);
    // The job goes on.
    until("the job to finish", || (status(&server, output.line()) == "finished").then_some(()));
    server.run(&["result", output.line()], b"").ok();
}

#[test]
fn only_callers_with_a_key_are_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[("PSSP_API_KEYS", "alice:secret-of-alice,bob:secret-of-bob")]);
    for args in [&["submit", "MKVLAAGIVG"][..], &["--api-key", "wrong-key", "list"]] {
        let output = server.run(args, b"");
        assert_eq!(output.code, 4, "{output:?}");
        assert!(output.err.contains("--api-key or PSSP_API_KEY"), "{}", output.err);
    }
    let alice = ["--api-key", "secret-of-alice"];
    let id = server.run(&[&alice[..], &["submit", "MKVLAAGIVG"]].concat(), b"").ok().line().to_owned();
    server.run(&[&alice[..], &["watch", &id]].concat(), b"").ok();
    assert_eq!(server.run(&["--api-key", "secret-of-bob", "status", &id], b"").code, 7);
}
