//! A service and its clients: submit, watch, result, list, cancel, delete, and how they exit.

use crate::support::{LONG, Said, Server, chains, run, until};

/// One thread, so that jobs behind a long one wait.
const ONE_THREAD: (&str, &str) = ("PSSP_WORKERS", "1");

fn status(server: &Server, id: &str) -> String {
    server.run(&["--json", "status", id], b"").json()["status"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn from_submit_to_delete() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let id =
        server.run(&["submit", "--name", "my protein", "MKVLAAGIVGLLLAQWKDE"], b"").ok().line().to_owned();

    let watched = server.run(&["watch", &id, "--timeout", "60s"], b"").ok();
    assert!(watched.out.lines().last().unwrap().contains("finished"), "{}", watched.out);
    assert!(server.run(&["status", &id], b"").ok().out.contains("my protein"));

    // The same bytes as a prediction made here, but for the header.
    let labels = |said: Said| said.out.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
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
        let said = server.run(&[command, &id], b"");
        assert_eq!(said.code, 7, "{command}: {said:?}");
        assert!(said.err.contains(&id), "{command}: {}", said.err);
    }
}

#[test]
fn a_batch_in_the_order_of_its_input() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let fasta = chains(30, 50);
    let said = server.run(&["submit", "--wait", "--timeout", "60s"], fasta.as_bytes()).ok();
    let id = said.line();
    let result = server.run(&["result", id, "-f", "txt"], b"").ok();
    let sequences: Vec<&str> = result.out.lines().skip(1).step_by(8).collect();
    let sent: Vec<&str> = fasta.lines().skip(1).step_by(2).collect();
    assert_eq!(sequences, sent);
    assert!(server.run(&["status", id], b"").ok().out.contains("30 finished, 0 running, 0 waiting"));
}

#[test]
fn bad_records_of_a_batch_are_told_and_the_rest_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let said = server.run(&["submit", "--wait", "--timeout", "60s"], b">a\nMKVLA\n>b\nMK?LA\n>c\nMKVLA\n");
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("record 2, line 4, column 3: '?'"), "{}", said.err);
    assert!(
        server.run(&["status", said.line()], b"").out.contains("2 finished, 0 running, 0 waiting, 1 refused")
    );
}

#[test]
fn input_that_is_refused_comes_back_with_place_and_hint() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let said = server.run(&["submit"], b">a\nMKV\nLA?GI\n");
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(
        said.err.contains("line 3, column 3: '?' cannot stand in a protein sequence; remove it"),
        "{}",
        said.err
    );
    let json = server.run(&["--json", "submit"], b">a\nMKV\nLA?GI\n");
    let error: serde_json::Value = serde_json::from_str(&json.err).unwrap();
    assert_eq!(
        (&error["error"]["errors"][0]["line"], &error["error"]["problem"]["status"]),
        (&3.into(), &422.into())
    );
    let said = server.run(&["validate", "--remote"], b">a\nmkvla\n").ok();
    assert!(said.out.contains("5 letters made upper case"), "{}", said.out);
    assert_eq!(server.run(&["validate", "--remote"], b"MK?").code, 2);
    assert_eq!(server.run(&["list"], b"").ok().out, "");
}

#[test]
fn the_same_key_is_the_same_job() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let submit = |sequence| server.run(&["submit", "--idempotency-key", "k1", sequence], b"");
    let first = submit("MKVLAAGIVG").ok().line().to_owned();
    assert_eq!(submit("MKVLAAGIVG").ok().line(), first);
    assert_eq!(submit("MKVLA").code, 2);
    assert_eq!(server.run(&["list"], b"").ok().out.lines().count(), 1);
}

#[test]
fn cancelled_stays_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[ONE_THREAD]);
    let batch = server.run(&["submit"], chains(8, LONG).as_bytes()).ok().line().to_owned();
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
fn a_wait_that_is_too_short_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[ONE_THREAD]);
    server.run(&["submit"], chains(8, LONG).as_bytes()).ok();
    let said = server.run(&["submit", "--wait", "--timeout", "1ms", "MKVLAAGIVG"], b"");
    assert_eq!(said.code, 5, "{said:?}");
    assert_eq!(server.run(&["result", said.line()], b"").code, 5);
    // It goes on.
    until("the job to finish", || (status(&server, said.line()) == "finished").then_some(()));
    server.run(&["result", said.line()], b"").ok();
}

#[test]
fn keys_let_in() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[("PSSP_API_KEYS", "alice:secret-of-alice,bob:secret-of-bob")]);
    for args in [&["submit", "MKVLAAGIVG"][..], &["--api-key", "wrong-key", "list"]] {
        let said = server.run(args, b"");
        assert_eq!(said.code, 4, "{said:?}");
        assert!(said.err.contains("--api-key or PSSP_API_KEY"), "{}", said.err);
    }
    let alice = ["--api-key", "secret-of-alice"];
    let id = server.run(&[&alice[..], &["submit", "MKVLAAGIVG"]].concat(), b"").ok().line().to_owned();
    server.run(&[&alice[..], &["watch", &id]].concat(), b"").ok();
    assert_eq!(server.run(&["--api-key", "secret-of-bob", "status", &id], b"").code, 7);
}
