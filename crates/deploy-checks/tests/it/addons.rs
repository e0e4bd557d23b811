//! Checks that the add-ons and debug tools name objects that exist.

use pssp_deploy_checks::{Object, objects, text};

use crate::{ENVIRONMENTS, environment, object};

fn addon(kind: &str) -> Object {
    objects("kubernetes/addons").into_iter().find(|o| o.kind() == kind).expect("the add-on")
}

#[test]
fn scalers_scale_deployments_that_exist() {
    for kind in ["ScaledObject", "HorizontalPodAutoscaler"] {
        let scaler = addon(kind);
        let name = scaler.str("/spec/scaleTargetRef/name");
        object("prod", "Deployment", name.trim_start_matches("prod-"));
    }
}

#[test]
fn workers_are_scaled_by_the_number_of_waiting_and_running_jobs() {
    let keda = addon("ScaledObject");
    assert_eq!(keda.str("/spec/advanced/scalingModifiers/formula"), "submitted + running");
    assert_eq!(keda.str("/spec/advanced/scalingModifiers/activationTarget"), "0");
    let api: serde_json::Value = serde_json::from_str(&text("functions/api/openapi.json")).expect("JSON");
    let schemas = &api["components"]["schemas"];
    let properties_of = |name: &str| schemas[name]["properties"].clone();
    assert!(properties_of("ServiceStatus")["queue"].to_string().contains("#/components/schemas/Queue"));
    for trigger in keda.at("/spec/triggers").as_array().expect("triggers") {
        assert_eq!(trigger["metadata"]["url"], "http://prod-api:5000/v1/status");
        let (queue, number) =
            trigger["metadata"]["valueLocation"].as_str().and_then(|p| p.split_once('.')).expect("a path");
        assert_eq!(queue, "queue");
        assert!(properties_of("Queue")[number].is_object(), "{trigger}");
        assert_eq!(trigger["name"], number, "the formula uses this name");
    }
}

#[test]
fn monitors_and_the_ingress_name_ports_that_exist() {
    let api = object("prod", "Service", "api");
    assert_eq!(addon("ServiceMonitor").at("/spec/selector/matchLabels"), api.at("/spec/selector"));
    assert_eq!(addon("ServiceMonitor").at("/spec/endpoints/0/port"), api.at("/spec/ports/0/name"));
    let worker = object("prod", "Deployment", "wrk");
    let monitor = addon("PodMonitor");
    assert_eq!(monitor.at("/spec/selector/matchLabels"), worker.at("/spec/selector/matchLabels"));
    assert_eq!(monitor.at("/spec/podMetricsEndpoints/0/port"), &worker.container()["ports"][0]["name"]);
    let backend = addon("Ingress").at("/spec/rules/0/http/paths/0/backend/service").clone();
    assert_eq!(backend["name"], api.name());
    assert_eq!(backend["port"]["name"], *api.at("/spec/ports/0/name"));
}

/// PostgreSQL's init script makes the user of the manual, and API and workers reach what the service leads to.
#[test]
fn postgres_has_the_user_of_the_manual_and_is_reached_by_api_and_workers() {
    let of = |kind: &str| -> Vec<Object> {
        let file = |o: &Object| o.file == "postgres.yml" && o.kind() == kind;
        objects("kubernetes/addons").into_iter().filter(file).collect()
    };
    let script = of("ConfigMap")[0].str("/data/user.sh").to_owned();
    let manual = text("data/postgres-user.sql");
    for statement in manual.lines().filter(|line| !line.starts_with("--") && !line.is_empty()) {
        let statement = statement.replace("'SERVICE_PASSWORD'", ":'password'");
        assert!(script.contains(&statement), "{statement}");
    }
    let (set, service) = (of("StatefulSet").remove(0), of("Service").remove(0));
    assert_eq!(set.at("/spec/replicas"), 1);
    let labels = set.at("/spec/template/metadata/labels");
    for (key, value) in service.at("/spec/selector").as_object().unwrap() {
        assert_eq!(labels[key], *value);
    }
    assert_eq!(set.str("/spec/serviceName"), service.name());
    let port = service.at("/spec/ports/0/port");
    let policies = of("NetworkPolicy");
    assert_eq!(policies.len(), 2);
    for policy in &policies {
        let side = if policy.name() == "prod-pg" { "/spec/ingress/0" } else { "/spec/egress/0" };
        assert_eq!(policy.at(&format!("{side}/ports/0/port")), port);
        let people = if policy.name() == "prod-pg" {
            policy.at("/spec/ingress/0/from/0/podSelector")
        } else {
            policy.at("/spec/podSelector")
        };
        assert_eq!(people["matchExpressions"][0]["values"], serde_json::json!(["pssp-api", "pssp-wrk"]));
    }
}

#[test]
fn the_verification_job_tests_the_service_of_test() {
    let job = objects("kubernetes/debug").into_iter().find(|o| o.kind() == "Job").expect("the job");
    let port = object("test", "Service", "api").at("/spec/ports/0/port").to_string();
    assert_eq!(job.container()["args"][0], "verify");
    assert_eq!(job.container()["args"][2], format!("http://test-api:{port}"));
    assert_eq!(job.container()["args"][4], env!("CARGO_PKG_VERSION"), "the job checks the version too");
    assert_eq!(job.at("/spec/backoffLimit"), 0, "a failure must be seen and not retried");
}

/// The job sends a key if there is one. Without the Secret it runs too, for services without keys.
#[test]
fn the_verification_job_has_a_callers_key_that_servers_do_not_get() {
    let job = objects("kubernetes/debug").into_iter().find(|o| o.kind() == "Job").expect("the job");
    let variables = job.container()["env"].as_array().expect("variables");
    let [key] = &variables[..] else { panic!("{variables:?}") };
    assert_eq!(key["name"], "PSSP_API_KEY");
    let source = &key["valueFrom"]["secretKeyRef"];
    assert_eq!((&source["key"], &source["optional"]), (&"PSSP_API_KEY".into(), &true.into()));
    assert_eq!(source["name"], "test-verify-secret");
    for object in ENVIRONMENTS.iter().flat_map(|env| environment(env)) {
        assert!(!object.doc.to_string().contains("verify-secret"), "{} needs no caller's key", object.name());
    }
}
