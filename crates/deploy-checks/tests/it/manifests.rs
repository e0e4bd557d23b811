//! Checks that the references between the objects of an environment are valid.

use std::collections::BTreeSet;

use pssp_deploy_checks::{Object, text};
use serde_json::Value;

use crate::{ENVIRONMENTS, environment};

/// Whether all of `selector` is among `labels`.
fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object().expect("a selector");
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn deployments(env: &str) -> Vec<Object> {
    environment(env).into_iter().filter(|o| o.kind() == "Deployment").collect()
}

/// The deployments of both environments whose pods a selector selects.
fn selected(selector: &Value) -> Vec<String> {
    let all = ENVIRONMENTS.iter().flat_map(|env| deployments(env));
    all.filter(|d| selects(selector, d.at("/spec/template/metadata/labels")))
        .map(|d| d.name().to_owned())
        .collect()
}

#[test]
fn every_selector_selects_the_pods_of_one_deployment() {
    let places = ["/spec/selector/matchLabels", "/spec/podSelector/matchLabels", "/spec/selector"];
    for object in ENVIRONMENTS.iter().flat_map(|env| environment(env)) {
        let Some(selector) = places.iter().find_map(|place| object.doc.pointer(place)) else { continue };
        assert_eq!(selected(selector), [object.name()], "{} {}", object.kind(), object.name());
    }
}

#[test]
fn services_name_ports_that_containers_open() {
    for env in ENVIRONMENTS {
        for service in environment(env).iter().filter(|o| o.kind() == "Service") {
            let deployment =
                crate::object(env, "Deployment", service.name().trim_start_matches(&format!("{env}-")));
            let ports = port_names(deployment.container());
            for port in service.at("/spec/ports").as_array().expect("ports") {
                let target = port["targetPort"].as_str().expect("a named target port");
                assert!(ports.contains(&target), "{}: no port {target}", service.name());
            }
        }
    }
}

#[test]
fn probes_use_routes_that_the_programs_have() {
    let sources = [
        ("api", ["functions/api/src/routes.rs", "functions/api/src/lib.rs"].map(text).concat()),
        ("wrk", text("crates/host/src/probes.rs")),
    ];
    for env in ENVIRONMENTS {
        for (part, source) in &sources {
            let deployment = crate::object(env, "Deployment", part);
            let container = deployment.container();
            for (probe, path) in
                [("startupProbe", "/healthz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")]
            {
                let get = &container[probe]["httpGet"];
                assert_eq!(get["path"], path, "{env}-{part} {probe}: only readiness may depend on Redis");
                assert!(
                    port_names(container).contains(&get["port"].as_str().expect("a port")),
                    "{env}-{part} {probe}"
                );
                assert!(source.contains(&format!("\"{path}\"")), "{part} has no route {path}");
            }
        }
    }
}

fn port_names(container: &Value) -> Vec<&str> {
    container["ports"].as_array().expect("ports").iter().filter_map(|port| port["name"].as_str()).collect()
}

/// Names of config maps, secrets and claims that an object uses.
fn used(value: &Value, found: &mut BTreeSet<String>) {
    let pointers = ["/configMapRef/name", "/secretRef/name", "/configMap/name", "/secret/secretName"];
    let claim = "/persistentVolumeClaim/claimName";
    for pointer in pointers.into_iter().chain([claim]) {
        if let Some(name) = value.pointer(pointer).and_then(Value::as_str) {
            found.insert(name.to_owned());
        }
    }
    match value {
        Value::Array(list) => list.iter().for_each(|v| used(v, found)),
        Value::Object(map) => map.values().for_each(|v| used(v, found)),
        _ => {}
    }
}

#[test]
fn objects_that_pods_use_are_in_the_folder_or_made_by_the_script() {
    let script = text("scripts/deploy/secret.sh");
    for env in ENVIRONMENTS {
        let objects = environment(env);
        let mut names = BTreeSet::new();
        objects.iter().for_each(|o| used(&o.doc, &mut names));
        assert!(names.len() >= 5, "{names:?}");
        for name in names {
            let here = objects.iter().any(|o| o.name() == name);
            let made = script.contains(&format!("name: $env{}\n", name.trim_start_matches(env)));
            assert!(here || made, "{name} is not defined");
        }
    }
}

#[test]
fn test_starts_without_secrets_and_prod_does_not() {
    for (env, optional) in [("test", true), ("prod", false)] {
        for part in ["api", "wrk"] {
            let deployment = crate::object(env, "Deployment", part);
            assert_eq!(
                deployment.container()["envFrom"][1]["secretRef"]["optional"],
                optional,
                "{env}-{part}"
            );
        }
        let db = crate::object(env, "Deployment", "db");
        assert_eq!(db.at("/spec/template/spec/volumes/2/secret/optional"), optional, "{env}-db");
    }
}

#[test]
fn labels_name_environment_and_part() {
    for env in ENVIRONMENTS {
        for object in environment(env) {
            let labels = object.at("/metadata/labels");
            assert_eq!(labels["app.kubernetes.io/instance"], env, "{}", object.name());
            assert_eq!(labels["app.kubernetes.io/part-of"], "pssp", "{}", object.name());
            assert!(object.name().starts_with(&format!("{env}-")), "{}", object.name());
        }
    }
}
