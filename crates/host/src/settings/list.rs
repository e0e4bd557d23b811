//! The list of settings. An entry has everything about one setting: field, type, variable, default, valid values and
//! help.
//!
//! To add a setting, write an entry in the block of its group. The field, the parsing, `--help`, `pssp settings` and
//! `docs/configuration.md` are generated from it. Rules between several settings are checked below the list.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use pssp_jobs::policy::BadPolicy;
use pssp_jobs::{ApiKey, ApiKeys, Policy};

use crate::program::{Platform, platform};

use super::reader::Reader;
use super::setting::{Group, Setting};
use super::types::{AccessMode, BackendUrl, LogFormat};
use super::value::{Kind, MAX_SLOTS, any_duration, count, duration, size};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Generates from the blocks of entries below:
///
/// - [`SETTINGS`], in their order;
/// - [`Settings`]: a field for each entry of the first and the last block, a field for each block of `shown`, and the
///   fields that `with` computes of the blocks of `resolved`;
/// - a struct for each named block.
macro_rules! settings {
    (
        in $first:ident {
            $($f_field:ident: $f_type:ty = $f_name:literal, $f_default:literal, $f_kind:expr, $f_help:literal;)*
        }
        shown {
            $(
                $(#[$p_doc:meta])*
                $p:ident: $P:ident in $p_group:ident {
                    $($p_field:ident: $p_type:ty = $p_name:literal, $p_default:literal, $p_kind:expr, $p_help:literal;)*
                }
            )*
        }
        resolved {
            $(
                $(#[$r_doc:meta])*
                $r_vis:vis $r:ident: $R:ident in $r_group:ident {
                    $($r_field:ident: $r_type:ty = $r_name:literal, $r_default:literal, $r_kind:expr, $r_help:literal;)*
                }
            )*
        }
        in $last:ident {
            $($l_field:ident: $l_type:ty = $l_name:literal, $l_default:literal, $l_kind:expr, $l_help:literal;)*
        }
        with $reader:ident {
            $($(#[$m_doc:meta])* $m:ident: $M:ty = $make:expr;)*
        }
    ) => {
        /// Every setting.
        pub const SETTINGS: &[Setting] = &[
            $(setting(Group::$first, $f_name, $f_default, $f_kind, $f_help),)*
            $($(setting(Group::$p_group, $p_name, $p_default, $p_kind, $p_help),)*)*
            $($(setting(Group::$r_group, $r_name, $r_default, $r_kind, $r_help),)*)*
            $(setting(Group::$last, $l_name, $l_default, $l_kind, $l_help),)*
        ];

        /// Everything that an operator can set, validated.
        #[derive(Debug, Clone)]
        pub struct Settings {
            $(#[doc = $f_help] pub $f_field: $f_type,)*
            $($(#[$p_doc])* pub $p: $P,)*
            $(#[doc = $l_help] pub $l_field: $l_type,)*
            $($(#[$m_doc])* pub $m: $M,)*
        }

        $(
            $(#[$p_doc])*
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $P { $(#[doc = $p_help] pub $p_field: $p_type,)* }
        )*

        $(
            $(#[$r_doc])*
            #[derive(Debug, Clone, PartialEq, Eq)]
            $r_vis struct $R { $(#[doc = $r_help] pub $r_field: $r_type,)* }
        )*

        impl Settings {
            /// Reads every setting, in the order of [`SETTINGS`].
            fn read($reader: &mut Reader<'_>) -> Self {
                let mut next = SETTINGS.iter();
                $(let $f_field: $f_type = $reader.value(next.next());)*
                $(let $p = $P { $($p_field: $reader.value(next.next()),)* };)*
                $(let $r = $R { $($r_field: $reader.value(next.next()),)* };)*
                $(let $l_field: $l_type = $reader.value(next.next());)*
                $(let $m: $M = $make;)*
                Self { $($f_field,)* $($p,)* $($l_field,)* $($m,)* }
            }
        }
    };
}

const fn setting(
    group: Group,
    name: &'static str,
    default: &'static str,
    kind: Kind,
    help: &'static str,
) -> Setting {
    Setting { name, default, kind, group, help }
}

#[rustfmt::skip]
settings! {
    in Places {
        backend: BackendUrl = "PSSP_BACKEND", "sqlite:pssp.db", Kind::Text,
            "Where jobs live; also decides which queue is used.";
        addr: SocketAddr = "PSSP_ADDR", "127.0.0.1:5000", Kind::Address,
            "Where the API listens. Images set 0.0.0.0:5000.";
        metrics_addr: Option<SocketAddr> = "PSSP_METRICS_ADDR", "", Kind::Address,
            "Where the API answers /metrics, and there alone. Empty: where it listens.";
        worker_addr: Option<SocketAddr> = "PSSP_WORKER_ADDR", "", Kind::Address,
            "Where a worker process answers /healthz, /readyz and /metrics. Empty: nowhere.";
    }

    shown {
        /// What is logged, and how.
        log: LogSettings in Logs {
            filter: String = "PSSP_LOG", "info", Kind::Filter,
                "What is logged: a level, or a list such as warn,pssp_worker=debug.";
            format: LogFormat = "PSSP_LOG_FORMAT", "text", Kind::OneOf(&["text", "json"]),
                "How a log line looks; on AWS Lambda json unless set. Logs go to standard error.";
        }

        /// What the API allows.
        api: ApiSettings in Api {
            keys: ApiKeys = "PSSP_API_KEYS", "", Kind::Keys,
                "Who may call: name:key,name:key. Each name sees its own jobs only. Keys that `pssp keys` makes work besides these.";
            access: String = "PSSP_ACCESS", "auto", Kind::OneOf(&["auto", "open", "unlisted", "keys"]),
                "How callers are told apart. open: callers without a key share all jobs. unlisted: each client has its own list, and whoever knows the id of a job may read it. keys: only callers with a key. auto: keys if there are any, else open on a loopback address, else unlisted.";
            trusted_proxies: String = "PSSP_TRUSTED_PROXIES", "", Kind::Text,
                "Networks of proxies whose X-Forwarded-For tells the address of a client, such as 10.0.0.0/8,192.168.1.7. Empty: none.";
            max_residues: usize = "PSSP_MAX_RESIDUES", "10000", count(1, 10_000),
                "Longest sequence, in residues.";
            max_batch_records: usize = "PSSP_MAX_BATCH_RECORDS", "10000", count(1, 100_000),
                "Most records in a batch.";
            max_body: usize = "PSSP_MAX_BODY", "1MiB", size(1 << 10, 1 << 28),
                "Largest body of a request that is no batch.";
            max_batch_body: usize = "PSSP_MAX_BATCH_BODY", "32MiB", size(1 << 10, 1 << 30),
                "Largest body of a batch, also after decompression.";
            rate: Option<u32> = "PSSP_RATE", "", Kind::MaybeCount { max: 1_000_000 },
                "Requests a second that one caller may send on average: a key, or an address without one. Ten times as many may come at once. 0: no limit. Empty: 100, and no limit in the access mode open.";
            job_rate: Option<u32> = "PSSP_JOB_RATE", "", Kind::MaybeCount { max: 1_000_000 },
                "New jobs a second that one caller may submit on average. Ten times as many, and the largest batch, may come at once. 0: no limit. Empty: 100, and no limit in the access mode open.";
            max_connections: usize = "PSSP_MAX_CONNECTIONS", "8192", count(1, 1_000_000),
                "Most open connections. More are closed at once.";
            max_connections_of_one: usize = "PSSP_MAX_CONNECTIONS_PER_ADDRESS", "1024", count(1, 1_000_000),
                "Most open connections of one address that PSSP_TRUSTED_PROXIES does not name.";
            request_timeout: Duration = "PSSP_REQUEST_TIMEOUT", "30s", duration(SECOND, HOUR),
                "How long a request may take before it is answered with 503. Streams, held answers and the submission of batches (2 minutes) have their own bounds.";
            classic_delay: Duration = "PSSP_CLASSIC_DELAY", "1s", any_duration(MINUTE),
                "Pause before a job of POST /run starts, so that classic clients see it submitted.";
            allow_delete_all: bool = "PSSP_ALLOW_DELETE_ALL", "false", Kind::Switch,
                "Whether DELETE /delete takes jobid=ALL.";
            admin_key: Option<ApiKey> = "PSSP_ADMIN_KEY", "", Kind::Secret,
                "Lets the operator post outage notices over HTTP. Empty: nobody.";
            cors_origins: Vec<String> = "PSSP_CORS_ORIGINS", "", Kind::Origins,
                "Web pages of which other origins may call. Empty: none.";
        }

        /// How much a worker does at once.
        worker: WorkerSettings in Worker {
            threads: usize = "PSSP_WORKERS", "0", count(0, 1024),
                "Threads that compute predictions. 0: one for each core.";
            slots: usize = "PSSP_SLOTS", "0", count(0, MAX_SLOTS as u64),
                "Jobs in hand at the same time: computed, claimed ahead of a thread while jobs are short, or being settled. 0: four for each thread.";
            sweep_every: Duration = "PSSP_SWEEP_EVERY", "10s", duration(SECOND, HOUR),
                "How often a worker looks for lost messages, lost workers and expired records.";
        }
    }

    resolved {
        /// Which engine predicts.
        choice: EngineChoice in Engine {
            engine: String = "PSSP_ENGINE", "neural", Kind::OneOf(&["neural", "command"]),
                "What predicts: the built-in network, or a program of yours (docs/command-engine.md).";
        }

        /// A program of the operator, and its limits. Whether it exists is checked where it runs.
        pub command: CommandSettings in Engine {
            line: String = "PSSP_COMMAND", "", Kind::Text,
                "The program and its arguments: words with the quotes of a shell, or a JSON list of strings. {input} and {output} stand for files.";
            version: String = "PSSP_COMMAND_VERSION", "0", Kind::Text,
                "Version of that program, told in every result.";
            timeout: Duration = "PSSP_COMMAND_TIMEOUT", "10m", duration(SECOND, DAY),
                "How long one run of it may take.";
            memory: u64 = "PSSP_COMMAND_MEMORY", "4GiB", size(16 << 20, 1 << 40),
                "Most address space of each of its processes.";
            output: u64 = "PSSP_COMMAND_OUTPUT", "4MiB", size(1 << 10, 1 << 30),
                "Most bytes of its result, and of both its output streams together.";
            file_size: u64 = "PSSP_COMMAND_FILE", "256MiB", size(1 << 10, 1 << 40),
                "Most bytes of each file that it writes.";
            scratch: Option<PathBuf> = "PSSP_COMMAND_SCRATCH", "", Kind::Text,
                "Where its scratch folders are made. Empty: the system's folder for temporary files.";
        }

        /// Attempts, leases, times to live, as set.
        jobs: JobSettings in Jobs {
            max_failures: u32 = "PSSP_MAX_ATTEMPTS", "5", count(1, 100),
                "Attempts after which a job that fails is given up.";
            max_lost_workers: u32 = "PSSP_MAX_DEATHS", "3", count(1, 100),
                "Attempts that ended with the death of their worker after which a job is given up.";
            lease: Duration = "PSSP_LEASE", "30s", duration(SECOND, Duration::from_mins(15)),
                "How long a worker holds a job without a sign of life. More than twice PSSP_HEARTBEAT.";
            heartbeat: Duration = "PSSP_HEARTBEAT", "10s", duration(Duration::from_millis(100), HOUR),
                "How often a worker gives a sign of life for a job in hand.";
            backoff_base: Duration = "PSSP_BACKOFF", "1s", any_duration(HOUR),
                "Wait before the second attempt; it doubles with each further one.";
            backoff_cap: Duration = "PSSP_BACKOFF_CAP", "5m", any_duration(DAY),
                "Longest wait between attempts.";
            resend_after: Duration = "PSSP_RESEND_AFTER", "30s", duration(SECOND, DAY),
                "How long after a job could have started its message is taken for lost and sent again.";
            ttl: Duration = "PSSP_TTL", "7d", duration(MINUTE, Duration::from_hours(24 * 3650)),
                "How long finished, failed and cancelled jobs are kept, with their results.";
            reuse: bool = "PSSP_REUSE", "true", Kind::Switch,
                "Whether a sequence that the same model has predicted for the same caller is answered from the stored result. Results of a program of yours are never reused.";
            high_water_percent: u32 = "PSSP_HIGH_WATER", "90", count(1, 100),
                "How full the store may get, in percent, before new jobs are refused with 503 `storage_full`. What accepted jobs will need for their results counts as used.";
            max_owned: Option<u32> = "PSSP_OWNER_JOBS", "", Kind::MaybeCount { max: 1_000_000_000 },
                "Most jobs that one owner may have in the store, in every state. 0: no limit. Empty: 100000, and no limit in the access mode open.";
            key_ttl: Duration = "PSSP_KEY_TTL", "24h", duration(DAY, Duration::from_hours(24 * 365)),
                "How long an Idempotency-Key is remembered.";
        }
    }

    in Shutdown {
        grace: Duration = "PSSP_GRACE", "25s", duration(SECOND, HOUR),
            "How long a process may take to finish or give back what is in hand after SIGTERM.";
        drain_delay: Duration = "PSSP_DRAIN_DELAY", "0s", any_duration(Duration::from_mins(10)),
            "How long a server goes on accepting after SIGTERM while load balancers take it out. Comes before PSSP_GRACE.";
    }

    with reader {
        /// How callers are told apart.
        access: AccessMode = access(&api, addr);
        /// Networks of proxies whose `X-Forwarded-For` counts.
        trusted_proxies: Vec<IpNet> = networks(reader, &api.trusted_proxies);
        /// What predicts.
        engine: EngineSettings = engine(reader, choice, command);
        /// Attempts, leases, back-off, times to live.
        policy: Policy = policy(reader, &jobs, access);
        /// Whether results of the built-in network answer later jobs that ask the same.
        reuse: bool = jobs.reuse;
    }
}

/// What predicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineSettings {
    /// The built-in network.
    Neural,
    /// An external program of the operator.
    Command(CommandSettings),
}

impl Settings {
    /// Reads and validates every setting. For a setting that cannot be used, the reader notes a fault and uses the
    /// default.
    pub(super) fn resolve_with(reader: &mut Reader<'_>) -> Self {
        let mut settings = Self::read(reader);
        let ApiSettings { max_body, max_residues, .. } = settings.api;
        if max_body < max_residues * 2 {
            let remedy =
                format!("too small for {max_residues} residues; raise it or lower PSSP_MAX_RESIDUES");
            reader.fault("PSSP_MAX_BODY", remedy);
        }
        let worker = &mut settings.worker;
        if worker.threads == 0 {
            worker.threads = std::thread::available_parallelism().map_or(1, usize::from);
        }
        if worker.slots == 0 {
            worker.slots = (worker.threads * 4).min(MAX_SLOTS);
        }
        settings
    }
}

impl Default for ApiSettings {
    fn default() -> Self {
        Settings::default().api
    }
}

fn engine(reader: &mut Reader<'_>, choice: EngineChoice, command: CommandSettings) -> EngineSettings {
    if choice.engine != "command" {
        return EngineSettings::Neural;
    }
    if command.line.is_empty() {
        reader.fault("PSSP_COMMAND", "name the program that PSSP_ENGINE=command is to run".to_owned());
    }
    EngineSettings::Command(command)
}

fn access(api: &ApiSettings, addr: SocketAddr) -> AccessMode {
    let has_keys = !api.keys.is_open();
    match api.access.as_str() {
        "open" => AccessMode::Open,
        "unlisted" => AccessMode::Unlisted,
        "keys" => AccessMode::Keys,
        _ if has_keys => AccessMode::Keys,
        _ if addr.ip().is_loopback() && platform() == Platform::Process => AccessMode::Open,
        _ => AccessMode::Unlisted,
    }
}

fn networks(reader: &mut Reader<'_>, text: &str) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let network = entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
        match network {
            Ok(network) => networks.push(network),
            Err(_) => reader.fault(
                "PSSP_TRUSTED_PROXIES",
                format!("{entry} is neither an address nor a network such as 10.0.0.0/8"),
            ),
        }
    }
    networks
}

/// Most jobs of one owner, if nothing is set.
const DEFAULT_OWNED: u64 = 100_000;

fn policy(reader: &mut Reader<'_>, jobs: &JobSettings, access: AccessMode) -> Policy {
    let max_owned = match (jobs.max_owned, access) {
        (Some(0), _) | (None, AccessMode::Open) => None,
        (Some(most), _) => Some(most.into()),
        (None, AccessMode::Unlisted | AccessMode::Keys) => Some(DEFAULT_OWNED),
    };
    let policy = Policy {
        max_failures: jobs.max_failures,
        max_lost_workers: jobs.max_lost_workers,
        lease: jobs.lease,
        heartbeat: jobs.heartbeat,
        backoff_base: jobs.backoff_base,
        backoff_cap: jobs.backoff_cap,
        ttl: jobs.ttl,
        key_ttl: jobs.key_ttl,
        resend_after: jobs.resend_after,
        high_water_percent: jobs.high_water_percent,
        max_owned,
    };
    if let Err(bad @ BadPolicy::LeaseTooShort { .. }) = policy.check() {
        reader.fault("PSSP_LEASE", format!("{bad}; raise PSSP_LEASE or lower PSSP_HEARTBEAT"));
    }
    if policy.backoff_cap < policy.backoff_base {
        let remedy = "the longest wait must not be shorter than the first; raise it or lower PSSP_BACKOFF";
        reader.fault("PSSP_BACKOFF_CAP", remedy.to_owned());
    }
    policy
}
