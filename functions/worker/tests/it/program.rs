//! The program: its arguments, bad settings, signals.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pssp-worker"));
    command.env("PSSP_BACKEND", "memory:");
    command
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn version_and_help() {
    let (version, _) = text(&program().arg("--version").output().unwrap());
    assert_eq!(version, concat!("pssp-worker ", env!("CARGO_PKG_VERSION"), "\n"));
    let (help, _) = text(&program().arg("--help").output().unwrap());
    assert!(help.contains("PSSP_BACKEND") && help.contains("PSSP_WORKER_ADDR"), "{help}");
    let output = program().arg("--frobnicate").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).1.contains("--frobnicate"));
}

#[test]
fn bad_settings_stop_the_start() {
    let output = program().env("PSSP_LEASE", "soon").env("PSSP_GRACE", "9999h").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let (_, stderr) = text(&output);
    assert!(stderr.contains("PSSP_LEASE=\"soon\"") && stderr.contains("PSSP_GRACE=\"9999h\""), "{stderr}");
}

#[cfg(unix)]
#[test]
fn sigterm_drains_and_exits() {
    let mut command = program();
    command.env("PSSP_LOG_FORMAT", "json").env("PSSP_LAESE", "1m").stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut log: Vec<String> = Vec::new();
    while !log.iter().any(|line| line.contains("worker started")) {
        log.push(lines.next().unwrap_or_else(|| panic!("it did not start: {log:?}")));
    }
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    log.extend(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0), "{log:?}");
    assert!(log.iter().any(|line| line.contains("did you mean PSSP_LEASE?")), "{log:?}");
    assert!(log.iter().any(|line| line.contains("worker stopped")), "{log:?}");
    assert!(log.iter().all(|line| line.starts_with('{') && line.ends_with('}')), "{log:?}");
}
