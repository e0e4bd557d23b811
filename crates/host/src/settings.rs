//! Settings: one list ([`SETTINGS`]), read from the environment, validated once at start.
//!
//! Two stages: text as given, then typed and checked together. What is wrong stops the start, all of
//! it at once, each fault with the variable, its value and the remedy. The reference page of the
//! documentation and `--help` are made from the same list ([`render_markdown`], [`render_help`]).

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use pssp_jobs::{Owner, Policy};

mod list;
mod read;
mod render;
mod value;

pub use list::{Group, SETTINGS, Setting};
pub use render::{render_help, render_markdown};
pub use value::Kind;

use read::Reader;

/// Everything that an operator can set, validated.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where jobs live.
    pub backend: BackendUrl,
    /// Where the API listens.
    pub addr: SocketAddr,
    /// Where a worker process answers probes and metrics, if it does.
    pub worker_addr: Option<SocketAddr>,
    /// What is logged, and how.
    pub log: LogSettings,
    /// Attempts, leases, back-off, times to live.
    pub policy: Policy,
    /// Whether results of the built-in network answer later jobs that ask the same.
    pub reuse: bool,
    /// What the API allows.
    pub api: ApiSettings,
    /// How much a worker does at once.
    pub worker: WorkerSettings,
    /// What predicts.
    pub engine: EngineSettings,
    /// How long a process takes at most to end after SIGTERM, without the drain delay.
    pub grace: Duration,
    /// How long it goes on accepting after SIGTERM before it drains.
    pub drain_delay: Duration,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// Filter directives such as `info` or `warn,pssp_worker=debug`.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What the API allows.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Pause before a job of `POST /run` may start: classic clients rely on seeing it `submitted`.
    pub classic_delay: Duration,
    /// Whether `DELETE /delete` takes `jobid=ALL`.
    pub allow_delete_all: bool,
    /// What lets the operator in; nobody without one.
    pub admin_key: Option<ApiKey>,
    /// Origins whose pages may call; `*` for all.
    pub cors_origins: Vec<String>,
    /// Longest sequence, in residues.
    pub max_residues: usize,
    /// Most records in a batch.
    pub max_batch_records: usize,
    /// Largest body of a request that is no batch, in bytes.
    pub max_body: usize,
    /// Largest body of a batch, in bytes, also after decompression.
    pub max_batch_body: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// Who may call; nobody listed means everybody.
    pub keys: ApiKeys,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Settings::default().api
    }
}

/// How much a worker does at once.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Predictions computed at the same time, one thread each; at least 1.
    pub threads: usize,
    /// Jobs in hand at the same time, computed or waiting for a thread; 1 to 1,000.
    pub slots: usize,
    /// How often the worker sweeps.
    pub sweep_every: Duration,
}

/// What predicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineSettings {
    /// The built-in network.
    Neural,
    /// A program of the operator.
    Command(CommandSettings),
}

/// A program of the operator, and its limits. Whether it is there is seen where it is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSettings {
    /// The command line; not empty.
    pub line: String,
    /// Version of the program.
    pub version: String,
    /// Longest run.
    pub timeout: Duration,
    /// Most address space of a process, bytes.
    pub memory: u64,
    /// Most bytes of the result and of the output streams.
    pub output: u64,
    /// Most bytes of a file.
    pub file_size: u64,
    /// Where scratch folders are made, if not where the system makes them.
    pub scratch: Option<PathBuf>,
}

/// Where jobs live: the text of `PSSP_BACKEND`. A password in it is not shown by `Debug` and `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct BackendUrl(String);

impl BackendUrl {
    /// From a text as in `PSSP_BACKEND`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole text, with what is secret in it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.split_once("://"), self.0.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => write!(f, "{scheme}://***@{host}"),
            _ => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// One caller: who it is, and the key it shows.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Whose jobs its jobs are.
    pub owner: Owner,
    /// The secret.
    pub key: String,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:***", self.owner.as_str())
    }
}

/// All callers that may use the service. None: it is open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiKeys(pub Vec<ApiKey>);

impl ApiKeys {
    /// Whether anybody may call without a key.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.is_empty()
    }
}

/// One setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The variable.
    pub name: &'static str,
    /// Its value as given; stars for a secret.
    pub value: String,
    /// What is wrong, and what to write instead.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?}: {}", self.name, self.value, self.remedy)
    }
}

/// Settings that cannot be used: every fault found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSettings(pub Vec<Fault>);

impl fmt::Display for BadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bad settings")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for BadSettings {}

impl Default for Settings {
    fn default() -> Self {
        Reader::new(|_| None).settings().0
    }
}

impl Settings {
    /// Resolves and validates; `get` looks a variable up. An empty value counts as not set.
    ///
    /// # Errors
    /// All faults at once.
    pub fn resolve(get: impl Fn(&str) -> Option<String>) -> Result<Self, BadSettings> {
        let (settings, faults) = Reader::new(get).settings();
        if faults.is_empty() { Ok(settings) } else { Err(BadSettings(faults)) }
    }

    /// Resolves from this process' environment.
    ///
    /// # Errors
    /// As for [`Settings::resolve`].
    pub fn from_env() -> Result<Self, BadSettings> {
        Self::resolve(|name| std::env::var(name).ok())
    }
}

/// Those of `names` that look like settings of ours and are none, each as a sentence for the log:
/// most often a typing error. `also` lists further names that the program knows.
pub fn unknown(names: impl IntoIterator<Item = String>, also: &[&str]) -> Vec<String> {
    let known = |name: &str| also.contains(&name) || SETTINGS.iter().any(|s| s.name == name);
    let mut strangers: Vec<String> = names
        .into_iter()
        .filter(|name| name.starts_with("PSSP_") && !known(name))
        .map(|name| match nearest(&name) {
            Some(near) => format!("{name} is not a setting: did you mean {near}?"),
            None => format!("{name} is not a setting and has no effect"),
        })
        .collect();
    strangers.sort();
    strangers
}

/// The setting that differs from `name` in at most two letters.
fn nearest(name: &str) -> Option<&'static str> {
    let distances = SETTINGS.iter().map(|s| (value::distance(name, s.name), s.name));
    distances.min().filter(|(distance, _)| *distance <= 2).map(|(_, name)| name)
}
