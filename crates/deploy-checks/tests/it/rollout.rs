//! Updates that fail no request, and a store that is never run twice.

use std::time::Duration;

use pssp_deploy_checks::{bytes, text};

use crate::settings::of;
use crate::{ENVIRONMENTS, object};

/// Time that a process needs to end after its grace time.
const MARGIN: Duration = Duration::from_secs(5);

#[test]
fn an_api_pod_goes_only_when_another_is_ready_and_its_end_is_not_cut() {
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
        assert!(settings.drain_delay >= Duration::from_secs(5), "endpoints are withdrawn late");
        let needed = Duration::from_secs(pause) + settings.drain_delay + settings.grace + MARGIN;
        assert!(grace(&api) >= needed, "{env}-api needs {needed:?}");
    }
}

#[test]
fn a_worker_can_finish_or_give_back() {
    for env in ENVIRONMENTS {
        let settings = of(env);
        let worker = object(env, "Deployment", "wrk");
        assert!(grace(&worker) >= settings.grace + MARGIN, "{env}-wrk");
        assert!(settings.grace > settings.policy.heartbeat, "a job in hand shows a sign of life meanwhile");
    }
}

fn grace(deployment: &pssp_deploy_checks::Object) -> Duration {
    let seconds = deployment.at("/spec/template/spec/terminationGracePeriodSeconds");
    Duration::from_secs(seconds.as_u64().expect("a grace period"))
}

/// How long a container may take to start before it is restarted.
fn patience(env: &str, part: &str) -> Duration {
    let deployment = object(env, "Deployment", part);
    let probe = &deployment.container()["startupProbe"];
    let [period, failures] =
        ["periodSeconds", "failureThreshold"].map(|key| probe[key].as_u64().expect("a number"));
    Duration::from_secs(period * failures)
}

/// The programs answer while they wait for Redis (`pssp_host::deferred`), so only Redis itself needs time to load.
#[test]
fn redis_may_load_for_minutes_and_a_program_that_does_not_start_is_seen_soon() {
    for env in ENVIRONMENTS {
        assert!(patience(env, "db") >= Duration::from_mins(10), "{env}-db is killed while it loads");
        for part in ["api", "wrk"] {
            let allowed = Duration::from_secs(30)..=Duration::from_mins(2);
            assert!(allowed.contains(&patience(env, part)), "{env}-{part}: {:?}", patience(env, part));
        }
    }
}

#[test]
fn redis_is_one_and_never_two() {
    for env in ENVIRONMENTS {
        let db = object(env, "Deployment", "db");
        assert_eq!(db.at("/spec/replicas"), 1);
        assert_eq!(db.str("/spec/strategy/type"), "Recreate");
        assert_eq!(object(env, "PersistentVolumeClaim", "db").str("/spec/accessModes/0"), "ReadWriteOnce");
    }
}

#[test]
fn pods_are_spread_and_drained_one_at_a_time() {
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
fn redis_promises_what_the_jobs_need() {
    let conf = text("data/redis.conf");
    let says = |name: &str| -> Vec<&str> {
        conf.lines()
            .filter_map(|line| line.strip_prefix(name))
            .filter_map(|rest| rest.strip_prefix(' '))
            .collect()
    };
    assert_eq!(says("appendonly"), ["yes"]);
    assert_eq!(says("appendfsync"), ["always"], "promise 1 holds when the machine dies");
    assert_eq!(says("maxmemory-policy"), ["noeviction"]);
    assert_eq!(says("protected-mode"), ["yes"]);
    assert_eq!(says("save"), ["\"\""], "no snapshots beside the append-only file");
    assert_eq!(says("include"), ["/etc/redis/conf.d/*.conf", "/run/secrets/redis/*.conf"]);
    let last = conf.lines().rfind(|line| !line.is_empty()).expect("lines");
    assert!(last.starts_with("include /run/secrets"), "what a deployment says must win");
}

#[test]
fn redis_is_full_before_its_container_or_its_volume_is() {
    for env in ENVIRONMENTS {
        let conf = object(env, "ConfigMap", "db-config");
        let conf = conf.str("/data/pssp.conf");
        let maxmemory =
            conf.lines().find_map(|line| line.strip_prefix("maxmemory ")).map(bytes).expect("maxmemory");
        let db = object(env, "Deployment", "db");
        let limit = bytes(db.container()["resources"]["limits"]["memory"].as_str().expect("a limit"));
        assert!(maxmemory * 2 <= limit, "{env}: a rewrite of the file may need as much again");
        let storage =
            bytes(object(env, "PersistentVolumeClaim", "db").str("/spec/resources/requests/storage"));
        assert!(maxmemory * 3 <= storage, "{env}: the file and its rewrite lie side by side");
        assert_eq!(conf.contains("protected-mode no"), env == "test", "only test may run without a password");
    }
}
