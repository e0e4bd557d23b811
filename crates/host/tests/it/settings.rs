//! Settings: defaults, invalid values, secrets.

use std::collections::HashMap;
use std::time::Duration;

use pssp_host::settings::{
    BackendUrl, BadSettings, EngineSettings, Group, LogFormat, SETTINGS, Settings, render_help,
    render_markdown, unknown,
};
use pssp_jobs::{Owner, Policy};

fn resolve(pairs: &[(&str, &str)]) -> Result<Settings, BadSettings> {
    let map: HashMap<String, String> =
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Settings::resolve(|name| map.get(name).cloned())
}

#[test]
fn defaults_are_valid_and_as_documented() {
    let settings = resolve(&[]).unwrap();
    assert_eq!(settings.backend.as_str(), "sqlite:pssp.db");
    assert_eq!(settings.addr.to_string(), "127.0.0.1:5000");
    assert_eq!(settings.worker_addr, None);
    assert_eq!(settings.log.format, LogFormat::Text);
    assert_eq!(settings.policy, Policy::default());
    assert_eq!(settings.worker.slots, (settings.worker.threads * 4).min(1000));
    assert!(settings.worker.threads >= 1);
    assert_eq!(settings.api.max_body, 1 << 20);
    assert_eq!(settings.api.classic_delay, Duration::from_secs(1));
    assert!(!settings.api.allow_delete_all && settings.api.keys.is_open());
    assert_eq!((settings.grace, settings.drain_delay), (Duration::from_secs(25), Duration::ZERO));
}

#[test]
fn empty_and_blank_values_count_as_not_set() {
    let pairs: Vec<_> = SETTINGS.iter().map(|s| (s.name, "  ")).collect();
    assert!(resolve(&pairs).is_ok());
}

#[test]
fn every_default_is_accepted_as_a_value() {
    let pairs: Vec<_> = SETTINGS.iter().map(|s| (s.name, s.default)).collect();
    resolve(&pairs).unwrap();
}

#[test]
fn valid_values_are_read() {
    let settings = resolve(&[
        ("PSSP_ADDR", "localhost:8080"),
        ("PSSP_WORKER_ADDR", "[::]:9090"),
        ("PSSP_LOG_FORMAT", "JSON"),
        ("PSSP_WORKERS", "3"),
        ("PSSP_LEASE", "1m 5s"),
        ("PSSP_TTL", "30d"),
        ("PSSP_MAX_BODY", "512KiB"),
        ("PSSP_ALLOW_DELETE_ALL", "yes"),
        ("PSSP_DRAIN_DELAY", "0"),
        ("PSSP_CORS_ORIGINS", "https://example.org, http://localhost:8000"),
        ("PSSP_API_KEYS", "lab:secret-one, web:secret-two,"),
    ])
    .unwrap();
    assert_eq!(settings.addr.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.worker_addr.unwrap().port(), 9090);
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!((settings.worker.threads, settings.worker.slots), (3, 12));
    assert_eq!(settings.policy.lease, Duration::from_secs(65));
    assert_eq!(settings.policy.ttl, Duration::from_hours(30 * 24));
    assert_eq!(settings.api.max_body, 512 << 10);
    assert!(settings.api.allow_delete_all);
    assert_eq!(settings.api.cors_origins, ["https://example.org", "http://localhost:8000"]);
    let keys = &settings.api.keys.0;
    assert_eq!((&keys[1].owner, keys[1].key.as_str()), (&Owner::new("web"), "secret-two"));
}

#[test]
fn the_command_engine_needs_a_command_line() {
    assert_eq!(resolve(&[]).unwrap().engine, EngineSettings::Neural);
    let BadSettings(faults) = resolve(&[("PSSP_ENGINE", "command")]).unwrap_err();
    assert_eq!((faults.len(), faults[0].name), (1, "PSSP_COMMAND"));
    let pairs =
        [("PSSP_ENGINE", "command"), ("PSSP_COMMAND", "cat {input}"), ("PSSP_COMMAND_MEMORY", "1GiB")];
    let EngineSettings::Command(command) = resolve(&pairs).unwrap().engine else { panic!("no command") };
    assert_eq!((command.line.as_str(), command.memory, command.scratch), ("cat {input}", 1 << 30, None));
    assert_eq!(command.timeout, Duration::from_mins(10));
}

#[test]
fn every_invalid_value_is_a_fault_that_names_it() {
    let table = [
        ("PSSP_ADDR", "5000"),
        ("PSSP_ADDR", "example.org:5000"),
        ("PSSP_METRICS_ADDR", ":9091"),
        ("PSSP_WORKER_ADDR", ":9090"),
        ("PSSP_LOG", "pssp=loud"),
        ("PSSP_LOG_FORMAT", "xml"),
        ("PSSP_API_KEYS", "nocolon"),
        ("PSSP_API_KEYS", "lab:short"),
        ("PSSP_API_KEYS", "public:long-enough"),
        ("PSSP_API_KEYS", "a:long-enough,a:other-key-too"),
        ("PSSP_API_KEYS", "a:long-enough,b:long-enough"),
        ("PSSP_API_KEYS", "a b:long-enough"),
        ("PSSP_MAX_RESIDUES", "0"),
        ("PSSP_MAX_RESIDUES", "10001"),
        ("PSSP_MAX_BATCH_RECORDS", "many"),
        ("PSSP_MAX_BODY", "1 light year"),
        ("PSSP_MAX_BODY", "2KiB"), // smaller than the longest sequence
        ("PSSP_MAX_BATCH_BODY", "2GiB"),
        ("PSSP_RATE", "fast"),
        ("PSSP_JOB_RATE", "-1"),
        ("PSSP_MAX_CONNECTIONS", "0"),
        ("PSSP_MAX_CONNECTIONS_PER_ADDRESS", "0"),
        ("PSSP_REQUEST_TIMEOUT", "0s"),
        ("PSSP_CLASSIC_DELAY", "2m"),
        ("PSSP_ALLOW_DELETE_ALL", "maybe"),
        ("PSSP_ADMIN_KEY", "short"),
        ("PSSP_CORS_ORIGINS", "example.org"),
        ("PSSP_CORS_ORIGINS", "https://example.org/page"),
        ("PSSP_CORS_ORIGINS", "https://*.example.org"),
        ("PSSP_CORS_ORIGINS", "*,https://example.org"),
        ("PSSP_WORKERS", "-1"),
        ("PSSP_SLOTS", "1001"),
        ("PSSP_SWEEP_EVERY", "10"),
        ("PSSP_ENGINE", "oracle"),
        ("PSSP_COMMAND_TIMEOUT", "0s"),
        ("PSSP_COMMAND_MEMORY", "1MiB"),
        ("PSSP_COMMAND_OUTPUT", "2GiB"),
        ("PSSP_COMMAND_FILE", "much"),
        ("PSSP_MAX_ATTEMPTS", "0"),
        ("PSSP_MAX_DEATHS", "1.5"),
        ("PSSP_LEASE", "20s"), // not more than twice the heartbeat
        ("PSSP_HEARTBEAT", "0s"),
        ("PSSP_BACKOFF", "1 fortnight"),
        ("PSSP_BACKOFF_CAP", "10ms"), // shorter than the first wait
        ("PSSP_RESEND_AFTER", "0s"),
        ("PSSP_TTL", "1s"),
        ("PSSP_REUSE", "sometimes"),
        ("PSSP_HIGH_WATER", "101"),
        ("PSSP_OWNER_JOBS", "few"),
        ("PSSP_ACCESS", "members"),
        ("PSSP_TRUSTED_PROXIES", "10.0.0.0/40"),
        ("PSSP_KEY_TTL", "1h"),
        ("PSSP_GRACE", "-5s"),
        ("PSSP_DRAIN_DELAY", "1h"),
    ];
    for (name, value) in table {
        let BadSettings(faults) = resolve(&[(name, value)]).unwrap_err();
        assert_eq!(faults.len(), 1, "{name}={value}: {faults:?}");
        let text = faults[0].to_string();
        assert!(text.starts_with(&format!("{name}=")), "{text}");
        assert!(text.contains(value) || ["PSSP_API_KEYS", "PSSP_ADMIN_KEY"].contains(&name), "{text}");
        assert!(faults[0].remedy.len() > 10, "{text}");
    }
    let any_text = ["PSSP_BACKEND", "PSSP_COMMAND", "PSSP_COMMAND_VERSION", "PSSP_COMMAND_SCRATCH"];
    for setting in SETTINGS.iter().filter(|s| !any_text.contains(&s.name)) {
        assert!(table.iter().any(|(name, _)| *name == setting.name), "{} is not in the table", setting.name);
    }
}

#[test]
fn all_faults_are_reported_at_once() {
    let bad = resolve(&[("PSSP_GRACE", "soon"), ("PSSP_ADDR", "here")]).unwrap_err();
    assert_eq!(
        bad.to_string(),
        "bad settings\n  \
         PSSP_ADDR=\"here\": write an IP address and port such as 127.0.0.1:5000 or [::]:5000\n  \
         PSSP_GRACE=\"soon\": write a duration from 1s to 1h such as 500ms, 30s, 10m or 7d"
    );
}

#[test]
fn secrets_are_never_shown() {
    let settings = resolve(&[
        ("PSSP_API_KEYS", "lab:tell-nobody"),
        ("PSSP_BACKEND", "redis://user:tell-nobody@host:6379/0"),
    ])
    .unwrap();
    let shown = format!("{settings:?} {}", settings.backend);
    assert!(!shown.contains("tell-nobody"), "{shown}");
    assert!(shown.contains("redis://***@host:6379/0") && shown.contains("lab:***"), "{shown}");
    let fault = resolve(&[("PSSP_API_KEYS", "lab:tell-nobody,lab:tell-nobody")]).unwrap_err().to_string();
    assert!(!fault.contains("tell-nobody"), "{fault}");
    assert_eq!(BackendUrl::new("sqlite:a@b.db").to_string(), "sqlite:a@b.db");
}

#[test]
fn unknown_variables_cause_a_warning() {
    let names = ["PSSP_LAESE", "PSSP_URL", "PSSP_NONSENSE", "PSSP_LEASE", "PATH"].map(str::to_owned);
    assert_eq!(
        unknown(names, &["PSSP_URL"]),
        [
            "PSSP_LAESE is not a setting: did you mean PSSP_LEASE?",
            "PSSP_NONSENSE is not a setting and has no effect",
        ]
    );
}

#[test]
fn the_documentation_lists_every_setting() {
    let (page, help) = (render_markdown(), render_help());
    for setting in SETTINGS {
        assert!(page.contains(&format!("| `{}` |", setting.name)), "{}", setting.name);
        assert!(help.contains(setting.name), "{}", setting.name);
    }
    assert!(Group::ALL.iter().all(|group| page.contains(&format!("## {}", group.title()))));
}
