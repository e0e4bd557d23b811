//! One run of the program: start, watch time, output and cancellation, collect what it wrote.

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

use crate::command::SEARCH;
use crate::launch::{Ended, SUPERVISE};
use crate::processes;

/// Time for the supervisor to end everything below it.
const END_GRACE: Duration = Duration::from_secs(10);
/// Shortest and longest pause between two looks at the clock and at `cancel`.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));
/// How much of the end of the standard error is kept, bytes.
const STDERR_KEPT: usize = 4000;

/// What is run, and within which limits.
pub(crate) struct Job<'a> {
    /// The program that plays the supervisor.
    pub(crate) launcher: &'a Path,
    pub(crate) program: &'a Path,
    pub(crate) arguments: Vec<OsString>,
    /// The program's working folder and home.
    pub(crate) folder: &'a Path,
    /// A path where no file is yet, outside of `folder`.
    pub(crate) status_file: &'a Path,
    pub(crate) timeout: Duration,
    pub(crate) memory: u64,
    /// Most bytes on both streams together.
    pub(crate) output: u64,
    pub(crate) file_size: u64,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Program(Ended),
    TimedOut,
    Flooded,
    Cancelled,
}

/// What is known after a run. Nothing of it is running any more.
pub(crate) struct Outcome {
    pub(crate) end: End,
    pub(crate) stdout: Vec<u8>,
    /// The end of the standard error.
    pub(crate) stderr: Vec<u8>,
}

/// Runs `job` to its end.
///
/// # Errors
/// If the machine fails: no process, no pipe, a supervisor that vanishes or does not end.
pub(crate) fn run(job: &Job<'_>, cancel: &Cancel) -> io::Result<Outcome> {
    let mut child = spawn(job)?;
    let written = Arc::new(AtomicU64::new(0));
    let output = usize::try_from(job.output).unwrap_or(usize::MAX);
    let stdout = collect(child.stdout.take(), output, Keep::First, &written)?;
    let stderr = collect(child.stderr.take(), STDERR_KEPT, Keep::Last, &written)?;
    let stopped = watch(job, &mut child, &written, cancel)?;
    drop(child.stdin.take()); // the supervisor ends everything then
    if wait(&mut child, END_GRACE)?.is_none() {
        let _ = child.kill();
        let _ = child.wait();
        processes::end_all_of(job.folder);
        return Err(io::Error::other("processes of the program could not be ended"));
    }
    // A program may have killed its supervisor, which leaves no status then.
    if stopped.is_none() && !job.status_file.exists() {
        processes::end_all_of(job.folder);
    }
    let take = |stream: Receiver<Vec<u8>>| {
        stream.recv_timeout(END_GRACE).map_err(|_| io::Error::other("the program's output does not end"))
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
        .env("PATH", SEARCH)
        .env("HOME", job.folder)
        .env("LANG", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0) // a Ctrl-C in the terminal is for us, and reaches it as a cancel
        .spawn()
}

fn status(path: &Path) -> io::Result<Ended> {
    let text = fs::read_to_string(path)
        .map_err(|e| io::Error::other(format!("the supervisor of the program left no status: {e}")))?;
    Ended::parse(&text).ok_or_else(|| io::Error::other("the status of the program is unreadable"))
}

/// Waits until the program has ended by itself (nothing) or must be stopped (why).
fn watch(job: &Job<'_>, child: &mut Child, written: &AtomicU64, cancel: &Cancel) -> io::Result<Option<End>> {
    let deadline = Instant::now() + job.timeout;
    let mut pauses = Backoff::new(PAUSE.0, PAUSE.1);
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

/// Waits at most `limit` for the supervisor's end.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<()>> {
    let start = Instant::now();
    loop {
        if child.try_wait()?.is_some() {
            return Ok(Some(()));
        }
        if start.elapsed() >= limit {
            return Ok(None);
        }
        thread::sleep(PAUSE.0);
    }
}

#[derive(Clone, Copy)]
enum Keep {
    First,
    Last,
}

/// Reads a stream to its end in a thread, counts its bytes in `written`, and sends what was kept: at
/// most `limit` bytes. The rest is read and dropped, so that memory stays bounded.
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
        let _ = sender.send(kept); // nobody waits any more: fine
    })?;
    Ok(receiver)
}
