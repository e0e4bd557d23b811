//! Lambda on this machine: a function is a program that asks the Runtime API for invocations.
//!
//! As on AWS, each execution environment is one process with its own Runtime API, and handles one invocation at a time.
//! If no environment is idle, another one is started, up to the concurrency limit. Idle environments are kept until the
//! function is dropped. The processes have Lambda's environment variables and none of this process. They are stopped
//! (`SIGSTOP`) while they wait for an invocation, as Lambda freezes them.
//!
//! Differences from AWS: no memory or CPU limit, no read-only file system, no extensions, layers or response streaming;
//! environments are not retired; nothing is retried for asynchronous callers.

mod api;
mod environment;
mod process;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

use self::environment::Environment;

/// Largest event of a synchronous invocation in bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const LARGEST_REQUEST: usize = 6 << 20;
/// Largest response in bytes: a little above 6 MiB, as stated in Lambda's error message.
pub const LARGEST_RESPONSE: usize = (6 << 20) + 100;
/// Largest event of an asynchronous invocation in bytes: 1 MiB since October 2025 (256 KiB before).
pub const LARGEST_ASYNC_REQUEST: usize = 1 << 20;

/// The program of a function, and its limits.
#[derive(Clone, Debug)]
pub struct Options {
    pub name: String,
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// Environment variables besides those that Lambda sets.
    pub env: Vec<(String, String)>,
    /// Memory size in MB, as the function's environment shows it. It is not enforced.
    pub memory_mb: u32,
    /// Time limit of an invocation (on AWS up to 900 s).
    pub timeout: Duration,
    /// Reserved concurrency: the limit of processes.
    pub concurrency: usize,
    /// Region, as the function's environment shows it.
    pub region: String,
}

impl Options {
    /// `program` as the function `name`, with typical limits of Lambda.
    #[must_use]
    pub fn new(name: &str, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            memory_mb: 1024,
            timeout: Duration::from_secs(30),
            concurrency: 10,
            region: "eu-central-1".to_owned(),
        }
    }
}

/// The reason why an invocation has no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// All environments are busy; Lambda answers 429.
    #[error("all {0} execution environments of the function are busy")]
    Throttled(usize),
    /// The event is larger than Lambda accepts; Lambda answers 413.
    #[error("the event has {0} bytes, more than Lambda takes")]
    RequestTooLarge(usize),
    /// The function reported an error, or Lambda reports one for it.
    #[error("{kind}: {message}")]
    Function {
        /// `errorType`.
        kind: String,
        /// `errorMessage`.
        message: String,
    },
}

impl InvokeError {
    fn function(kind: &str, message: impl Into<String>) -> Self {
        Self::Function { kind: kind.to_owned(), message: message.into() }
    }
}

/// A function that can be invoked. Its processes are killed when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Function(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: Options,
    free: Arc<Semaphore>,
    idle: Mutex<Vec<Environment>>,
    running: Arc<Mutex<Vec<u32>>>,
}

impl Function {
    /// A function without processes: the first invocation starts one.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let free = Arc::new(Semaphore::new(options.concurrency));
        let (idle, running) = Default::default();
        Self(Arc::new(Inner { options, free, idle, running }))
    }

    #[must_use]
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// Invokes the function with `event` and waits for the response. If the caller stops waiting, the invocation goes
    /// on.
    ///
    /// # Errors
    /// [`InvokeError`]. After a time-out or an exit, the next invocation starts a new process.
    pub async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        if event.len() > LARGEST_REQUEST {
            return Err(InvokeError::RequestTooLarge(event.len()));
        }
        let throttled = || InvokeError::Throttled(self.0.options.concurrency);
        let permit = self.0.free.clone().try_acquire_owned().map_err(|_| throttled())?;
        let function = self.clone();
        let invocation = tokio::spawn(async move {
            let outcome = function.run(event).await;
            drop(permit);
            outcome
        });
        invocation
            .await
            .unwrap_or_else(|error| Err(InvokeError::function("Runtime.Unknown", error.to_string())))
    }

    /// Like [`Function::invoke`], with the smaller event limit of asynchronous invocations.
    ///
    /// # Errors
    /// As [`Function::invoke`].
    pub async fn invoke_async(&self, event: Bytes) -> Result<(), InvokeError> {
        if event.len() > LARGEST_ASYNC_REQUEST {
            return Err(InvokeError::RequestTooLarge(event.len()));
        }
        self.invoke(event).await.map(drop)
    }

    /// Process ids of the environments.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Kills all processes of the function at once, also during an invocation. Returns how many there were.
    pub fn kill(&self) -> usize {
        let processes = self.processes();
        for process in &processes {
            process::signal(*process, rustix::process::Signal::KILL);
        }
        processes.len()
    }

    async fn run(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        let mut environment = match self.idle() {
            Some(environment) => environment,
            None => Environment::start(&self.0.options, self.0.running.clone()).await?,
        };
        let outcome = environment.invoke(event, &self.0.options).await;
        if environment.is_alive() {
            self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).push(environment);
        }
        outcome
    }

    /// The idle environment that was used last and whose process still runs.
    fn idle(&self) -> Option<Environment> {
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain_mut(Environment::is_alive);
        idle.pop()
    }
}
