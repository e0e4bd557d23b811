//! The outage notice: put up, seen, taken down; over HTTP with the admin key, and on the backend.

use crate::support::{Said, Server, pssp, run, run_with};

const ADMIN: (&str, &str) = ("PSSP_ADMIN_KEY", "the-admin-key");

/// A command of the operator, who has the key in the environment, beside one of a caller's.
fn operator(server: &Server, args: &[&str]) -> Said {
    let mut command = pssp();
    command.env("PSSP_URL", &server.url).env(ADMIN.0, ADMIN.1).env("PSSP_API_KEY", "key-of-a-caller");
    run_with(command, args, b"")
}

#[test]
fn a_notice_pauses_intake_until_it_is_cleared() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[ADMIN]);
    let id = server.run(&["submit", "--wait", "MKVLAAGIVG"], b"").ok().line().to_owned();
    assert_eq!(server.run(&["--json", "notice", "show"], b"").ok().out, "null\n");

    let set = ["notice", "set", "new disks", "--level", "warning", "--until", "2h", "--pause-intake"];
    let said = operator(&server, &set).ok();
    assert!(
        said.out.starts_with("warning until ") && said.out.contains("intake paused: new disks"),
        "{said:?}"
    );
    let told = server.run(&["--json", "notice", "show"], b"").ok().json();
    assert_eq!((&told["text"], &told["pause_intake"]), (&"new disks".into(), &true.into()));

    // Reads work, and POST says when to come back.
    server.run(&["result", &id], b"").ok();
    let said = server.run(&["submit", "MKVLAAGIVG"], b"");
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.err.contains("new disks") && said.err.contains("try again in "), "{said:?}");

    operator(&server, &["notice", "clear"]).ok();
    operator(&server, &["notice", "clear"]).ok();
    assert_eq!(server.run(&["notice", "show"], b"").ok().out, "");
    server.run(&["submit", "MKVLAAGIVG"], b"").ok();
}

#[test]
fn only_the_operator_may() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[ADMIN]);
    for args in [&["notice", "set", "x"][..], &["--api-key", "wrong-key", "notice", "clear"]] {
        let said = server.run(args, b"");
        assert_eq!(said.code, 4, "{said:?}");
        assert!(said.err.contains("PSSP_ADMIN_KEY") && said.err.contains("--backend"), "{said:?}");
    }
    // A key of the command line goes before that of the environment.
    assert_eq!(operator(&server, &["--api-key", "wrong-key", "notice", "clear"]).code, 4);
    server.run(&["--api-key", ADMIN.1, "notice", "set", "--text", "x"], b"").ok();

    let dir = tempfile::tempdir().unwrap();
    let closed = Server::start(dir.path(), &[]);
    let said = operator(&closed, &["notice", "set", "x"]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.err.contains("no admin key"), "{said:?}");
}

#[test]
fn on_the_backend_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let backend = format!("sqlite:{}", dir.path().join("jobs.db").display());
    let notice = |args: &[&str]| run(&[&["notice", "--backend", &backend], args].concat(), b"");
    let mistyped = notice(&["show"]);
    assert_eq!(mistyped.code, 3, "a store is not made by looking at it: {mistyped:?}");
    assert!(mistyped.err.contains("name the one that the service uses"), "{}", mistyped.err);
    Server::start(dir.path(), &[]).terminate();
    let from_to = ["--from", "2999-01-01T08:00:00+01:00", "--until", "2999-01-02T00:00:00Z"];
    notice(&[&["set", "--text", "next millennium"][..], &from_to].concat()).ok();
    let said = notice(&["show"]).ok();
    assert_eq!(
        said.out,
        "info from 2999-01-01T07:00:00.000Z until 2999-01-02T00:00:00.000Z: next millennium\n"
    );
    let server = Server::start(dir.path(), &[]);
    assert!(server.run(&["notice", "show"], b"").ok().out.contains("next millennium"));
    notice(&["clear"]).ok();
    assert_eq!(notice(&["show"]).ok().out, "");
}

#[test]
fn what_would_tell_nothing_is_refused() {
    let past = ["notice", "set", "x", "--until", "2020-01-01T00:00:00Z"];
    for (args, said) in [
        (&["notice", "set", " "][..], "needs a text"),
        (&past, "before it begins"),
        (&["notice", "set", "x", "--from", "2h", "--until", "1h"], "before it begins"),
        (&["notice", "set", "x", "--until", "friday"], "2026-01-31T08:00:00Z"),
        (&["notice", "set", "x", "--level", "loud"], "info, warning or critical"),
        (&["notice", "set"], "TEXT"),
    ] {
        let told = run(args, b"");
        assert_eq!(told.code, 2, "{args:?}: {told:?}");
        assert!(told.err.contains(said), "{args:?}: {told:?}");
    }
}
