//! Callers without a key: in the mode `unlisted` each client is apart, and a job is reached by its id.

use axum::body::Body;
use http::Request;
use pssp_api::{Anonymous, ApiKey, Config, Gateway};
use pssp_jobs::Owner;
use serde_json::Value;
use tower::ServiceExt;

use crate::support::{ApiRequest, Service, service, service_with};

const ANN: &str = "ann-has-a-token-of-her-own";
const BOB: &str = "bob-has-a-token-of-his-own";

fn unlisted() -> Service {
    service_with(Config { anonymous: Anonymous::Unlisted, ..Config::default() })
}

fn ask<'a>(service: &'a Service, token: &str, verb: &str, path: &str) -> ApiRequest<'a> {
    service.ask(verb, path).header("x-pssp-client", token)
}

async fn submit(service: &Service, token: &str, sequence: &'static str) -> Value {
    ask(service, token, "POST", "/v1/jobs").body("text/plain", sequence).send().await.is(202).json()
}

async fn listed(service: &Service, token: &str) -> usize {
    let page = ask(service, token, "GET", "/v1/jobs").send().await.is(200).json();
    page["jobs"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_job_is_read_by_its_id_and_changed_by_its_client() {
    let service = unlisted();
    let job = submit(&service, ANN, "MKVLT").await;
    let path = job["links"]["self"].as_str().unwrap();
    for token in [ANN, BOB] {
        ask(&service, token, "GET", path).send().await.is(200);
    }
    ask(&service, BOB, "POST", &format!("{path}/cancel")).send().await.problem(404, "not-found");
    ask(&service, BOB, "DELETE", path).send().await.is(204);
    assert_eq!(ask(&service, BOB, "GET", path).send().await.is(200).json()["status"], "submitted");
    assert_eq!((listed(&service, ANN).await, listed(&service, BOB).await), (1, 0));
    service.work(job["id"].as_str().unwrap()).await;
    ask(&service, BOB, "GET", &format!("{path}/result.json")).send().await.is(200);
    ask(&service, ANN, "DELETE", path).send().await.is(204);
    ask(&service, ANN, "GET", path).send().await.problem(404, "not-found");
}

/// Over plain http a browser sends no `Sec-Fetch-Site`, so it is known by what it accepts.
#[tokio::test(start_paused = true)]
async fn a_browser_is_a_client_of_its_own_over_plain_http_too() {
    let service = unlisted();
    let page = "text/html,application/xhtml+xml,*/*;q=0.8";
    let form = service.ask("POST", "/predict").header("accept", page);
    let sent = form.body("application/x-www-form-urlencoded", "example=ubiquitin").send().await.is(303);
    assert!(sent.header("set-cookie").unwrap().starts_with("pssp_client="));
    let program = service.ask("POST", "/v1/jobs").header("accept", "*/*").body("text/plain", "MKVLT");
    assert_eq!(program.send().await.is(202).header("set-cookie"), None);
}

#[tokio::test]
async fn a_batch_is_read_by_its_id() {
    let service = unlisted();
    let fasta = ">a\nMKVLT\n>b\nAYGKL\n";
    let batch =
        ask(&service, ANN, "POST", "/v1/batches").body("text/plain", fasta).send().await.is(202).json();
    service.work_all().await;
    let path = batch["links"]["self"].as_str().unwrap();
    for token in [ANN, BOB] {
        let seen = ask(&service, token, "GET", path).send().await.is(200).json();
        assert_eq!(seen["counts"]["finished"], 2, "{seen}");
        ask(&service, token, "GET", &format!("{path}/results.csv")).send().await.is(200);
    }
}

#[tokio::test]
async fn idempotency_keys_and_reuse_stay_with_a_client() {
    let service = unlisted();
    let keyed = |token| {
        let request = ask(&service, token, "POST", "/v1/jobs").header("idempotency-key", "the-same");
        request.body("text/plain", "MKVLT").send()
    };
    let (first, again, other) = (keyed(ANN).await, keyed(ANN).await, keyed(BOB).await);
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_ne!(first.json()["id"], other.is(202).json()["id"]);
}

#[tokio::test]
async fn a_browser_gets_a_token_and_finds_its_jobs_with_it() {
    let service = unlisted();
    let browser = |verb, path| service.ask(verb, path).header("sec-fetch-site", "same-origin");
    let made = browser("POST", "/v1/jobs").body("text/plain", "MKVLT").send().await.is(202);
    let cookie = made.header("set-cookie").expect("a cookie").to_owned();
    for part in ["pssp_client=", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let (pair, _) = cookie.split_once(';').unwrap();
    let again =
        browser("GET", "/v1/jobs").header("cookie", &format!("theme=dark; {pair}")).send().await.is(200);
    assert_eq!(again.header("set-cookie"), None);
    assert_eq!(again.json()["jobs"].as_array().unwrap().len(), 1);
    let stranger = browser("GET", "/v1/jobs").send().await.is(200);
    assert_eq!(stranger.json()["jobs"].as_array().unwrap().len(), 0);
}

/// Number of jobs that a program at this address sees, which sends these hops as `X-Forwarded-For`.
async fn jobs_at(service: &Service, peer: &str, hops: &str) -> usize {
    let gateway = Gateway { peer: Some(peer.parse().unwrap()), ..Gateway::default() };
    let request = |verb, body: &'static str| {
        let request = Request::builder().method(verb).uri("/v1/jobs").header("content-type", "text/plain");
        request.header("x-forwarded-for", hops).extension(gateway.clone()).body(Body::from(body)).unwrap()
    };
    let made = service.router.clone().oneshot(request("POST", "MKVLT")).await.unwrap();
    assert!(made.status().is_success());
    let page = service.router.clone().oneshot(request("GET", "")).await.unwrap();
    let bytes = axum::body::to_bytes(page.into_body(), 1 << 20).await.unwrap();
    let page: Value = serde_json::from_slice(&bytes).unwrap();
    page["jobs"].as_array().unwrap().len()
}

#[tokio::test]
async fn programs_are_told_apart_by_address() {
    let config = Config {
        anonymous: Anonymous::Unlisted,
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..Config::default()
    };
    let service = service_with(config);
    for (peer, hops, jobs) in [
        ("192.0.2.1", "", 1),
        ("192.0.2.2", "", 1),
        ("192.0.2.1", "", 2),
        // Not from a trusted proxy: the header does not count.
        ("192.0.2.1", "192.0.2.2", 3),
        ("10.1.2.3", "192.0.2.2", 2),
        // What the client itself wrote stands before what the proxies added.
        ("10.1.2.3", "192.0.2.1, 192.0.2.2, 10.9.9.9", 3),
        ("10.1.2.3", "no address", 1),
        ("2001:db8:1:2::1", "", 1),
        ("2001:db8:1:2:ffff::9", "", 2),
        ("2001:db8:1:3::1", "", 1),
        ("::ffff:192.0.2.2", "", 4),
    ] {
        assert_eq!(jobs_at(&service, peer, hops).await, jobs, "{peer} {hops}");
    }
}

#[tokio::test]
async fn a_short_token_is_no_token_and_a_wrong_key_is_refused() {
    let service = unlisted();
    submit(&service, "short", "MKVLT").await;
    assert_eq!(listed(&service, "other").await, 1, "both are known by their address");
    let key = ApiKey { owner: Owner::new("lab"), key: "lab-secret".to_owned() };
    let config = Config { api_keys: vec![key], anonymous: Anonymous::Unlisted, ..Config::default() };
    let service = service_with(config);
    service
        .ask("GET", "/v1/jobs")
        .header("x-api-key", "wrong-secret")
        .send()
        .await
        .problem(401, "unauthorized");
    service.ask("GET", "/v1/jobs").header("x-api-key", "lab-secret").send().await.is(200);
    service.get("/v1/jobs").await.is(200);
}

#[tokio::test]
async fn in_the_open_mode_all_share() {
    let service = service();
    submit(&service, ANN, "MKVLT").await;
    assert_eq!(listed(&service, BOB).await, 1);
}

#[tokio::test]
async fn a_trusted_proxy_tells_the_prefix_of_links() {
    let config = Config { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Config::default() };
    let service = service_with(config);
    for (peer, prefix, link) in [
        ("10.1.2.3", "/pssp/", "/pssp/v1/jobs/"),
        ("10.1.2.3", "//evil.example", "/v1/jobs/"),
        ("10.1.2.3", "no-path", "/v1/jobs/"),
        ("192.0.2.1", "/pssp", "/v1/jobs/"),
    ] {
        let gateway = Gateway { peer: Some(peer.parse().unwrap()), ..Gateway::default() };
        let request = Request::post("/v1/jobs").header("x-forwarded-prefix", prefix).extension(gateway);
        let answer =
            service.router.clone().oneshot(request.body(Body::from("MKVLT")).unwrap()).await.unwrap();
        let location = answer.headers()["location"].to_str().unwrap();
        assert!(location.starts_with(link), "{peer} {prefix}: {location}");
    }
}
