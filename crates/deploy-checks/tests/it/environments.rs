//! Checks that prod and test are equal, apart from the differences listed here.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{ENVIRONMENTS, environment};

/// The allowed differences besides the prefix of names: file, place, reason.
const MAY_DIFFER: &[(&str, &str, &str)] = &[
    ("api-deployment.yml", "/spec/replicas", "load"),
    ("wrk-deployment.yml", "/spec/replicas", "load"),
    ("api-deployment.yml", "/spec/template/spec/containers/0/image", "prod follows test"),
    ("wrk-deployment.yml", "/spec/template/spec/containers/0/image", "prod follows test"),
    ("db-deployment.yml", "/spec/template/spec/containers/0/image", "prod follows test"),
    ("api-deployment.yml", "/spec/template/spec/containers/0/resources/*", "load"),
    ("wrk-deployment.yml", "/spec/template/spec/containers/0/resources/*", "load"),
    ("db-deployment.yml", "/spec/template/spec/containers/0/resources/*", "load"),
    ("db-pvc.yml", "/spec/resources/requests/storage", "load"),
    ("db-config.yml", "/data/pssp.conf", "memory, and whether Redis may do without a password"),
    (
        "api-deployment.yml",
        "/spec/template/spec/containers/0/envFrom/1/secretRef/optional",
        "prod needs its Secret",
    ),
    (
        "wrk-deployment.yml",
        "/spec/template/spec/containers/0/envFrom/1/secretRef/optional",
        "prod needs its Secret",
    ),
    ("db-deployment.yml", "/spec/template/spec/volumes/2/secret/optional", "prod needs its Secret"),
];

fn may_differ(file: &str, place: &str) -> bool {
    MAY_DIFFER.iter().any(|(f, p, _)| {
        *f == file && (*p == place || p.strip_suffix('*').is_some_and(|p| place.starts_with(p)))
    })
}

/// The places where two values differ.
fn differences(place: &str, a: &Value, b: &Value, found: &mut BTreeSet<String>) {
    match (a, b) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                let [a, b] = [left, right].map(|map| map.get(key).unwrap_or(&Value::Null));
                differences(&format!("{place}/{}", key.replace('/', "~1")), a, b, found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            left.iter()
                .zip(right)
                .enumerate()
                .for_each(|(i, (a, b))| differences(&format!("{place}/{i}"), a, b, found));
        }
        _ if a != b => drop(found.insert(place.to_owned())),
        _ => {}
    }
}

/// The object with the names of prod.
fn as_prod(value: &Value) -> Value {
    match value {
        Value::String(text) if text == "test" => "prod".into(),
        Value::String(text) => text.replace("test-", "prod-").into(),
        Value::Array(list) => list.iter().map(as_prod).collect(),
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), as_prod(v))).collect(),
        other => other.clone(),
    }
}

#[test]
fn prod_differs_from_test_only_as_listed() {
    let [test, prod] = ENVIRONMENTS.map(environment);
    let names = |objects: &[pssp_deploy_checks::Object]| -> Vec<(String, String)> {
        objects.iter().map(|o| (o.file.clone(), o.kind().to_owned())).collect()
    };
    assert_eq!(names(&test), names(&prod), "the same objects in the same files");
    let mut seen = BTreeSet::new();
    for (test, prod) in test.iter().zip(&prod) {
        let mut found = BTreeSet::new();
        differences("", &as_prod(&test.doc), &prod.doc, &mut found);
        for place in found {
            assert!(may_differ(&test.file, &place), "{}: {place} differs between test and prod", test.file);
            seen.insert((test.file.clone(), place));
        }
    }
    assert!(!seen.is_empty());
}

#[test]
fn both_environments_fit_into_one_namespace() {
    let all: Vec<_> = ENVIRONMENTS.iter().flat_map(|env| environment(env)).collect();
    let names: BTreeSet<(&str, &str)> = all.iter().map(|o| (o.kind(), o.name())).collect();
    assert_eq!(names.len(), all.len(), "two objects of one kind have one name");
    assert!(all.iter().all(|o| o.at("/metadata/namespace").is_null()), "the namespace is the user's choice");
}

#[test]
fn an_environment_has_exactly_these_files() {
    let files: BTreeSet<String> = environment("test").into_iter().map(|o| o.file).collect();
    let expected = [
        "api-deployment.yml",
        "api-service.yml",
        "config.yml",
        "db-config.yml",
        "db-deployment.yml",
        "db-pvc.yml",
        "db-service.yml",
        "networkpolicy.yml",
        "pdb.yml",
        "wrk-deployment.yml",
    ];
    assert_eq!(files.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
