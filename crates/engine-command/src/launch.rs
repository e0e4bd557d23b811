//! The two roles in which this program is started again for a job: supervisor and starter.
//!
//! The supervisor is the reaper of everything below it, so that also a process that was sent to the
//! background and into a session of its own ends up as its child. It ends them all when the program
//! has ended, when its standard input is closed, or when the engine's process dies, which closes it
//! too; it removes the job's folder then. The starter sets the limits on itself, asks to be killed
//! when the supervisor dies, and becomes the program.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
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

/// Pause between two rounds of killing: a process may fork while it is looked for.
const ROUND: Duration = Duration::from_millis(5);

/// Plays a role, if the first of `arguments` (without the program's name) names one, and returns the
/// exit code. A program that uses [`CommandEngine`](crate::CommandEngine) calls this before all else.
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

/// How a program ended, as it stands in the status file.
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

/// `rest`: status file, memory, file size, program and its arguments.
fn supervise(rest: Vec<OsString>) -> ExitCode {
    let Some(status_file) = rest.first().cloned() else {
        return ExitCode::FAILURE;
    };
    let status_file = Path::new(&status_file);
    match run_below(rest) {
        // The starter could not become the program, and has written why.
        Ok(_) if status_file.exists() => ExitCode::SUCCESS,
        Ok(status) => write_status(status_file, &describe(status)),
        Err(e) => write_status(status_file, &format!("failed {e}")),
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
    let mut starter = Command::new(myself()?);
    let supervisor = std::process::id().to_string();
    let child =
        starter.arg(START).arg(supervisor).args(rest).stdin(Stdio::null()).process_group(0).spawn()?;
    // Waits for any child: adopted ones must be reaped as well.
    let status = loop {
        match unix::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get().cast_unsigned() == child.id() => {
                break ExitStatus::from_raw(status.as_raw());
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    };
    end_the_rest();
    Ok(status)
}

/// This program's file, also if it was replaced meanwhile.
fn myself() -> io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// Waits for the end of the standard input, then kills all, removes the job's folder, and goes on
/// killing until this process ends.
fn end_when_stdin_closes(status_file: &Path) {
    let mut sink = [0; 64];
    while matches!(io::stdin().read(&mut sink), Ok(count) if count > 0) {}
    loop {
        kill_all_below(unix::getpid());
        // The engine removes it too, if it still runs.
        if let Some(folder) = scratch::folder_of(status_file) {
            let _ = fs::remove_dir_all(folder);
        }
        thread::sleep(ROUND);
    }
}

/// Kills and reaps until there is no child left.
fn end_the_rest() {
    loop {
        kill_all_below(unix::getpid());
        match unix::wait(WaitOptions::NOHANG) {
            Err(Errno::CHILD) => return,
            Ok(None) => thread::sleep(ROUND),
            _ => {}
        }
    }
}

// --- the starter -----------------------------------------------------------------------------

/// `rest`: the supervisor's process id, then as for the supervisor. Returns only if it fails.
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

/// A missing interpreter gives "no such file" for a program that is there.
fn cannot_start(program: &Path, error: &io::Error) -> String {
    command::interpreter_fault(program).unwrap_or_else(|| error.to_string())
}

/// Asks for the end of this process, and of the program that it becomes, with the supervisor.
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
    // Lower limits that this process was given itself stay.
    for (resource, wanted) in [(Resource::CORE, 0), (Resource::FSIZE, file_size), (Resource::AS, memory)] {
        let (_, hard) = resource.get()?;
        resource.set(wanted.min(hard), wanted.min(hard))?;
    }
    Ok(())
}

/// Writes the status whole or not at all.
fn write_status(path: &Path, text: &str) -> ExitCode {
    let written = fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
