//! Compares `openapi.json` with the list of routes and with real responses, and checks its consistency.

use std::collections::BTreeSet;

use pssp_api::route::Route;
use pssp_api::{Access, OPENAPI, ROUTES};
use serde_json::{Value, json};

use crate::support::{UNKNOWN_ID, service};

const VERBS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

/// `(path, verb, operation)` of every described operation.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let item = item.as_object().unwrap().clone();
        let path = path.clone();
        item.into_iter().map(move |(verb, operation)| (path.clone(), verb, operation)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

/// `(path, verb, route)` of every route.
fn routes() -> Vec<(String, String, &'static Route)> {
    let of = |route: &'static Route| {
        let verb = format!("{:?}", route.verb).to_lowercase();
        route.paths().into_iter().map(move |path| (path, verb.clone(), route)).collect::<Vec<_>>()
    };
    ROUTES.iter().flat_map(of).collect()
}

#[test]
fn every_route_is_described_and_everything_described_is_a_route() {
    let described: BTreeSet<(String, String)> =
        operations(&document()).into_iter().map(|(path, verb, _)| (path, verb)).collect();
    let routes: BTreeSet<(String, String)> =
        routes().into_iter().map(|(path, verb, _)| (path, verb)).collect();
    assert_eq!(described, routes);
    assert_eq!(routes.len(), self::routes().len(), "a route is listed twice");
}

#[test]
fn open_routes_are_described_as_open() {
    for (path, verb, operation) in operations(&document()) {
        let (.., route) = routes().into_iter().find(|(p, v, _)| (p, v) == (&path, &verb)).unwrap();
        assert_eq!(
            operation["security"] == serde_json::json!([]),
            route.access == Access::Open,
            "{verb} {path}"
        );
        assert_eq!(operation["responses"]["401"].is_object(), route.access != Access::Open, "{verb} {path}");
    }
}

#[test]
fn the_document_is_consistent() {
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

/// Changes a schema so that a field that is not described is an error.
fn strict(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(strict);
            // `type` must be a keyword of the schema here, not the name of a property.
            if map.get("type") == Some(&json!("object")) && map.contains_key("properties") {
                map.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(strict),
        _ => {}
    }
}

/// Checks `body` against the schema of this name.
#[track_caller]
fn check(components: &Value, name: &str, body: &Value) {
    let schema = json!({ "$ref": format!("#/components/schemas/{name}"), "components": components });
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{body}");
}

/// Every response, in every state, has exactly the described fields.
#[tokio::test]
async fn responses_are_as_described() {
    let service = service();
    let finished = service.submit("mk-b").await;
    service.work(&finished).await;
    let failed = service.submit("MKV").await;
    service.fail(&failed).await;
    let waiting = service.submit("MKVL").await;
    let batch = service.post("/v1/batches", "text/plain", ">a\nMKVLT\n>b\n?\n>c\nMKVLTA").await.json();
    let of_batch = batch["links"]["self"].as_str().unwrap();
    let notice = json!({ "text": "soon", "level": "warning", "until": "2999-01-01T00:00:00Z" });
    let mut components = document()["components"].clone();
    strict(&mut components);
    for (path, schema) in [
        (format!("/v1/jobs/{finished}"), "Job"),
        (format!("/v1/jobs/{failed}"), "Job"),
        (format!("/v1/jobs/{waiting}"), "Job"),
        ("/v1/jobs?limit=1".to_owned(), "JobPage"),
        ("/v1/jobs?limit=1000".to_owned(), "JobPage"),
        (format!("/v1/jobs/{finished}/result"), "Result"),
        (of_batch.to_owned(), "Batch"),
        (format!("{of_batch}?cursor=2"), "Batch"),
        ("/v1/methods".to_owned(), "Methods"),
        ("/v1/limits".to_owned(), "Limits"),
        ("/v1/status".to_owned(), "ServiceStatus"),
        (format!("/v1/jobs/{UNKNOWN_ID}"), "Problem"),
        (format!("/v1/jobs/{waiting}/result"), "Problem"),
        (format!("/v1/jobs/{failed}/result"), "Problem"),
        ("/v1/jobs?limit=0".to_owned(), "Problem"),
        (format!("/jobs/{finished}"), "ClassicJob"),
        (format!("/jobs/{failed}"), "ClassicJob"),
        (format!("/jobs/{waiting}"), "ClassicJob"),
        (format!("/jobs/{UNKNOWN_ID}"), "ClassicJob"),
    ] {
        let body = service.get(&path).await.json();
        assert!(body.is_object(), "{path}");
        check(&components, schema, &body);
    }
    check(&components, "Notice", &notice);
    let bodies = [
        ("/v1/validate", "mk-b", "Validated"),
        ("/v1/batches/validate", ">a\nMKV\n>b\nM?", "BatchValidated"),
        ("/v1/validate", "MK?", "Problem"),
        ("/v1/jobs", "MKVLTAA", "Job"),
    ];
    for (path, sequence, schema) in bodies {
        check(&components, schema, &service.post(path, "text/plain", sequence).await.json());
    }
    let huge = service.post("/v1/jobs", "text/plain", vec![b'A'; 2 << 20]).await.is(413).json();
    check(&components, "Problem", &huge);
    let rows = service.get("/jobs").await.json();
    rows.as_object().unwrap().values().for_each(|row| check(&components, "ClassicRow", row));
    service.work_all().await;
    service.ask("DELETE", &format!("/v1/jobs/{failed}")).send().await.is(204);
    let lines = service.get(&format!("{of_batch}/results.ndjson")).await.is(200);
    let lines: Vec<Value> = lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    lines.iter().for_each(|line| check(&components, "BatchLine", line));
    let list = service.get(&format!("{of_batch}/results.json")).await.is(200).json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    list.as_array().unwrap().iter().for_each(|result| check(&components, "Result", result));
}

/// The check of responses refuses wrong bodies. (A check that accepts everything would be useless.)
#[test]
fn the_check_of_responses_can_fail() {
    let mut components = document()["components"].clone();
    strict(&mut components);
    let refused = |name: &str, body: Value| {
        let schema = json!({ "$ref": format!("#/components/schemas/{name}"), "components": components });
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        !validator.is_valid(&body)
    };
    assert!(!refused("Deleted", json!({ "id": UNKNOWN_ID })));
    assert!(refused("Deleted", json!({ "id": "7" })), "the format of an id");
    assert!(refused("Deleted", json!({})), "a missing field");
    assert!(refused("Deleted", json!({ "id": UNKNOWN_ID, "more": 1 })), "a field that is not described");
    let method = json!({ "name": "a", "version": "1", "sha256": "", "citation": "", "ss3_reduction": "" });
    assert!(!refused("ResultMethod", method));
    assert!(refused("ResultMethod", json!({ "name": "a", "version": "1", "sha256": "", "citation": "" })));
}

#[test]
fn the_file_equals_the_generated_document() {
    assert!(
        pssp_api::describe::openapi() == OPENAPI,
        "functions/api/openapi.json is not what routes and types make: run make docs"
    );
}

/// Each path has one media type, so that clients can be generated from the description.
#[test]
fn every_format_has_a_path_with_one_media_type() {
    let document = document();
    for format in pssp_predict::format::FORMATS {
        for path in ["/v1/jobs/{id}/result", "/v1/batches/{id}/results"] {
            let path = format!("{path}.{}", format.extension());
            let content = document["paths"][&path]["get"]["responses"]["200"]["content"].as_object().unwrap();
            let media: Vec<&String> = content.keys().collect();
            assert_eq!(media, [format.media_type().split(';').next().unwrap()], "{path}");
        }
    }
    let of_batch =
        "/paths/~1v1~1batches~1{id}~1results.json/get/responses/200/content/application~1json/schema";
    assert_eq!(document.pointer(of_batch).unwrap()["type"], "array");
}

/// Errors outside `/v1` are text and described as text.
#[test]
fn errors_are_described_with_their_media_type() {
    let document = document();
    for (path, verb, operation) in operations(&document) {
        let expected = if path.starts_with("/v1/") { "application/problem+json" } else { "text/plain" };
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = response["$ref"].as_str().map_or(response, |r| resolve(&document, r));
            if status.as_str() >= "400" {
                let media: Vec<&String> = response["content"].as_object().unwrap().keys().collect();
                assert_eq!(media, [expected], "{verb} {path} {status}");
            }
        }
    }
}

#[tokio::test]
async fn the_document_is_served() {
    let answer = service().get("/openapi.json").await.is(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json(), document());
}
