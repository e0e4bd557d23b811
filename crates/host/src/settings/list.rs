//! The list of settings.

use std::time::Duration;

use super::value::{Kind, MAX_SLOTS, any_duration, count, duration, size};

/// One environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The variable.
    pub name: &'static str,
    /// Its value where it is not set.
    pub default: &'static str,
    /// What may be written.
    pub kind: Kind,
    /// Where it stands in the documentation.
    pub group: Group,
    /// What it does, in a sentence or two.
    pub help: &'static str,
}

/// A chapter of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Where things are.
    Places,
    /// Logs.
    Logs,
    /// What the API allows.
    Api,
    /// How much a worker does.
    Worker,
    /// What predicts.
    Engine,
    /// Attempts, leases, times to live.
    Jobs,
    /// How a process ends.
    Shutdown,
}

impl Group {
    /// Every group, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Places, Self::Logs, Self::Api, Self::Worker, Self::Engine, Self::Jobs, Self::Shutdown];

    /// Its heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Places => "Places",
            Self::Logs => "Logs",
            Self::Api => "API",
            Self::Worker => "Worker",
            Self::Engine => "Engine",
            Self::Jobs => "Jobs",
            Self::Shutdown => "Shutdown",
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

const fn setting(
    group: Group,
    name: &'static str,
    default: &'static str,
    kind: Kind,
    help: &'static str,
) -> Setting {
    Setting { name, default, kind, group, help }
}

/// Every setting. The code, `--help` and `docs/configuration.md` come from this list.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    setting(Group::Places, "PSSP_BACKEND", "sqlite:pssp.db", Kind::Text,
        "Where jobs live; also decides which queue is used."),
    setting(Group::Places, "PSSP_ADDR", "127.0.0.1:5000", Kind::Address,
        "Where the API listens. Images set 0.0.0.0:5000."),
    setting(Group::Places, "PSSP_WORKER_ADDR", "", Kind::Address,
        "Where a worker process answers /healthz, /readyz and /metrics. Empty: nowhere."),

    setting(Group::Logs, "PSSP_LOG", "info", Kind::Filter,
        "What is logged: a level, or a list such as warn,pssp_worker=debug."),
    setting(Group::Logs, "PSSP_LOG_FORMAT", "text", Kind::OneOf(&["text", "json"]),
        "How a log line looks; on AWS Lambda json unless set. Logs go to standard error."),

    setting(Group::Api, "PSSP_API_KEYS", "", Kind::Keys,
        "Who may call: name:key,name:key. Each name sees its own jobs only. Empty: open to everybody."),
    setting(Group::Api, "PSSP_MAX_RESIDUES", "10000", count(1, 10_000),
        "Longest sequence, in residues."),
    setting(Group::Api, "PSSP_MAX_BATCH_RECORDS", "10000", count(1, 100_000),
        "Most records in a batch."),
    setting(Group::Api, "PSSP_MAX_BODY", "1MiB", size(1 << 10, 1 << 28),
        "Largest body of a request that is no batch."),
    setting(Group::Api, "PSSP_MAX_BATCH_BODY", "32MiB", size(1 << 10, 1 << 30),
        "Largest body of a batch, also after decompression."),
    setting(Group::Api, "PSSP_REQUEST_TIMEOUT", "30s", duration(SECOND, HOUR),
        "How long a request may take before it is answered with 503. Streams, held answers and the submission of batches (2 minutes) have their own bounds."),
    setting(Group::Api, "PSSP_CLASSIC_DELAY", "1s", any_duration(MINUTE),
        "Pause before a job of POST /run starts, so that classic clients see it submitted."),
    setting(Group::Api, "PSSP_ALLOW_DELETE_ALL", "false", Kind::Switch,
        "Whether DELETE /delete takes jobid=ALL."),
    setting(Group::Api, "PSSP_ADMIN_KEY", "", Kind::Secret,
        "Lets the operator post outage notices over HTTP. Empty: nobody."),
    setting(Group::Api, "PSSP_CORS_ORIGINS", "", Kind::Origins,
        "Web pages of which other origins may call. Empty: none."),

    setting(Group::Worker, "PSSP_WORKERS", "0", count(0, 1024),
        "Threads that compute predictions. 0: one for each core."),
    setting(Group::Worker, "PSSP_SLOTS", "0", count(0, MAX_SLOTS as u64),
        "Jobs in hand at the same time. 0: four for each thread."),
    setting(Group::Worker, "PSSP_SWEEP_EVERY", "10s", duration(SECOND, HOUR),
        "How often a worker looks for lost messages, lost workers and expired records."),

    setting(Group::Engine, "PSSP_ENGINE", "neural", Kind::OneOf(&["neural", "command"]),
        "What predicts: the built-in network, or a program of yours (docs/command-engine.md)."),
    setting(Group::Engine, "PSSP_COMMAND", "", Kind::Text,
        "The program and its arguments: words with the quotes of a shell, or a JSON list of strings. {input} and {output} stand for files."),
    setting(Group::Engine, "PSSP_COMMAND_VERSION", "0", Kind::Text,
        "Version of that program, told in every result."),
    setting(Group::Engine, "PSSP_COMMAND_TIMEOUT", "10m", duration(SECOND, DAY),
        "How long one run of it may take."),
    setting(Group::Engine, "PSSP_COMMAND_MEMORY", "4GiB", size(16 << 20, 1 << 40),
        "Most address space of each of its processes."),
    setting(Group::Engine, "PSSP_COMMAND_OUTPUT", "4MiB", size(1 << 10, 1 << 30),
        "Most bytes of its result, and of both its output streams together."),
    setting(Group::Engine, "PSSP_COMMAND_FILE", "256MiB", size(1 << 10, 1 << 40),
        "Most bytes of each file that it writes."),
    setting(Group::Engine, "PSSP_COMMAND_SCRATCH", "", Kind::Text,
        "Where its scratch folders are made. Empty: the system's folder for temporary files."),

    setting(Group::Jobs, "PSSP_MAX_ATTEMPTS", "5", count(1, 100),
        "Attempts after which a job that fails is given up."),
    setting(Group::Jobs, "PSSP_MAX_DEATHS", "3", count(1, 100),
        "Attempts that ended with the death of their worker after which a job is given up."),
    setting(Group::Jobs, "PSSP_LEASE", "30s", duration(SECOND, Duration::from_mins(15)),
        "How long a worker holds a job without a sign of life. More than twice PSSP_HEARTBEAT."),
    setting(Group::Jobs, "PSSP_HEARTBEAT", "10s", duration(Duration::from_millis(100), HOUR),
        "How often a worker gives a sign of life for a job in hand."),
    setting(Group::Jobs, "PSSP_BACKOFF", "1s", any_duration(HOUR),
        "Wait before the second attempt; it doubles with each further one."),
    setting(Group::Jobs, "PSSP_BACKOFF_CAP", "5m", any_duration(DAY),
        "Longest wait between attempts."),
    setting(Group::Jobs, "PSSP_RESEND_AFTER", "30s", duration(SECOND, DAY),
        "How long after a job could have started its message is taken for lost and sent again."),
    setting(Group::Jobs, "PSSP_TTL", "7d", duration(MINUTE, Duration::from_hours(24 * 3650)),
        "How long finished, failed and cancelled jobs are kept, with their results."),
    setting(Group::Jobs, "PSSP_REUSE", "true", Kind::Switch,
        "Whether a sequence that the same model has predicted for the same caller is answered from the stored result. Results of a program of yours are never reused."),
    setting(Group::Jobs, "PSSP_KEY_TTL", "24h", duration(DAY, Duration::from_hours(24 * 365)),
        "How long an Idempotency-Key is remembered."),

    setting(Group::Shutdown, "PSSP_GRACE", "25s", duration(SECOND, HOUR),
        "How long a process may take to finish or give back what is in hand after SIGTERM."),
    setting(Group::Shutdown, "PSSP_DRAIN_DELAY", "0s", any_duration(Duration::from_mins(10)),
        "How long a server goes on accepting after SIGTERM while load balancers take it out. Comes before PSSP_GRACE."),
];
