//! `openapi.json` against the list of routes, and against itself.

use std::collections::BTreeSet;

use pssp_api::{Access, OPENAPI, ROUTES};
use serde_json::Value;

use crate::support::{NOBODY, service};

const VERBS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

/// `(path, verb, operation)` of everything described.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let item = item.as_object().unwrap().clone();
        let path = path.clone();
        item.into_iter().map(move |(verb, operation)| (path.clone(), verb, operation)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

#[test]
fn every_route_is_described_and_everything_described_is_a_route() {
    let described: BTreeSet<(String, String)> =
        operations(&document()).into_iter().map(|(path, verb, _)| (path, verb)).collect();
    let routes: BTreeSet<(String, String)> =
        ROUTES.iter().map(|r| (r.path.to_owned(), format!("{:?}", r.verb).to_lowercase())).collect();
    assert_eq!(described, routes);
    assert_eq!(routes.len(), ROUTES.len(), "a route is listed twice");
}

#[test]
fn open_routes_are_described_as_open() {
    for (path, verb, operation) in operations(&document()) {
        let route =
            ROUTES.iter().find(|r| r.path == path && format!("{:?}", r.verb).to_lowercase() == verb).unwrap();
        assert_eq!(
            operation["security"] == serde_json::json!([]),
            route.access == Access::Open,
            "{verb} {path}"
        );
        assert_eq!(operation["responses"]["401"].is_object(), route.access != Access::Open, "{verb} {path}");
    }
}

#[test]
fn the_document_is_sound() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], pssp_api::VERSION);
    let mut ids = BTreeSet::new();
    for (path, verb, operation) in operations(&document) {
        assert!(VERBS.contains(&verb.as_str()), "{verb} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{verb} {path}");
        assert!(operation["summary"].is_string());
        let responses = operation["responses"].as_object().unwrap();
        assert!(!responses.is_empty() && responses.keys().all(|s| s.parse::<u16>().is_ok()), "{verb} {path}");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let named: BTreeSet<String> = parameters
            .iter()
            .map(|p| p["$ref"].as_str().map_or(p, |r| resolve(&document, r)))
            .filter(|p| p["in"] == "path")
            .map(|p| format!("{{{}}}", p["name"].as_str().unwrap()))
            .collect();
        let in_path: BTreeSet<String> =
            path.split('{').skip(1).map(|s| format!("{{{}}}", s.split('}').next().unwrap())).collect();
        assert_eq!(named, in_path, "{verb} {path}");
    }
    check_references(&document, &document);
}

fn resolve<'a>(document: &'a Value, reference: &str) -> &'a Value {
    let found = document.pointer(reference.strip_prefix('#').unwrap());
    found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

fn check_references(document: &Value, value: &Value) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| match value.as_str() {
            Some(reference) if key == "$ref" => drop(resolve(document, reference)),
            _ => check_references(document, value),
        }),
        Value::Array(list) => list.iter().for_each(|value| check_references(document, value)),
        _ => {}
    }
}

/// What the description says of required fields, held against what is answered.
#[tokio::test]
async fn answers_have_the_fields_described() {
    let service = service();
    let id = service.submit("MK").await;
    service.work(&id).await;
    let batch = service.post("/v1/batches", "text/plain", ">a\nMKVLT\n>b\n?").await.json();
    let document = document();
    for (path, schema) in [
        (format!("/v1/jobs/{id}"), "Job"),
        ("/v1/jobs".to_owned(), "JobPage"),
        (format!("/v1/jobs/{id}/result"), "Result"),
        (batch["links"]["self"].as_str().unwrap().to_owned(), "Batch"),
        ("/v1/methods".to_owned(), "Methods"),
        ("/v1/limits".to_owned(), "Limits"),
        ("/v1/status".to_owned(), "ServiceStatus"),
        (format!("/v1/jobs/{NOBODY}"), "Problem"),
        (format!("/jobs/{id}"), "ClassicJob"),
    ] {
        let answer = service.get(&path).await.json();
        check(&document, &document["components"]["schemas"][schema], &answer, &path);
    }
}

/// As much of JSON Schema as our description uses; unknown fields count as errors here.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return check(document, resolve(document, reference), value, at);
    }
    if let Some(of) = schema["oneOf"].as_array() {
        let null = of.iter().any(|s| s["type"] == "null");
        return if value.is_null() { assert!(null, "{at}") } else { check(document, &of[0], value, at) };
    }
    if schema["allOf"].is_array() {
        return;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(
        types.contains(&is) || (is == "integer" && types.contains(&"number")),
        "{at}: {is} for {types:?}"
    );
    for item in value.as_array().into_iter().flatten() {
        check(document, &schema["items"], item, at);
    }
    let Some(object) = value.as_object() else {
        return;
    };
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(object.contains_key(required.as_str().unwrap()), "{at}: {required} is missing");
    }
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    for (name, value) in object {
        let property = properties.get(name).unwrap_or_else(|| panic!("{at}: {name} is not described"));
        check(document, property, value, &format!("{at}.{name}"));
    }
}

#[tokio::test]
async fn it_is_served() {
    let answer = service().get("/openapi.json").await.is(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json(), document());
}
