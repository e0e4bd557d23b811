//! The two roles in which this program is started again for a job: supervisor and starter.
//!
//! The supervisor is the subreaper of all its descendants: a process whose parent has ended becomes its
//! child, even if the process went to the background in another session. The supervisor kills all its
//! descendants when the program has ended or when its standard input is closed. The death of the engine's
//! process also closes the standard input. In that case the supervisor removes the job's folder too.
//! The starter sets the limits on itself, asks the kernel to kill it when the supervisor dies, and
//! becomes the program (`exec`).

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fs, thread};

use rlimit::Resource;
use rustix::io::Errno;
use rustix::process::{self as unix, Signal, WaitOptions};

use crate::command;
use crate::processes::kill_all_below;
use crate::scratch;

/// First argument of the supervisor.
pub(crate) const SUPERVISE: &str = "__supervise-command";
/// First argument of the starter.
const START: &str = "__start-command";

/// Pause between two rounds of killing. Several rounds are needed, because a process may fork meanwhile.
const KILL_INTERVAL: Duration = Duration::from_millis(5);

/// If the first of `arguments` (without the program's name) names a role, runs this role and returns its
/// exit code. A program that uses [`CommandEngine`](crate::CommandEngine) calls this function first.
#[must_use]
pub fn intercept(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter();
    let role = arguments.next()?;
    let rest: Vec<OsString> = arguments.collect();
    if role == SUPERVISE {
        Some(supervise(rest))
    } else if role == START {
        Some(start(&rest))
    } else {
        None
    }
}

/// How a program ended, as written in the status file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
    NotStarted(String),
}

impl Ended {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ')? {
            ("code", number) => number.parse().ok().map(Self::Code),
            ("signal", number) => number.parse().ok().map(Self::Signal),
            ("failed", why) => Some(Self::NotStarted(why.to_owned())),
            _ => None,
        }
    }
}

// --- the supervisor --------------------------------------------------------------------------

/// `rest`: status file, limit on memory, limit on file size, program and its arguments.
fn supervise(rest: Vec<OsString>) -> ExitCode {
    let Some(status_file) = rest.first().cloned() else {
        return ExitCode::FAILURE;
    };
    let status_file = Path::new(&status_file);
    let code = match run_below(rest) {
        // The starter could not become the program and has written the reason.
        Ok(_) if status_file.exists() => ExitCode::SUCCESS,
        Ok(status) => write_status(status_file, &describe(status)),
        Err(e) => write_status(status_file, &format!("failed {e}")),
    };
    // The thread that removes the folder of a dead worker may be between killing and removing, and ends with us.
    if WORKER_IS_GONE.load(Ordering::SeqCst) {
        remove_folder(status_file);
    }
    code
}

/// Whether standard input was closed, before the program was killed for that.
static WORKER_IS_GONE: AtomicBool = AtomicBool::new(false);

/// How often a folder is removed at most, while another thread removes it too.
const REMOVALS: usize = 100;

fn remove_folder(status_file: &Path) {
    let Some(folder) = scratch::folder_of(status_file) else { return };
    for _ in 0..REMOVALS {
        if fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            return;
        }
        thread::sleep(KILL_INTERVAL);
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("code {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or(0)),
    }
}

fn run_below(rest: Vec<OsString>) -> io::Result<ExitStatus> {
    #[cfg(target_os = "linux")]
    unix::set_child_subreaper(Some(unix::getpid()))?;
    let status_file = rest.first().cloned().unwrap_or_default();
    thread::Builder::new().spawn(move || end_when_stdin_closes(Path::new(&status_file)))?;
    let mut starter = Command::new(own_executable()?);
    let supervisor = std::process::id().to_string();
    let child =
        starter.arg(START).arg(supervisor).args(rest).stdin(Stdio::null()).process_group(0).spawn()?;
    // Waits for any child, because adopted children must be reaped too.
    let status = loop {
        match unix::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get().cast_unsigned() == child.id() => {
                break ExitStatus::from_raw(status.as_raw());
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    };
    end_all_children();
    Ok(status)
}

/// The file of this program. On Linux this works even if the file was replaced after the start.
fn own_executable() -> io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// Waits for the end of standard input. Then kills all descendants and removes the job's folder, again and
/// again until this process ends.
fn end_when_stdin_closes(status_file: &Path) {
    let mut sink = [0; 64];
    while matches!(io::stdin().read(&mut sink), Ok(count) if count > 0) {}
    WORKER_IS_GONE.store(true, Ordering::SeqCst);
    loop {
        kill_all_below(unix::getpid());
        // The engine, if it still runs, also removes the folder.
        if let Some(folder) = scratch::folder_of(status_file) {
            let _ = fs::remove_dir_all(folder);
        }
        thread::sleep(KILL_INTERVAL);
    }
}

/// Kills and reaps children until none is left.
fn end_all_children() {
    loop {
        kill_all_below(unix::getpid());
        match unix::wait(WaitOptions::NOHANG) {
            Err(Errno::CHILD) => return,
            Ok(None) => thread::sleep(KILL_INTERVAL),
            _ => {}
        }
    }
}

// --- the starter -----------------------------------------------------------------------------

/// `rest`: the supervisor's process id, then the arguments of the supervisor. Returns only on failure.
fn start(rest: &[OsString]) -> ExitCode {
    let [supervisor, status_file, memory, file_size, program, arguments @ ..] = rest else {
        return ExitCode::FAILURE;
    };
    let why = match end_with(supervisor).and_then(|()| limit(memory, file_size)) {
        Ok(()) => cannot_start(Path::new(program), &Command::new(program).args(arguments).exec()),
        Err(e) => e.to_string(),
    };
    write_status(Path::new(status_file), &format!("failed {}: {why}", program.display()));
    ExitCode::FAILURE
}

/// The message for a program that cannot start. If its interpreter is missing, the system would report "no
/// such file" although the program exists.
fn cannot_start(program: &Path, error: &io::Error) -> String {
    command::interpreter_fault(program).unwrap_or_else(|| error.to_string())
}

/// Asks the kernel to kill this process, and so the program that it becomes, when the supervisor dies.
fn end_with(supervisor: &OsString) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    unix::set_parent_process_death_signal(Some(Signal::KILL))?;
    let parent = unix::getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if parent.as_deref() == supervisor.to_str() {
        return Ok(());
    }
    Err(io::Error::other("the supervisor is gone"))
}

fn limit(memory: &OsString, file_size: &OsString) -> io::Result<()> {
    let number = |text: &OsString| text.to_str().and_then(|t| t.parse::<u64>().ok());
    let (Some(memory), Some(file_size)) = (number(memory), number(file_size)) else {
        return Err(io::Error::other("limits are not numbers"));
    };
    // A lower limit that this process already has stays.
    for (resource, wanted) in [(Resource::CORE, 0), (Resource::FSIZE, file_size), (Resource::AS, memory)] {
        let (_, hard) = resource.get()?;
        resource.set(wanted.min(hard), wanted.min(hard))?;
    }
    Ok(())
}

/// Writes the status, unless the file exists already.
fn write_status(path: &Path, text: &str) -> ExitCode {
    let written = fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
