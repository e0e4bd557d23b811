//! `pssp notice`: sets, shows and clears the notice over HTTP with the admin key, and on the backend.

use crate::support::{CommandOutput, Server, pssp, run, run_with};

const ADMIN_KEY: (&str, &str) = ("PSSP_ADMIN_KEY", "the-admin-key");

/// Runs a command as the operator, whose environment has an admin key besides a caller's key.
fn operator(server: &Server, args: &[&str]) -> CommandOutput {
    let mut command = pssp();
    command.env("PSSP_URL", &server.url).env(ADMIN_KEY.0, ADMIN_KEY.1).env("PSSP_API_KEY", "key-of-a-caller");
    run_with(command, args, b"")
}

#[test]
fn a_notice_pauses_intake_until_it_is_cleared() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[ADMIN_KEY]);
    let id = server.run(&["submit", "--wait", "MKVLAAGIVG"], b"").ok().line().to_owned();
    assert_eq!(server.run(&["--json", "notice", "show"], b"").ok().out, "null\n");

    let set = ["notice", "set", "new disks", "--level", "warning", "--until", "2h", "--pause-intake"];
    let output = operator(&server, &set).ok();
    assert!(
        output.out.starts_with("warning until ") && output.out.contains("intake paused: new disks"),
        "{output:?}"
    );
    let status = server.run(&["--json", "notice", "show"], b"").ok().json();
    assert_eq!((&status["text"], &status["pause_intake"]), (&"new disks".into(), &true.into()));

    // Reads work, and a submission is refused with the time of the next try.
    server.run(&["result", &id], b"").ok();
    let output = server.run(&["submit", "MKVLAAGIVG"], b"");
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.err.contains("new disks") && output.err.contains("try again in "), "{output:?}");

    operator(&server, &["notice", "clear"]).ok();
    operator(&server, &["notice", "clear"]).ok();
    assert_eq!(server.run(&["notice", "show"], b"").ok().out, "");
    server.run(&["submit", "MKVLAAGIVG"], b"").ok();
}

#[test]
fn only_the_operator_may_set_a_notice() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[ADMIN_KEY]);
    for args in [&["notice", "set", "x"][..], &["--api-key", "wrong-key", "notice", "clear"]] {
        let output = server.run(args, b"");
        assert_eq!(output.code, 4, "{output:?}");
        assert!(output.err.contains("PSSP_ADMIN_KEY") && output.err.contains("--backend"), "{output:?}");
    }
    // The key of the command line is preferred to that of the environment.
    assert_eq!(operator(&server, &["--api-key", "wrong-key", "notice", "clear"]).code, 4);
    server.run(&["--api-key", ADMIN_KEY.1, "notice", "set", "--text", "x"], b"").ok();

    let dir = tempfile::tempdir().unwrap();
    let closed = Server::start(dir.path(), &[]);
    let output = operator(&closed, &["notice", "set", "x"]);
    assert_eq!(output.code, 4, "{output:?}");
    assert!(output.err.contains("no admin key"), "{output:?}");
}

#[test]
fn a_notice_is_set_on_the_backend_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let backend = format!("sqlite:{}", dir.path().join("jobs.db").display());
    let notice = |args: &[&str]| run(&[&["notice", "--backend", &backend], args].concat(), b"");
    let mistyped = notice(&["show"]);
    assert_eq!(mistyped.code, 3, "reading must not create a store: {mistyped:?}");
    assert!(mistyped.err.contains("name the one that the service uses"), "{}", mistyped.err);
    Server::start(dir.path(), &[]).terminate();
    let from_to = ["--from", "2999-01-01T08:00:00+01:00", "--until", "2999-01-02T00:00:00Z"];
    notice(&[&["set", "--text", "next millennium"][..], &from_to].concat()).ok();
    let output = notice(&["show"]).ok();
    assert_eq!(
        output.out,
        "info from 2999-01-01T07:00:00.000Z until 2999-01-02T00:00:00.000Z: next millennium\n"
    );
    let server = Server::start(dir.path(), &[]);
    assert!(server.run(&["notice", "show"], b"").ok().out.contains("next millennium"));
    notice(&["clear"]).ok();
    assert_eq!(notice(&["show"]).ok().out, "");
}

#[test]
fn useless_notices_are_refused() {
    let past = ["notice", "set", "x", "--until", "2020-01-01T00:00:00Z"];
    for (args, expected) in [
        (&["notice", "set", " "][..], "needs a text"),
        (&past, "before it begins"),
        (&["notice", "set", "x", "--from", "2h", "--until", "1h"], "before it begins"),
        (&["notice", "set", "x", "--until", "friday"], "2026-01-31T08:00:00Z"),
        (&["notice", "set", "x", "--level", "loud"], "info, warning or critical"),
        (&["notice", "set"], "TEXT"),
    ] {
        let status = run(args, b"");
        assert_eq!(status.code, 2, "{args:?}: {status:?}");
        assert!(status.err.contains(expected), "{args:?}: {status:?}");
    }
}
