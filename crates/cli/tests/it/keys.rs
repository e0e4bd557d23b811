//! `pssp keys`: makes, lists, rotates and revokes keys over HTTP with the admin key, and on the backend.

use crate::support::{Server, pssp, run_with};

const ADMIN_KEY: (&str, &str) = ("PSSP_ADMIN_KEY", "the-admin-key");

#[test]
fn a_key_is_made_used_rotated_and_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[ADMIN_KEY, ("PSSP_ACCESS", "keys")]);
    let operator = |args: &[&str]| {
        let mut command = pssp();
        command.env("PSSP_URL", &server.url).env(ADMIN_KEY.0, ADMIN_KEY.1);
        run_with(command, args, b"")
    };
    assert_eq!(server.run(&["keys", "list"], b"").code, 4, "not without the operator's key");
    let made = operator(&["--json", "keys", "create", "lab", "--note", "for the lab", "--expires", "2h"])
        .ok()
        .json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(server.run(&["submit", "MKVLAAGIVG"], b"").code, 4, "only callers with a key");
    server.run(&["--api-key", key, "submit", "--wait", "MKVLAAGIVG"], b"").ok();
    let listed = operator(&["keys", "list"]).ok();
    assert!(listed.out.starts_with(&format!("{id} lab submit,read until ")), "{listed:?}");
    assert!(listed.out.contains("(for the lab)") && !listed.out.contains(key), "{listed:?}");
    let rotated = operator(&["keys", "rotate", id, "--grace", "1h"]).ok();
    let new = rotated.line();
    assert!(new.starts_with("pssp_") && new != key);
    for key in [key, new] {
        server.run(&["--api-key", key, "list"], b"").ok();
    }
    operator(&["keys", "revoke", id]).ok();
    assert_eq!(server.run(&["--api-key", key, "list"], b"").code, 4);
    server.run(&["--api-key", new, "list"], b"").ok();
    for bad in [
        &["keys", "create", "a b"][..],
        &["keys", "create", "lab", "--scope", "write"],
        &["keys", "revoke", "../x"],
    ] {
        assert_eq!(operator(bad).code, 2, "{bad:?}");
    }
}

#[test]
fn keys_are_managed_on_the_backend_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[("PSSP_ACCESS", "keys")]);
    let backend = format!("sqlite:{}", dir.path().join("jobs.db").display());
    let on_backend = |args: &[&str]| {
        let args: Vec<&str> =
            ["--quiet", "keys", "--backend", &backend].iter().chain(args).copied().collect();
        run_with(pssp(), &args, b"")
    };
    let made = on_backend(&["create", "lab"]).ok();
    server.run(&["--api-key", made.line(), "submit", "--wait", "MKVLAAGIVG"], b"").ok();
    let list = on_backend(&["list"]).ok();
    let id = list.line().split(' ').next().unwrap().to_owned();
    on_backend(&["rotate", &id]).ok();
    on_backend(&["revoke", &id]).ok();
    assert_eq!(on_backend(&["list"]).ok().out.lines().count(), 1);
    assert_eq!(on_backend(&["rotate", &id]).code, 2);
}
