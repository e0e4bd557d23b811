//! The API as a program: settings to configuration, and a server around the router. `pssp serve`
//! runs the same next to a worker.

use std::sync::Arc;

use anyhow::Context as _;
use pssp_host::program::{Home, home};
use pssp_host::server::{self, ServerOptions};
use pssp_host::settings::{ApiSettings, EngineSettings};
use pssp_host::{Settings, shutdown, telemetry};
use pssp_jobs::{Jobs, SystemClock};
use pssp_predict::Method;
use pssp_predict::engine::Neural;
use tokio_util::sync::CancellationToken;

use crate::{ApiKey, App, Config};

/// What the settings say, with the rest as by default.
#[must_use]
pub fn config(settings: &ApiSettings) -> Config {
    let key = |key: &pssp_host::settings::ApiKey| ApiKey { owner: key.owner.clone(), key: key.key.clone() };
    let base = Config::default();
    // Room for two of the largest bodies, or none could ever be taken in.
    let largest = settings.max_batch_body.max(settings.max_body);
    Config {
        max_buffered_bytes: base.max_buffered_bytes.max(largest.saturating_mul(4)),
        max_residues: settings.max_residues,
        max_batch_records: settings.max_batch_records,
        max_body_bytes: settings.max_body,
        max_batch_bytes: settings.max_batch_body,
        classic_delay: settings.classic_delay,
        allow_delete_all: settings.allow_delete_all,
        request_timeout: settings.request_timeout,
        admin_key: settings.admin_key.as_ref().map(key),
        cors_origins: settings.cors_origins.clone(),
        api_keys: settings.keys.0.iter().map(key).collect(),
        ..base
    }
}

/// An app as the settings say. `methods` are those that the workers run.
#[must_use]
pub fn app(settings: &Settings, jobs: Jobs, methods: Vec<Method>, shutdown: CancellationToken) -> App {
    let metrics = telemetry::metrics();
    App {
        config: Config {
            // A program of the operator may answer otherwise the next time.
            reuse: settings.reuse && settings.engine == EngineSettings::Neural,
            ..config(&settings.api)
        },
        methods: methods.into(),
        metrics: Arc::new(move || metrics.render()),
        shutdown,
        ..App::new(jobs)
    }
}

/// The methods of this build. A program of the operator is known where it runs, which is seldom here: none
/// is named then.
fn methods(engine: &EngineSettings) -> anyhow::Result<Vec<Method>> {
    match engine {
        EngineSettings::Neural => Ok(vec![Neural::built_in()?]),
        EngineSettings::Command(_) => Ok(Vec::new()),
    }
}

/// The whole program, wherever it runs.
///
/// # Errors
/// If something that is needed at start is missing.
pub async fn main(settings: &Settings) -> anyhow::Result<()> {
    match home() {
        Home::Process => serve(settings).await,
        Home::Lambda => lambda(settings).await,
    }
}

/// On AWS Lambda: answers events until the platform ends the process.
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
    let enter = |extensions: &mut ::http::Extensions, gateway: GatewayContext| {
        let GatewayContext { prefix, answer_by, request_id } = gateway;
        extensions.insert(crate::Gateway {
            prefix,
            answer_by: Some(answer_by),
            request_id: Some(request_id),
        });
    };
    http::run(crate::router(App { config, ..app }), enter).await
}

#[cfg(not(feature = "lambda"))]
async fn lambda(_: &Settings) -> anyhow::Result<()> {
    anyhow::bail!("this build cannot run on AWS Lambda (it lacks the feature lambda)")
}

/// Opens the backend, serves until a signal.
async fn serve(settings: &Settings) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal().context("cannot install signal handlers")?;
    let listener = server::bind(settings.addr).context("PSSP_ADDR")?;
    let (router, later) = pssp_host::later::router();
    let server = server::serve(listener, router, ServerOptions::of(settings), shutdown.clone());
    let open = async {
        let clock = Arc::new(SystemClock);
        let opening = pssp_backends::open_when_there(settings.backend.as_str(), clock.clone());
        let jobs = Jobs::new(opening.await?, clock, settings.policy.clone())?;
        later.set(crate::router(app(settings, jobs, methods(&settings.engine)?, shutdown.clone())));
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
