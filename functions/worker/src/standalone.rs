//! The worker as a program: a poll loop, a sweep and probes around the handler. `pssp serve` runs the same
//! loops in the process of the API.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use pssp_host::deferred::{self, DeferredRouter};
use pssp_host::liveness::Liveness;
use pssp_host::poll::{PollOptions, Poller};
use pssp_host::program::{Platform, platform};
use pssp_host::server::ServerOptions;
use pssp_host::{Settings, clock, probes, server, shutdown, sweep, telemetry};
use pssp_jobs::{Jobs, SystemClock};
use pssp_predict::Engine;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::engine::{self, reusing};
use crate::{Worker, WorkerOptions};

/// A worker with its loops, ready to run.
pub struct Standalone {
    poller: Poller,
    jobs: Jobs,
    settings: Settings,
}

impl Standalone {
    /// Creates a worker with its loops.
    ///
    /// # Errors
    /// If the backend has no queue from which this process can receive.
    pub fn new(settings: &Settings, jobs: Jobs, engine: Arc<dyn Engine>) -> anyhow::Result<Self> {
        let receiver = jobs.receiver().context("this backend has no queue that a worker can poll")?;
        let jobs = reusing(settings, &jobs, &*engine);
        let release = CancellationToken::new();
        let options = WorkerOptions { threads: settings.worker.threads };
        let worker = Worker::new(jobs.clone(), engine, options, release.clone());
        let poller =
            Poller::new(jobs.clone(), receiver, Arc::new(worker), PollOptions::of(settings), release);
        Ok(Self { poller, jobs, settings: settings.clone() })
    }

    /// The state of the poll loop, for probes.
    #[must_use]
    pub fn liveness(&self) -> Liveness {
        self.poller.liveness()
    }

    /// Runs until `shutdown` is cancelled and the claimed jobs are finished or released. This takes at most the
    /// grace time of the settings.
    pub async fn run(self, shutdown: CancellationToken) {
        let worker = &self.settings.worker;
        tracing::info!(
            threads = worker.threads,
            slots = worker.slots,
            "worker started: {} threads, up to {} jobs at once",
            worker.threads,
            worker.slots
        );
        clock::compare(&self.jobs).await;
        let time = clock::keep(self.jobs.clone(), shutdown.clone());
        let sweep = sweep::run(self.jobs, worker.sweep_every, shutdown.clone());
        tokio::join!(self.poller.run(shutdown), sweep, time);
        tracing::info!("worker stopped");
    }
}

/// Runs the helper role of the command engine, if that engine has started this program again, and returns the
/// exit code. A program that uses [`engine::load`] calls this first, with its arguments.
#[must_use]
pub fn launched(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    pssp_engine_command::launch::intercept(arguments)
}

/// The whole program, on every platform.
///
/// # Errors
/// If the program cannot start.
pub async fn main(settings: &Settings) -> anyhow::Result<()> {
    match platform() {
        Platform::Process => poll(settings).await,
        #[cfg(feature = "lambda")]
        Platform::Lambda => crate::lambda::main(settings).await,
        #[cfg(not(feature = "lambda"))]
        Platform::Lambda => {
            anyhow::bail!("this build cannot run on AWS Lambda (it lacks the feature lambda)")
        }
    }
}

/// Opens the backend, and polls until a signal.
async fn poll(settings: &Settings) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal().context("cannot install signal handlers")?;
    let stopped = CancellationToken::new();
    let probes = serve_probes(settings, &stopped)?;
    let clock = Arc::new(SystemClock);
    let opening = pssp_backends::open_when_there(settings.backend.as_str(), clock.clone());
    let backend = tokio::select! {
        opened = opening => opened?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let jobs = Jobs::new(backend, clock, settings.policy.clone())?;
    let worker = Standalone::new(settings, jobs, engine::load(&settings.engine)?)?;
    if let Some((_, deferred)) = &probes {
        deferred.set(probes::router(worker.liveness(), telemetry::metrics(), shutdown.clone()));
    }
    worker.run(shutdown).await;
    stopped.cancel();
    if let Some((probes, _)) = probes {
        probes.await?;
    }
    Ok(())
}

/// Serves probes at the address of the settings, if there is one, until the worker has stopped.
fn serve_probes(
    settings: &Settings,
    stopped: &CancellationToken,
) -> anyhow::Result<Option<(JoinHandle<()>, DeferredRouter)>> {
    let Some(addr) = settings.worker_addr else {
        return Ok(None);
    };
    let listener = server::bind(addr).context("PSSP_WORKER_ADDR")?;
    let options = ServerOptions { grace: std::time::Duration::from_secs(1), ..ServerOptions::default() };
    let (router, deferred) = deferred::router();
    Ok(Some((tokio::spawn(server::serve(listener, router, options, stopped.clone())), deferred)))
}
