//! Rollouts: no request may fail, and Redis must never run twice on one volume.

use std::time::Duration;

use pssp_deploy_checks::{bytes, text};

use crate::settings::of;
use crate::{ENVIRONMENTS, object};

/// Extra time that a process may need to end after its grace time.
const MARGIN: Duration = Duration::from_secs(5);

#[test]
fn an_api_pod_stops_only_when_another_is_ready_and_has_time_to_finish() {
    for env in ENVIRONMENTS {
        let settings = of(env);
        let api = object(env, "Deployment", "api");
        assert_eq!(api.str("/spec/strategy/type"), "RollingUpdate");
        assert_eq!(api.at("/spec/strategy/rollingUpdate/maxUnavailable"), 0);
        assert!(
            api.at("/spec/replicas").as_u64() >= Some(2),
            "{env}: a single pod is a single point of failure"
        );
        let pause =
            api.container()["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().expect("a preStop sleep");
        assert!(settings.drain_delay >= Duration::from_secs(5), "load balancers notice late that a pod ends");
        let needed = Duration::from_secs(pause) + settings.drain_delay + settings.grace + MARGIN;
        assert!(grace(&api) >= needed, "{env}-api needs {needed:?}");
    }
}

#[test]
fn a_worker_has_time_to_finish_or_release_its_jobs() {
    for env in ENVIRONMENTS {
        let settings = of(env);
        let worker = object(env, "Deployment", "wrk");
        assert!(grace(&worker) >= settings.grace + MARGIN, "{env}-wrk");
        assert!(
            settings.grace > settings.policy.heartbeat,
            "a running job gets a heartbeat within the grace time"
        );
    }
}

fn grace(deployment: &pssp_deploy_checks::Object) -> Duration {
    let seconds = deployment.at("/spec/template/spec/terminationGracePeriodSeconds");
    Duration::from_secs(seconds.as_u64().expect("a grace period"))
}

/// How long a container may take to start before it is restarted.
fn startup_time_limit(env: &str, part: &str) -> Duration {
    let deployment = object(env, "Deployment", part);
    let probe = &deployment.container()["startupProbe"];
    let [period, failures] =
        ["periodSeconds", "failureThreshold"].map(|key| probe[key].as_u64().expect("a number"));
    Duration::from_secs(period * failures)
}

/// API and workers answer probes while they wait for Redis (`pssp_host::deferred`), so only Redis needs long to start.
#[test]
fn redis_may_load_for_minutes_and_other_programs_must_start_soon() {
    for env in ENVIRONMENTS {
        assert!(
            startup_time_limit(env, "db") >= Duration::from_mins(10),
            "{env}-db is killed while it loads"
        );
        for part in ["api", "wrk"] {
            let allowed = Duration::from_secs(30)..=Duration::from_mins(2);
            assert!(
                allowed.contains(&startup_time_limit(env, part)),
                "{env}-{part}: {:?}",
                startup_time_limit(env, part)
            );
        }
    }
}

#[test]
fn redis_never_runs_twice() {
    for env in ENVIRONMENTS {
        let db = object(env, "Deployment", "db");
        assert_eq!(db.at("/spec/replicas"), 1);
        assert_eq!(db.str("/spec/strategy/type"), "Recreate");
        assert_eq!(object(env, "PersistentVolumeClaim", "db").str("/spec/accessModes/0"), "ReadWriteOnce");
    }
}

#[test]
fn pods_are_spread_over_nodes_and_drained_one_at_a_time() {
    for env in ENVIRONMENTS {
        for part in ["api", "wrk"] {
            let deployment = object(env, "Deployment", part);
            let spread = deployment.at("/spec/template/spec/topologySpreadConstraints/0");
            assert_eq!(spread["topologyKey"], "kubernetes.io/hostname");
            assert_eq!(spread["labelSelector"]["matchLabels"], *deployment.at("/spec/selector/matchLabels"));
            assert_eq!(object(env, "PodDisruptionBudget", part).at("/spec/maxUnavailable"), 1);
        }
    }
}

#[test]
fn redis_is_as_durable_as_the_jobs_need() {
    let conf = text("data/redis.conf");
    let says = |name: &str| -> Vec<&str> {
        conf.lines()
            .filter_map(|line| line.strip_prefix(name))
            .filter_map(|rest| rest.strip_prefix(' '))
            .collect()
    };
    assert_eq!(says("appendonly"), ["yes"]);
    assert_eq!(says("appendfsync"), ["always"], "accepted jobs survive a crash of the machine");
    assert_eq!(says("maxmemory-policy"), ["noeviction"]);
    assert_eq!(says("protected-mode"), ["yes"]);
    assert_eq!(says("save"), ["\"\""], "no snapshots beside the append-only file");
    assert_eq!(says("include"), ["/etc/redis/conf.d/*.conf", "/run/secrets/redis/*.conf"]);
    let last = conf.lines().rfind(|line| !line.is_empty()).expect("lines");
    assert!(
        last.starts_with("include /run/secrets"),
        "the settings of a deployment must come last, so that they win"
    );
}

#[test]
fn redis_reaches_its_limit_before_its_container_and_volume_do() {
    for env in ENVIRONMENTS {
        let conf = object(env, "ConfigMap", "db-config");
        let conf = conf.str("/data/pssp.conf");
        let maxmemory =
            conf.lines().find_map(|line| line.strip_prefix("maxmemory ")).map(bytes).expect("maxmemory");
        let db = object(env, "Deployment", "db");
        let limit = bytes(db.container()["resources"]["limits"]["memory"].as_str().expect("a limit"));
        assert!(maxmemory * 2 <= limit, "{env}: a rewrite of the append-only file may double the memory");
        let storage =
            bytes(object(env, "PersistentVolumeClaim", "db").str("/spec/resources/requests/storage"));
        assert!(
            maxmemory * 3 <= storage,
            "{env}: the append-only file and its rewrite exist at the same time"
        );
        assert_eq!(conf.contains("protected-mode no"), env == "test", "only test may run without a password");
    }
}
