//! Processes that the program leaves behind: each ends with its job, even in another session.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pssp_predict::{Cancel, Engine, EngineError, Prediction};

use crate::support::{FIXTURE, engine, options, sequence};

/// Runs `role`, which starts a process in its own session and writes the process's id; returns that id.
fn with_daemon(role: &str, timeout: Duration) -> (Result<Prediction, EngineError>, u32) {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let mut options = options(&[role, "{input}", pid_file.to_str().unwrap()]);
    options.timeout = timeout;
    let outcome = engine(options).predict(&sequence(), &Cancel::new());
    let text = std::fs::read_to_string(pid_file).expect("the daemon was there");
    (outcome, text.parse().unwrap())
}

/// Whether a process exists and has not ended. A process that has ended may wait to be reaped.
fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X'])))
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

/// Waits until `condition` is true, at most half a minute.
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
fn a_cancelled_job_stops_soon_with_all_its_processes() {
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
        assert!(
            asked.elapsed() < Duration::from_secs(20),
            "the program was not stopped: it sleeps for a minute"
        );
        outcome
    });
    assert!(matches!(outcome, Err(EngineError::Cancelled)), "{outcome:?}");
    assert!(!is_running(read_pid(&pid_file).unwrap()));
}

/// A service in its own process. The service's program runs `role` with `file`.
fn host(role: &str, file: &Path, scratch: &Path) -> Command {
    let mut command = Command::new(FIXTURE);
    command.args(["hosts", role]).arg(file).arg(scratch).stderr(Stdio::null());
    command
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn a_job_ends_when_the_service_is_killed() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pid_file = folder.path().join("pid");
    let mut service = host("leaves-a-daemon-and-hangs", &pid_file, scratch.path()).spawn().unwrap();
    wait_for("the job has begun", || read_pid(&pid_file).is_some());
    service.kill().unwrap();
    service.wait().unwrap();
    let pid = read_pid(&pid_file).unwrap();
    wait_for("the daemon ends", || !is_running(pid));
    wait_for("its folder goes", || is_empty(scratch.path()));
}

#[test]
fn a_program_that_kills_its_worker_leaves_nothing_behind() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pid_file = folder.path().join("pid");
    let status = host("kills-its-worker", &pid_file, scratch.path()).status().unwrap();
    assert_eq!(status.signal(), Some(9), "{status}");
    let pid = read_pid(&pid_file).unwrap();
    wait_for("the daemon ends", || !is_running(pid));
    wait_for("its folder goes", || is_empty(scratch.path()));
}

#[test]
fn a_program_that_kills_its_supervisor_leaves_nothing_behind() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pid_file = folder.path().join("pid");
    let mut options = options(&["kills-its-supervisor", "{input}", pid_file.to_str().unwrap()]);
    options.scratch = scratch.path().to_owned();
    let outcome = engine(options).predict(&sequence(), &Cancel::new());
    assert!(matches!(&outcome, Err(EngineError::System(t)) if t.contains("no status")), "{outcome:?}");
    let pid = read_pid(&pid_file).unwrap();
    wait_for("the daemon ends", || !is_running(pid));
    assert!(is_empty(scratch.path()));
}

#[test]
fn processes_that_outlive_worker_and_supervisor_end_at_the_next_start() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pid_file = folder.path().join("pid");
    let status = host("kills-both", &pid_file, scratch.path()).status().unwrap();
    assert_eq!(status.signal(), Some(9), "{status}");
    let pid = read_pid(&pid_file).unwrap();
    assert!(is_running(pid) && !is_empty(scratch.path()), "the process to be cleaned up must exist before");
    let mut options = options(&["works", "{input}"]);
    options.scratch = scratch.path().to_owned();
    let next = engine(options);
    wait_for("the process ends", || !is_running(pid));
    assert!(is_empty(scratch.path()));
    next.predict(&sequence(), &Cancel::new()).expect("a prediction");
}

#[test]
fn the_folder_of_a_running_job_stays() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pid_file = folder.path().join("pid");
    let mut service = host("leaves-a-daemon-and-hangs", &pid_file, scratch.path()).spawn().unwrap();
    wait_for("the job has begun", || read_pid(&pid_file).is_some());
    let mut options = options(&["works", "{input}"]);
    options.scratch = scratch.path().to_owned();
    drop(engine(options));
    assert!(!is_empty(scratch.path()) && is_running(read_pid(&pid_file).unwrap()));
    service.kill().unwrap();
    service.wait().unwrap();
}

#[test]
fn a_program_cannot_read_the_workers_environment() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for place in [folder.path(), scratch.path()] {
        std::fs::set_permissions(place, Permissions::from_mode(0o777)).unwrap();
    }
    let (program, seen) = (folder.path().join("fixture"), folder.path().join("seen"));
    std::fs::copy(FIXTURE, &program).unwrap();
    let mut service = Command::new(&program);
    service.args(["hosts", "spies"]).arg(&seen).arg(scratch.path()).env("PSSP_SECRET", "hunter2");
    if rustix::process::geteuid().is_root() {
        // Root may read everything, so the worker runs as a user without such rights.
        service.uid(65_534).gid(65_534);
    }
    assert!(service.status().unwrap().success());
    assert_eq!(std::fs::read_to_string(seen).unwrap(), "refused: permission denied");
}
