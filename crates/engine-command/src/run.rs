//! One run of the program: starts it, watches time, output and cancellation, and collects its output.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use std::{fs, thread};

use pssp_common::Backoff;
use pssp_predict::Cancel;

use crate::command::SEARCH_PATH;
use crate::launch::{Ended, SUPERVISE};
use crate::processes;

/// Time in which the supervisor must end all its descendants.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// Shortest and longest interval between two checks of the time and of `cancel`.
const POLL_INTERVAL: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));
/// Bytes that are kept of the end of standard error.
const MAX_STDERR: usize = 4000;

/// What to run, and its limits.
pub(crate) struct Job<'a> {
    /// The program that runs as supervisor and starter.
    pub(crate) launcher: &'a Path,
    pub(crate) program: &'a Path,
    pub(crate) arguments: Vec<OsString>,
    /// The program's working folder and home.
    pub(crate) folder: &'a Path,
    /// A path outside `folder`; no file exists there yet.
    pub(crate) status_file: &'a Path,
    pub(crate) timeout: Duration,
    pub(crate) memory: u64,
    /// The most bytes of standard output and standard error together.
    pub(crate) output: u64,
    pub(crate) file_size: u64,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Program(Ended),
    TimedOut,
    /// More output than allowed.
    Flooded,
    Cancelled,
}

/// The outcome of a run. All its processes have ended.
pub(crate) struct Outcome {
    pub(crate) end: End,
    pub(crate) stdout: Vec<u8>,
    /// The last bytes of standard error.
    pub(crate) stderr: Vec<u8>,
}

/// Runs `job` to its end.
///
/// # Errors
/// If the machine fails: no process or pipe can be made, or the supervisor disappears or does not end.
pub(crate) fn run(job: &Job<'_>, cancel: &Cancel) -> io::Result<Outcome> {
    let mut child = spawn(job)?;
    let written = Arc::new(AtomicU64::new(0));
    let output = usize::try_from(job.output).unwrap_or(usize::MAX);
    let stdout = collect(child.stdout.take(), output, Keep::First, &written)?;
    let stderr = collect(child.stderr.take(), MAX_STDERR, Keep::Last, &written)?;
    let stopped = watch(job, &mut child, &written, cancel)?;
    drop(child.stdin.take()); // then the supervisor ends everything
    if wait(&mut child, END_TIMEOUT)?.is_none() {
        let _ = child.kill();
        let _ = child.wait();
        processes::end_all_of(job.folder);
        return Err(io::Error::other("processes of the program could not be ended"));
    }
    // The program may have killed its supervisor. Then there is no status.
    if stopped.is_none() && !job.status_file.exists() {
        processes::end_all_of(job.folder);
    }
    let take = |stream: Receiver<Vec<u8>>| {
        stream.recv_timeout(END_TIMEOUT).map_err(|_| io::Error::other("the program's output does not end"))
    };
    let (stdout, stderr) = (take(stdout)?, take(stderr)?);
    let end = match stopped {
        Some(end) => end,
        None if written.load(Ordering::Relaxed) > job.output => End::Flooded,
        None => End::Program(status(job.status_file)?),
    };
    Ok(Outcome { end, stdout, stderr })
}

fn spawn(job: &Job<'_>) -> io::Result<Child> {
    Command::new(job.launcher)
        .arg(SUPERVISE)
        .arg(job.status_file)
        .args([job.memory.to_string(), job.file_size.to_string()])
        .arg(job.program)
        .args(&job.arguments)
        .current_dir(job.folder)
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .env("HOME", job.folder)
        .env("LANG", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0) // a Ctrl-C in the terminal reaches only this process, which then cancels the run
        .spawn()
}

fn status(path: &Path) -> io::Result<Ended> {
    let text = fs::read_to_string(path)
        .map_err(|e| io::Error::other(format!("the supervisor of the program left no status: {e}")))?;
    Ended::parse(&text).ok_or_else(|| io::Error::other("the status of the program is unreadable"))
}

/// Waits until the program has ended by itself (`None`) or must be stopped (`Some`, with the reason).
fn watch(job: &Job<'_>, child: &mut Child, written: &AtomicU64, cancel: &Cancel) -> io::Result<Option<End>> {
    let deadline = Instant::now() + job.timeout;
    let mut pauses = Backoff::new(POLL_INTERVAL.0, POLL_INTERVAL.1);
    loop {
        if cancel.is_cancelled() {
            return Ok(Some(End::Cancelled));
        }
        if written.load(Ordering::Relaxed) > job.output {
            return Ok(Some(End::Flooded));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Some(End::TimedOut));
        }
        if wait(child, Duration::ZERO)?.is_some() {
            return Ok(None);
        }
        thread::sleep(pauses.next_wait().min(left));
    }
}

/// Waits until the supervisor ends, at most for `limit`.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<()>> {
    let start = Instant::now();
    loop {
        if child.try_wait()?.is_some() {
            return Ok(Some(()));
        }
        if start.elapsed() >= limit {
            return Ok(None);
        }
        thread::sleep(POLL_INTERVAL.0);
    }
}

#[derive(Clone, Copy)]
enum Keep {
    First,
    Last,
}

/// Reads a stream to its end in a thread, counts its bytes in `written`, and sends at most `limit` bytes of
/// it. The other bytes are read and dropped, so that memory is bounded.
fn collect(
    stream: Option<impl Read + Send + 'static>,
    limit: usize,
    keep: Keep,
    written: &Arc<AtomicU64>,
) -> io::Result<Receiver<Vec<u8>>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let written = written.clone();
    let mut stream = stream.ok_or_else(|| io::Error::other("a stream of the program is missing"))?;
    thread::Builder::new().name("command-output".into()).spawn(move || {
        let (mut kept, mut buffer) = (Vec::new(), [0; 8192]);
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            written.fetch_add(count as u64, Ordering::Relaxed);
            kept.extend_from_slice(&buffer[..count]);
            match keep {
                Keep::First => kept.truncate(limit),
                Keep::Last => drop(kept.drain(..kept.len().saturating_sub(limit))),
            }
        }
        let _ = sender.send(kept); // an error means that the receiver has timed out
    })?;
    Ok(receiver)
}
