//! The API as a program: makes the configuration from the settings and serves the router. `pssp serve` runs the
//! same code together with a worker.

use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::Context as _;
use pssp_host::program::{Platform, platform};
use pssp_host::server::{self, ServerOptions};
use pssp_host::settings::{AccessMode, EngineSettings};
use pssp_host::{Settings, shutdown, telemetry};
use pssp_jobs::{Jobs, SystemClock};
use pssp_predict::Method;
use pssp_predict::engine::Neural;
use tokio_util::sync::CancellationToken;

use crate::{Anonymous, App, Config};

/// Requests and jobs a second of one client, if nothing is set.
const DEFAULT_RATE: Option<NonZeroU32> = NonZeroU32::new(100);

/// The configuration from the settings. Values without a setting have their default.
#[must_use]
pub fn config(settings: &Settings) -> Config {
    let api = settings.api.clone();
    let default = Config::default();
    // One client may have half of the memory: one of the largest bodies, packed and unpacked.
    let largest = api.max_batch_body.max(api.max_body);
    Config {
        max_buffered_bytes: default.max_buffered_bytes.max(largest.saturating_mul(4)),
        max_residues: api.max_residues,
        max_batch_records: api.max_batch_records,
        max_body_bytes: api.max_body,
        max_batch_bytes: api.max_batch_body,
        classic_delay: api.classic_delay,
        allow_delete_all: api.allow_delete_all,
        has_metrics: settings.metrics_addr.is_none(),
        rate: rate(api.rate, settings.access),
        job_rate: rate(api.job_rate, settings.access),
        request_timeout: api.request_timeout,
        admin_key: api.admin_key,
        cors_origins: api.cors_origins,
        api_keys: api.keys.0,
        anonymous: match settings.access {
            AccessMode::Open => Anonymous::Shared,
            AccessMode::Unlisted => Anonymous::Unlisted,
            AccessMode::Keys => Anonymous::Refused,
        },
        trusted_proxies: settings.trusted_proxies.clone(),
        // A program of the operator may return another result the next time.
        reuse: settings.reuse && settings.engine == EngineSettings::Neural,
        ..default
    }
}

/// The rate that is set, else the default of the access mode. In the mode open all callers share everything, so
/// they are trusted.
fn rate(set: Option<u32>, access: AccessMode) -> Option<NonZeroU32> {
    match (set, access) {
        (Some(rate), _) => NonZeroU32::new(rate),
        (None, AccessMode::Open) => None,
        (None, AccessMode::Unlisted | AccessMode::Keys) => DEFAULT_RATE,
    }
}

/// Makes an app from the settings. `methods` are the methods that the workers run.
#[must_use]
pub fn app(settings: &Settings, jobs: Jobs, methods: Vec<Method>, shutdown: CancellationToken) -> App {
    let metrics = telemetry::metrics();
    App {
        config: config(settings),
        methods: methods.into(),
        metrics: Arc::new(move || metrics.render()),
        shutdown,
        ..App::new(jobs)
    }
}

/// The methods of this build. The method of an operator's program is known only where the program runs, usually
/// not in this process. So the list is empty for it.
fn methods(engine: &EngineSettings) -> anyhow::Result<Vec<Method>> {
    match engine {
        EngineSettings::Neural => Ok(vec![Neural::built_in()?]),
        EngineSettings::Command(_) => Ok(Vec::new()),
    }
}

/// Runs the program on the current platform.
///
/// # Errors
/// If the program cannot start, for example because the backend cannot be opened.
pub async fn main(settings: &Settings) -> anyhow::Result<()> {
    match platform() {
        Platform::Process => serve(settings).await,
        Platform::Lambda => lambda(settings).await,
    }
}

/// Runs on AWS Lambda: answers events until the platform ends the process.
#[cfg(feature = "lambda")]
async fn lambda(settings: &Settings) -> anyhow::Result<()> {
    use pssp_host::lambda::http::{self, GatewayContext};

    let clock = Arc::new(SystemClock);
    let backend = pssp_backends::open_lazily(settings.backend.as_str(), clock.clone()).await?;
    let jobs = Jobs::new(backend, clock, settings.policy.clone())?;
    let app = app(settings, jobs, methods(&settings.engine)?, CancellationToken::new());
    let config = Config {
        streaming: false,
        max_answer_bytes: Some(http::MAX_ANSWER),
        max_body_bytes: app.config.max_body_bytes.min(http::MAX_REQUEST),
        max_batch_bytes: app.config.max_batch_bytes.min(http::MAX_REQUEST),
        ..app.config
    };
    let enter = |extensions: &mut ::http::Extensions, context: GatewayContext| {
        let GatewayContext { prefix, answer_by, peer, request_id } = context;
        extensions.insert(crate::Gateway {
            prefix,
            answer_by: Some(answer_by),
            peer,
            request_id: Some(request_id),
        });
    };
    http::run(crate::router(App { config, ..app }), enter).await
}

#[cfg(not(feature = "lambda"))]
async fn lambda(_: &Settings) -> anyhow::Result<()> {
    anyhow::bail!("this build cannot run on AWS Lambda (it lacks the feature lambda)")
}

/// Serves `/metrics` on its own address, if it has one.
///
/// # Errors
/// If the address cannot be used.
pub fn serve_metrics(settings: &Settings, app: &App) -> anyhow::Result<()> {
    let Some(addr) = settings.metrics_addr else { return Ok(()) };
    let listener = server::bind(addr).context("PSSP_METRICS_ADDR")?;
    let router = crate::metrics_router(app.clone());
    tokio::spawn(server::serve(listener, router, ServerOptions::of(settings), app.shutdown.clone()));
    Ok(())
}

/// Opens the backend and serves until a signal.
async fn serve(settings: &Settings) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal().context("cannot install signal handlers")?;
    let listener = server::bind(settings.addr).context("PSSP_ADDR")?;
    let (router, deferred) = pssp_host::deferred::router();
    let server = server::serve(listener, router, ServerOptions::of(settings), shutdown.clone());
    let open = async {
        let clock = Arc::new(SystemClock);
        let opening = pssp_backends::open_when_there(settings.backend.as_str(), clock.clone());
        let jobs = Jobs::new(opening.await?, clock, settings.policy.clone())?;
        pssp_host::clock::compare(&jobs).await;
        tokio::spawn(pssp_host::clock::keep(jobs.clone(), shutdown.clone()));
        let app = app(settings, jobs, methods(&settings.engine)?, shutdown.clone());
        serve_metrics(settings, &app)?;
        deferred.set(crate::router(app));
        tracing::info!(addr = %settings.addr, "listening on http://{}", settings.addr);
        anyhow::Ok(())
    };
    tokio::pin!(server);
    tokio::select! {
        opened = open => opened?,
        () = &mut server => return Ok(()),
    }
    server.await;
    Ok(())
}
