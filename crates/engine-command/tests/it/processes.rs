//! Processes that the program leaves behind: none outlives its job, however it hides.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use pssp_predict::{Cancel, Engine, EngineError, Prediction};

use crate::support::{FIXTURE, engine, options, sequence};

/// Runs `role`, which writes the id of a process in a session of its own; returns that id.
fn with_daemon(role: &str, timeout: Duration) -> (Result<Prediction, EngineError>, u32) {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let mut options = options(&[role, "{input}", pid_file.to_str().unwrap()]);
    options.timeout = timeout;
    let outcome = engine(options).predict(&sequence(), &Cancel::new());
    let text = std::fs::read_to_string(pid_file).expect("the daemon was there");
    (outcome, text.parse().unwrap())
}

fn is_running(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

#[test]
fn a_daemon_ends_with_its_job() {
    let (outcome, pid) = with_daemon("leaves-a-daemon", Duration::from_secs(60));
    outcome.expect("a prediction: the daemon does not hold it up");
    assert!(!is_running(pid));
}

#[test]
fn a_daemon_ends_with_a_job_that_took_too_long() {
    let (outcome, pid) = with_daemon("leaves-a-daemon-and-hangs", Duration::from_secs(5));
    assert!(matches!(&outcome, Err(EngineError::Method(t)) if t.contains("longer")), "{outcome:?}");
    assert!(!is_running(pid));
}

/// Waits until `condition` holds, at most half a minute.
fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn read_pid(file: &Path) -> Option<u32> {
    std::fs::read_to_string(file).ok()?.parse().ok()
}

#[test]
fn a_cancelled_job_stops_soon_with_all_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let engine = engine(options(&["leaves-a-daemon-and-hangs", "{input}", pid_file.to_str().unwrap()]));
    let cancel = Cancel::new();
    let outcome = thread::scope(|scope| {
        let running = scope.spawn(|| engine.predict(&sequence(), &cancel));
        wait_for("the job has begun", || read_pid(&pid_file).is_some());
        let asked = Instant::now();
        cancel.cancel();
        let outcome = running.join().unwrap();
        assert!(asked.elapsed() < Duration::from_secs(20), "it would have run for a minute");
        outcome
    });
    assert!(matches!(outcome, Err(EngineError::Cancelled)), "{outcome:?}");
    assert!(!is_running(read_pid(&pid_file).unwrap()));
}

#[test]
fn a_job_ends_when_the_service_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let mut service = Command::new(FIXTURE).arg("hosts").arg(&pid_file).spawn().unwrap();
    wait_for("the job has begun", || read_pid(&pid_file).is_some());
    service.kill().unwrap();
    service.wait().unwrap();
    let pid = read_pid(&pid_file).unwrap();
    wait_for("the daemon ends", || !is_running(pid));
}
