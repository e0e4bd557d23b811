//! Commands and documents for operators: wrong settings, dead letters, the operations guide.

use std::sync::Arc;

use pssp_jobs::{Jobs, Policy, SystemClock};

use crate::support::{Server, pssp, root, run, run_with};

#[test]
fn the_start_fails_and_names_all_wrong_settings_at_once() {
    let mut command = pssp();
    command.env("PSSP_LEASE", "soon").env("PSSP_ADDR", "localhost");
    let output = run_with(command, &["serve"], b"");
    assert_eq!(output.code, 2);
    assert!(
        output.err.contains("PSSP_LEASE=\"soon\"") && output.err.contains("PSSP_ADDR=\"localhost\""),
        "{}",
        output.err
    );
    let output = run(&["serve", "--addr", "127.0.0.1:0", "--backend", "oracle:x"], b"");
    assert_ne!(output.code, 0);
    assert!(output.err.contains("oracle"), "{}", output.err);
}

#[test]
fn unknown_settings_cause_a_warning_and_client_variables_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [("PSSP_WORKRES", "3"), ("PSSP_URL", "http://127.0.0.1:1"), ("PSSP_API_KEY", "x")];
    let server = Server::start(dir.path(), &settings);
    let (code, log) = server.terminate();
    assert_eq!(code, Some(0));
    assert!(log.contains("PSSP_WORKRES is not a setting: did you mean PSSP_WORKERS?"), "{log}");
    assert!(!log.contains("PSSP_URL is") && !log.contains("PSSP_API_KEY is"), "{log}");
}

#[test]
fn dead_letters_are_handled_while_a_server_runs() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let backend = format!("sqlite:{}", dir.path().join("jobs.db").display());
    assert_eq!(run(&["dead", "--backend", &backend, "list"], b"").ok().out, "");
    let id = server.run(&["submit", "--wait", "MKVLAAGIVG"], b"").ok().line().to_owned();
    let output = run(&["dead", "--backend", &backend, "redrive", &id], b"");
    assert_eq!(output.code, 2, "{output:?}");
    assert!(output.err.contains(&id), "{}", output.err);
    let nobody = "0190f3c4-7d1e-7c3b-9c55-6f1f2ab3c0de";
    assert_eq!(run(&["dead", "--backend", &backend, "redrive", nobody], b"").code, 7);
}

/// Moves an undecodable message to the dead letters, as a worker does.
async fn move_foreign_message_to_dead_letters(backend: &str) {
    let clock = Arc::new(SystemClock);
    let backend = pssp_backends::open(backend, clock.clone()).await.unwrap();
    let jobs = Jobs::new(backend, clock, Policy::default()).unwrap();
    jobs.bury("not ours".to_owned(), "undecodable message: expected value".to_owned()).await.unwrap();
}

/// A message that no worker can decode is listed and can be discarded once. A job cannot be discarded.
#[test]
fn a_foreign_message_is_discarded_and_a_job_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let job = server.run(&["submit", "--wait", "MKVLAAGIVG"], b"").ok().line().to_owned();
    let backend = format!("sqlite:{}", dir.path().join("jobs.db").display());
    tokio::runtime::Runtime::new().unwrap().block_on(move_foreign_message_to_dead_letters(&backend));
    let dead = |args: &[&str]| run(&[&["dead", "--backend", &backend], args].concat(), b"");
    let line = dead(&["list"]).ok().out;
    let (id, rest) = line.split_once(' ').unwrap();
    assert!(rest.contains("message") && rest.contains("undecodable"), "{line}");
    let output = dead(&["discard", &job]);
    assert!(output.code == 2 && output.err.contains("a job, not a message"), "{output:?}");
    assert_eq!(server.run(&["status", &job], b"").code, 0, "the job still exists");
    dead(&["discard", id]).ok();
    assert_eq!(dead(&["list"]).ok().out, "");
    assert_eq!(dead(&["discard", id]).code, 7);
}

/// The words of `text` that begin with `prefix`.
fn words<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(move |word| word.starts_with(prefix))
}

#[test]
fn the_guide_names_only_settings_metrics_and_commands_that_exist() {
    let guide = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    // The target of log lines is no metric.
    let guide = guide.replace("pssp_api::audit", "");
    let settings = run(&["settings"], b"").ok().out;
    let mut seen = 0;
    for name in words(&guide, "PSSP_") {
        assert!(words(&settings, "PSSP_").any(|known| known == name), "{name} is no setting");
        seen += 1;
    }
    let metrics = run(&["settings", "--metrics"], b"").ok().out;
    for name in words(&guide, "pssp_") {
        let name = name.trim_end_matches("_bucket");
        assert!(metrics.contains(&format!("| `{name}` |")), "{name} is no metric");
        seen += 1;
    }
    let help = run(&["--help"], b"").ok().out;
    let lines = guide.lines().filter_map(|line| line.strip_prefix("$ pssp "));
    for line in lines {
        let command = line.split(' ').find(|word| !word.starts_with("--") && !word.contains("://")).unwrap();
        assert!(help.contains(&format!("\n  {command} ")), "{line}");
        seen += 1;
    }
    assert!(seen > 30, "only {seen} names found: the search is broken");
}
