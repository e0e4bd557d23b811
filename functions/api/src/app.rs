//! The data that handlers need: the [`App`] that a program makes, and the state derived from it.

use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;
use pssp_jobs::intake::Intake;
use pssp_jobs::{Depth, Jobs};
use pssp_predict::Method;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::bounds::{Rates, Waits};
use crate::buffers::Buffers;
use crate::config::{Anonymous, Config};
use crate::cpu::Cpu;
use crate::fresh::Fresh;
use crate::guesses::Guesses;
use crate::headers;
use crate::keys::Keys;
use crate::settled::Settled;
use crate::stored_keys::StoredKeys;

/// Renders the process' metrics as Prometheus text.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Everything that the handlers need.
#[derive(Clone)]
pub struct App {
    /// The use cases, with any backend.
    pub jobs: Jobs,
    /// The settings of the operator.
    pub config: Config,
    /// The methods that the workers run; shown to callers.
    pub methods: Arc<[Method]>,
    /// Makes the answer of `/metrics`.
    pub metrics: RenderMetrics,
    /// Cancelled when the process begins to shut down. Then `/readyz` reports it, and waiting requests and event
    /// streams end, so that they do not delay the shutdown.
    pub shutdown: CancellationToken,
    /// The version shown in `/v1/status`.
    pub version: String,
}

impl App {
    /// An app with these use cases and the defaults for everything else.
    #[must_use]
    pub fn new(jobs: Jobs) -> Self {
        Self {
            jobs,
            config: Config::default(),
            methods: Arc::default(),
            metrics: Arc::new(String::new),
            shutdown: CancellationToken::new(),
            version: crate::VERSION.to_owned(),
        }
    }
}

/// The state of the handlers: the app, and values that are derived from its configuration once.
pub(crate) struct Shared {
    pub(crate) app: App,
    pub(crate) keys: Keys,
    pub(crate) admin: Keys,
    pub(crate) intake: Intake,
    pub(crate) cpu: Cpu,
    pub(crate) in_flight: Arc<Semaphore>,
    pub(crate) waits: Waits,
    pub(crate) rates: Arc<Rates>,
    pub(crate) stored_keys: StoredKeys,
    pub(crate) guesses: Guesses,
    pub(crate) buffers: Buffers,
    pub(crate) settled: Settled,
    /// Whether the store answers, or why not.
    pub(crate) ready: Fresh<Result<(), &'static str>>,
    pub(crate) depth: Fresh<Option<Depth>>,
    pub(crate) started: Instant,
}

/// The shared state, an argument of the handlers.
pub(crate) type Ctx = Arc<Shared>;

impl Shared {
    pub(crate) fn new(app: App) -> Ctx {
        let app = match app.config.anonymous {
            Anonymous::Unlisted => App { jobs: app.jobs.readable_by_id(), ..app },
            Anonymous::Shared | Anonymous::Refused => app,
        };
        let config = &app.config;
        app.jobs.prepare_watches();
        Arc::new(Self {
            keys: Keys::new(&config.api_keys),
            admin: Keys::new(config.admin_key.as_slice()),
            intake: Intake::new(config.rules()),
            cpu: Cpu::new(),
            in_flight: Arc::new(Semaphore::new(config.max_in_flight)),
            waits: Waits::new(config.max_waits),
            rates: Arc::new(Rates::new(config.rate, config.job_rate, config.max_batch_records)),
            stored_keys: StoredKeys::default(),
            guesses: Guesses::default(),
            buffers: Buffers::new(config.max_buffered_bytes),
            settled: Settled::default(),
            ready: Fresh::new(config.max_status_age),
            depth: Fresh::new(config.max_status_age),
            started: Instant::now(),
            app,
        })
    }

    pub(crate) fn jobs(&self) -> &Jobs {
        &self.app.jobs
    }

    /// The use cases for a request that submits jobs. They reuse results, unless the request asks for new ones.
    pub(crate) fn submitting(&self, headers: &HeaderMap) -> Jobs {
        self.submitting_unless(headers::wants_fresh(headers))
    }

    /// The use cases that reuse results, unless `fresh` ones are asked for.
    pub(crate) fn submitting_unless(&self, fresh: bool) -> Jobs {
        let method = self.reused_method().filter(|_| !fresh);
        self.app.jobs.reusing(method.cloned())
    }

    /// The method whose results are reused, if results are reused at all.
    pub(crate) fn reused_method(&self) -> Option<&Method> {
        match &*self.app.methods {
            [method] if self.app.config.reuse => Some(method),
            _ => None,
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.app.config
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.app.shutdown.is_cancelled()
    }
}
