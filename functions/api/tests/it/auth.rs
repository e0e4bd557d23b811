//! Keys: which callers are accepted, and that they see only their own jobs.

use pssp_api::{Access, Anonymous, ApiKey, Config};
use pssp_jobs::Owner;

use crate::support::{Service, service_with};

fn keyed() -> Service {
    let key = |owner: &str, key: &str| ApiKey { owner: Owner::new(owner), key: key.to_owned() };
    service_with(Config {
        api_keys: vec![key("ann", "ann-secret"), key("bob", "bob-secret")],
        anonymous: Anonymous::Refused,
        ..Config::default()
    })
}

#[tokio::test]
async fn requests_without_a_valid_key_are_refused() {
    let service = keyed();
    for (name, value) in [
        ("x-nothing", ""),
        ("x-api-key", ""),
        ("x-api-key", "ann-secre"),
        ("x-api-key", "ann-secret2"),
        ("authorization", "Bearer wrong"),
        ("authorization", "Basic ann-secret"),
        ("authorization", "ann-secret"),
    ] {
        let answer = service.ask("GET", "/v1/jobs").header(name, value).send().await;
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"pssp\""));
        answer.problem(401, "unauthorized");
    }
    assert!(service.get("/jobs").await.is(401).text().contains("X-Api-Key"));
}

#[tokio::test]
async fn exactly_the_routes_marked_open_are_open() {
    let service = keyed();
    for route in pssp_api::ROUTES {
        for path in route.paths() {
            let verb = format!("{:?}", route.verb).to_uppercase();
            let status =
                service.ask(&verb, &path.replace("{id}", crate::support::UNKNOWN_ID)).send().await.status;
            assert_eq!(status == 401, route.access == Access::Keyed, "{verb} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn both_headers_work_and_owners_are_separated() {
    let service = keyed();
    let job = service
        .ask("POST", "/v1/jobs")
        .header("authorization", "bearer ann-secret")
        .header("idempotency-key", "k")
        .body("text/plain", "MKVLT")
        .send()
        .await
        .is(202)
        .json();
    let path = job["links"]["self"].as_str().unwrap();
    service.ask("GET", path).header("x-api-key", "ann-secret").send().await.is(200);
    for (verb, what) in [("GET", ""), ("GET", "/result"), ("GET", "/events"), ("POST", "/cancel")] {
        let answer =
            service.ask(verb, &format!("{path}{what}")).header("x-api-key", "bob-secret").send().await;
        answer.problem(404, "not-found");
    }
    service.ask("DELETE", path).header("x-api-key", "bob-secret").send().await.is(204);
    service.ask("GET", path).header("x-api-key", "ann-secret").send().await.is(200);
    let other = service
        .ask("POST", "/v1/jobs")
        .header("x-api-key", "bob-secret")
        .header("idempotency-key", "k")
        .body("text/plain", "AYGKL")
        .send()
        .await
        .is(202);
    assert_eq!(other.header("idempotent-replayed"), None);
}

#[test]
fn debug_output_does_not_contain_keys() {
    let key = ApiKey { owner: Owner::new("ann"), key: "secret".to_owned() };
    let shown = format!("{key:?} {:?}", Config { api_keys: vec![key.clone()], ..Config::default() });
    assert!(shown.contains("ann") && !shown.contains("secret"), "{shown}");
}
