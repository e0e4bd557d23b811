//! Behind a gateway: links that its callers can use, and complete answers within the gateway's time limit.

use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use pssp_api::{Config, Gateway};
use serde_json::Value;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::support::{Service, service, service_with};

fn buffered(max_answer_bytes: usize) -> Service {
    service_with(Config { streaming: false, max_answer_bytes: Some(max_answer_bytes), ..Config::default() })
}

async fn through(service: &Service, verb: &str, path: &str, body: &str) -> (http::response::Parts, Value) {
    let gateway = Gateway {
        prefix: "/prod".to_owned(),
        answer_by: Some(Instant::now() + Duration::from_secs(11)),
        request_id: Some("aws-1".to_owned()),
        peer: None,
    };
    let request = Request::builder().method(verb).uri(path).header("prefer", "wait=20");
    let mut request = request.body(Body::from(body.to_owned())).unwrap();
    request.extensions_mut().insert(gateway);
    let (parts, body) = service.router.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts, serde_json::from_slice(&body).unwrap())
}

#[tokio::test(start_paused = true)]
async fn links_begin_with_the_prefix_and_waits_end_in_time() {
    let service = service();
    let since = Instant::now();
    let (parts, job) = through(&service, "POST", "/v1/jobs", "MKVLT").await;
    assert_eq!(since.elapsed(), Duration::from_secs(10), "a second before the answer must be there");
    assert_eq!(parts.headers["x-request-id"], "aws-1");
    let path = format!("/prod/v1/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(parts.headers["location"], path.as_str());
    assert_eq!(job["links"]["self"], path);
    assert_eq!(job["links"]["events"], format!("{path}/events"));
    service.submit("MKVLT").await;
    let (parts, list) = through(&service, "GET", "/v1/jobs?limit=1", "").await;
    assert_eq!(list["links"]["self"], "/prod/v1/jobs?limit=1");
    assert!(list["links"]["next"].as_str().unwrap().starts_with("/prod/v1/jobs?cursor="), "{list}");
    assert!(parts.headers["link"].to_str().unwrap().starts_with("</prod/v1/"));
    let (parts, batch) = through(&service, "POST", "/v1/batches", ">a\nMKVLT\n>b\nMKVLTA\n").await;
    assert_eq!(parts.headers["location"].to_str().ok(), batch["links"]["self"].as_str());
    assert!(batch["links"]["results"].as_str().unwrap().starts_with("/prod/v1/batches/"));
}

#[tokio::test(start_paused = true)]
async fn events_come_one_at_a_time_without_streaming() {
    let service = buffered(1 << 20);
    let id = service.submit("MKVLT").await;
    let path = format!("/v1/jobs/{id}/events");
    let first = service.get(&path).await.is(200);
    assert_eq!(first.header("content-type"), Some("text/event-stream"));
    assert_eq!(first.header("x-accel-buffering"), Some("no"));
    assert!(
        first.text().contains("id: submitted-0") && first.text().contains("retry: 2000"),
        "{}",
        first.text()
    );
    let since = Instant::now();
    let nothing = service.ask("GET", &path).header("last-event-id", "submitted-0").send().await.is(200);
    assert_eq!(since.elapsed(), Duration::from_secs(20));
    assert!(!nothing.text().contains("data") && nothing.text().contains("retry: 2000"), "{}", nothing.text());
    let held = service.ask("GET", &path).header("last-event-id", "submitted-0").send();
    let working = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        service.claim(&id).await
    };
    let (held, job) = tokio::join!(held, working);
    assert!(held.text().contains("id: running-1"), "{}", held.text());
    service.finish(&job).await;
    let last = service.ask("GET", &path).header("last-event-id", "running-1").send().await;
    assert!(last.text().contains("id: finished-1"), "{}", last.text());
    service.ask("GET", &path).header("last-event-id", "finished-1").send().await.is(204);
}

#[tokio::test]
async fn an_answer_that_is_too_large_says_what_to_do() {
    let service = buffered(4096);
    let records: String = (0..40).map(|i| format!(">r{i}\nMKVLTAAGG\n")).collect();
    let batch = service.post("/v1/batches", "text/x-fasta", records).await.is(202).json();
    service.work_all().await;
    let path = format!("/v1/batches/{}/results", batch["id"].as_str().unwrap());
    let problem = service.get(&path).await.problem(413, "too-large");
    assert_eq!(problem["limit"]["name"], "max_answer_bytes");
    assert!(problem["detail"].as_str().unwrap().contains("fewer"), "{problem}");
    let zipped = service.ask("GET", &path).header("accept-encoding", "gzip").send().await.is(200);
    assert_eq!(zipped.header("content-encoding"), Some("gzip"), "the compressed answer is within the limit");
}
