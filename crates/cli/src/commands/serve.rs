//! `pssp serve`: runs the whole service in one process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pssp_common::error_chain;
use pssp_host::server::ServerOptions;
use pssp_host::{Settings, program, server, shutdown, telemetry};
use pssp_jobs::{Backend, Jobs, SystemClock};
use tokio::runtime::Runtime;

use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// Variables of the client commands. They begin like settings and must not cause a warning.
const ALSO_KNOWN: &[&str] = &["PSSP_URL", "PSSP_API_KEY"];

/// How long the process waits at its end for threads that still compute.
const RUNTIME_SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(200);

/// Which backend.
#[derive(Debug, clap::Args)]
pub(crate) struct BackendArg {
    /// Where jobs live, such as sqlite:pssp.db; overrides PSSP_BACKEND
    #[arg(long, value_name = "URL")]
    backend: Option<String>,
}

impl BackendArg {
    /// The settings of the environment, overridden by those of the command line.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        self.settings_on(None)
    }

    /// The backend of this URL, or that of the environment.
    pub(crate) const fn of(backend: Option<String>) -> Self {
        Self { backend }
    }

    /// Whether the command line names a backend.
    pub(crate) fn is_given(&self) -> bool {
        self.backend.is_some()
    }

    fn settings_on(&self, addr: Option<SocketAddr>) -> Result<Settings, Failure> {
        let given = |name: &str| match name {
            "PSSP_BACKEND" => self.backend.clone(),
            "PSSP_ADDR" => addr.map(|a| a.to_string()),
            _ => None,
        };
        Settings::resolve(|name| given(name).or_else(|| std::env::var(name).ok()))
            .map_err(|e| Failure::new(Exit::Input, e.to_string()))
    }
}

/// Arguments of `pssp serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Everything else is set by variables; `pssp settings` lists them.")]
pub(crate) struct Args {
    #[command(flatten)]
    backend: BackendArg,
    /// Where to listen; overrides PSSP_ADDR. Port 0 takes a free one
    #[arg(long, value_name = "IP:PORT")]
    addr: Option<SocketAddr>,
}

/// A runtime for commands that work on a backend.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::server(format!("cannot start: {e}")))
}

/// The use cases over the backend that the settings name.
pub(crate) async fn jobs(settings: Settings) -> Result<Jobs, Failure> {
    let backend = backend(&settings).await?;
    Jobs::new(backend, Arc::new(SystemClock), settings.policy)
        .map_err(|e| Failure::new(Exit::Input, e.to_string()))
}

/// Opens the backend that the settings name. It must be there.
pub(crate) async fn backend(settings: &Settings) -> Result<Backend, Failure> {
    let opened = pssp_backends::open_existing(settings.backend.as_str(), Arc::new(SystemClock)).await;
    opened.map_err(|e| Failure::server(error_chain(&e)))
}

/// Opens the backend that the settings name, and makes it if it is not there.
pub(crate) async fn new_backend(settings: &Settings) -> Result<Backend, Failure> {
    let opened = pssp_backends::open(settings.backend.as_str(), Arc::new(SystemClock)).await;
    opened.map_err(|e| Failure::server(error_chain(&e)))
}

/// Runs the service until a signal.
pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let settings = args.backend.settings_on(args.addr)?;
    telemetry::init(&settings.log);
    program::warn_of_unknown_settings(ALSO_KNOWN);
    let runtime = runtime()?;
    let outcome = runtime.block_on(serve(&settings, ui));
    // Dropping the runtime would wait forever for an engine that ignores its cancellation.
    runtime.shutdown_timeout(RUNTIME_SHUTDOWN_TIMEOUT);
    outcome.map(|()| Exit::Ok).map_err(|e| Failure::server(error_chain(e.as_ref())))
}

async fn serve(settings: &Settings, ui: Ui) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal().context("cannot install signal handlers")?;
    let listener = server::bind(settings.addr)?;
    let addr = listener.local_addr().context("cannot tell the address")?;
    let clock = Arc::new(SystemClock);
    let opening = pssp_backends::open_when_there(settings.backend.as_str(), clock.clone());
    let backend = tokio::select! {
        opened = opening => opened?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let jobs = Jobs::new(backend, clock, settings.policy.clone())?;
    let engine = pssp_worker::engine::load(&settings.engine)?;
    let methods = vec![engine.method().clone()];
    let worker = pssp_worker::standalone::Standalone::new(settings, jobs.clone(), engine)?;
    let app = pssp_api::standalone::app(settings, jobs, methods, shutdown.clone());
    pssp_api::standalone::serve_metrics(settings, &app)?;
    ui.note(format!(
        "listening on http://{addr}, for browsers and programs; jobs in {}; Ctrl-C stops it",
        settings.backend
    ));
    // After the signal the worker takes no new jobs. The API answers until its drain delay is over.
    tokio::join!(
        server::serve(listener, pssp_api::router(app), ServerOptions::of(settings), shutdown.clone()),
        worker.run(shutdown),
    );
    Ok(())
}
