//! Signals to the processes of a function.

use rustix::process::{Pid, Signal, kill_process};

/// Sends `signal` to the child process with the id `process`. Does nothing if the process has ended.
pub(super) fn signal(process: u32, signal: Signal) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(process) = process {
        let _ = kill_process(process, signal);
    }
}
