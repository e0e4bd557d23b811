//! From text to types: every setting of the list, then what must hold between them.

use std::net::SocketAddr;
use std::time::Duration;

use pssp_jobs::policy::BadPolicy;
use pssp_jobs::{Owner, Policy};

use super::value::{self, Kind, Value};
use super::{
    ApiKey, ApiKeys, ApiSettings, BackendUrl, CommandSettings, EngineSettings, Fault, LogFormat, LogSettings,
    SETTINGS, Settings, WorkerSettings,
};

/// Reads settings one by one and collects the faults; where one is found its default stands in.
pub(super) struct Reader<F> {
    get: F,
    faults: Vec<Fault>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) fn new(get: F) -> Self {
        Self { get, faults: Vec::new() }
    }

    pub(super) fn settings(mut self) -> (Settings, Vec<Fault>) {
        let settings = Settings {
            backend: BackendUrl(self.text("PSSP_BACKEND")),
            addr: self.address("PSSP_ADDR").unwrap_or(value::NO_ADDRESS),
            worker_addr: self.address("PSSP_WORKER_ADDR"),
            log: self.log(),
            policy: self.policy(),
            reuse: self.switch("PSSP_REUSE"),
            api: self.api(),
            worker: self.worker(),
            engine: self.engine(),
            grace: self.duration("PSSP_GRACE"),
            drain_delay: self.duration("PSSP_DRAIN_DELAY"),
        };
        (settings, self.faults)
    }

    fn log(&mut self) -> LogSettings {
        let format = match self.text("PSSP_LOG_FORMAT").as_str() {
            "json" => LogFormat::Json,
            _ => LogFormat::Text,
        };
        LogSettings { filter: self.text("PSSP_LOG"), format }
    }

    fn policy(&mut self) -> Policy {
        let policy = Policy {
            max_failures: self.small("PSSP_MAX_ATTEMPTS"),
            max_lost_workers: self.small("PSSP_MAX_DEATHS"),
            lease: self.duration("PSSP_LEASE"),
            heartbeat: self.duration("PSSP_HEARTBEAT"),
            backoff_base: self.duration("PSSP_BACKOFF"),
            backoff_cap: self.duration("PSSP_BACKOFF_CAP"),
            ttl: self.duration("PSSP_TTL"),
            key_ttl: self.duration("PSSP_KEY_TTL"),
            resend_after: self.duration("PSSP_RESEND_AFTER"),
        };
        if let Err(bad @ BadPolicy::LeaseTooShort { .. }) = policy.check() {
            self.fault("PSSP_LEASE", format!("{bad}; raise PSSP_LEASE or lower PSSP_HEARTBEAT"));
        }
        if policy.backoff_cap < policy.backoff_base {
            let remedy =
                "the longest wait must not be shorter than the first; raise it or lower PSSP_BACKOFF";
            self.fault("PSSP_BACKOFF_CAP", remedy.to_owned());
        }
        policy
    }

    fn api(&mut self) -> ApiSettings {
        let api = ApiSettings {
            classic_delay: self.duration("PSSP_CLASSIC_DELAY"),
            allow_delete_all: self.switch("PSSP_ALLOW_DELETE_ALL"),
            max_residues: self.count("PSSP_MAX_RESIDUES"),
            max_batch_records: self.count("PSSP_MAX_BATCH_RECORDS"),
            max_body: self.count("PSSP_MAX_BODY"),
            max_batch_body: self.count("PSSP_MAX_BATCH_BODY"),
            request_timeout: self.duration("PSSP_REQUEST_TIMEOUT"),
            keys: self.keys("PSSP_API_KEYS"),
            admin_key: self.secret("PSSP_ADMIN_KEY"),
            cors_origins: self.origins("PSSP_CORS_ORIGINS"),
        };
        if api.max_body < api.max_residues * 2 {
            let remedy =
                format!("too small for {} residues; raise it or lower PSSP_MAX_RESIDUES", api.max_residues);
            self.fault("PSSP_MAX_BODY", remedy);
        }
        api
    }

    fn worker(&mut self) -> WorkerSettings {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = match self.count("PSSP_WORKERS") {
            0 => cores(),
            threads => threads,
        };
        let slots = match self.count("PSSP_SLOTS") {
            0 => (threads * 4).min(value::MAX_SLOTS),
            slots => slots,
        };
        WorkerSettings { threads, slots, sweep_every: self.duration("PSSP_SWEEP_EVERY") }
    }

    fn engine(&mut self) -> EngineSettings {
        let command = CommandSettings {
            line: self.text("PSSP_COMMAND"),
            version: self.text("PSSP_COMMAND_VERSION"),
            timeout: self.duration("PSSP_COMMAND_TIMEOUT"),
            memory: self.count("PSSP_COMMAND_MEMORY") as u64,
            output: self.count("PSSP_COMMAND_OUTPUT") as u64,
            file_size: self.count("PSSP_COMMAND_FILE") as u64,
            scratch: Some(self.text("PSSP_COMMAND_SCRATCH")).filter(|p| !p.is_empty()).map(Into::into),
        };
        if self.text("PSSP_ENGINE") != "command" {
            return EngineSettings::Neural;
        }
        if command.line.is_empty() {
            self.fault("PSSP_COMMAND", "name the program that PSSP_ENGINE=command is to run".to_owned());
        }
        EngineSettings::Command(command)
    }

    // --- one value ---------------------------------------------------------------------------

    fn given(&self, name: &str) -> Option<String> {
        (self.get)(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
    }

    fn value(&mut self, name: &'static str) -> Value {
        let Some(setting) = SETTINGS.iter().find(|s| s.name == name) else {
            return Value::Text(String::new()); // a test reads every setting of the list
        };
        let default = || setting.kind.parse(setting.default).unwrap_or(Value::Text(String::new()));
        let Some(given) = self.given(name) else {
            return default();
        };
        setting.kind.parse(&given).unwrap_or_else(|remedy| {
            self.fault(name, remedy);
            default()
        })
    }

    fn fault(&mut self, name: &'static str, remedy: String) {
        if self.faults.iter().any(|fault| fault.name == name) {
            return; // the value itself is wrong; that is enough to say
        }
        let setting = SETTINGS.iter().find(|s| s.name == name);
        let secret = setting.is_some_and(|s| matches!(s.kind, Kind::Keys | Kind::Secret));
        let given = self.given(name).or_else(|| setting.map(|s| s.default.to_owned()));
        let value = if secret { "***".to_owned() } else { given.unwrap_or_default() };
        self.faults.push(Fault { name, value, remedy });
    }

    fn secret(&mut self, name: &'static str) -> Option<ApiKey> {
        match self.value(name) {
            Value::Secret(key) => key.map(|key| ApiKey { owner: Owner::new("admin"), key }),
            _ => None,
        }
    }

    fn origins(&mut self, name: &'static str) -> Vec<String> {
        if let Value::Origins(origins) = self.value(name) { origins } else { Vec::new() }
    }

    fn text(&mut self, name: &'static str) -> String {
        if let Value::Text(text) = self.value(name) { text } else { String::new() }
    }

    fn address(&mut self, name: &'static str) -> Option<SocketAddr> {
        if let Value::Address(address) = self.value(name) { address } else { None }
    }

    fn duration(&mut self, name: &'static str) -> Duration {
        if let Value::Duration(duration) = self.value(name) { duration } else { Duration::ZERO }
    }

    fn count(&mut self, name: &'static str) -> usize {
        if let Value::Count(count) = self.value(name) { count } else { 0 }
    }

    fn small(&mut self, name: &'static str) -> u32 {
        u32::try_from(self.count(name)).unwrap_or(u32::MAX)
    }

    fn switch(&mut self, name: &'static str) -> bool {
        matches!(self.value(name), Value::Switch(true))
    }

    fn keys(&mut self, name: &'static str) -> ApiKeys {
        if let Value::Keys(keys) = self.value(name) { keys } else { ApiKeys::default() }
    }
}
