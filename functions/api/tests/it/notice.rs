//! The outage notice: posting it, the places that show it, and the refusal of new jobs while intake is paused.

use pssp_api::{ApiKey, Config};
use pssp_jobs::{Notice, Owner};
use serde_json::json;

use crate::support::{Answer, Service, service, service_with};

const ROUTE: &str = "/v1/admin/notice";

fn with_admin() -> Service {
    let key = ApiKey { owner: Owner::new("admin"), key: "operator-key".to_owned() };
    service_with(Config { admin_key: Some(key), ..Config::default() })
}

async fn post(service: &Service, notice: &serde_json::Value) -> Answer {
    let ask = service.ask("PUT", ROUTE).header("authorization", "Bearer operator-key");
    ask.body("application/json", notice.to_string()).send().await
}

async fn intake(service: &Service) -> [u16; 3] {
    let job = service.ask("POST", "/v1/jobs").body("text/plain", "MKVLT").send().await;
    let batch = service.ask("POST", "/v1/batches").body("text/x-fasta", ">a\nMKVLT\n").send().await;
    let classic = service.ask("POST", "/run").body("application/x-www-form-urlencoded", "seq=MKVLT");
    [job.status.as_u16(), batch.status.as_u16(), classic.send().await.status.as_u16()]
}

#[tokio::test]
async fn a_posted_notice_shows_and_is_cleared() {
    let service = with_admin();
    assert_eq!(service.get("/v1/status").await.is(200).json()["notices"], json!([]));
    let notice = json!({ "text": "new model on Monday", "until": "2023-11-15T00:00:00.000Z" });
    post(&service, &notice).await.is(200);
    let shown = service.get("/v1/status").await.is(200).json()["notices"][0].clone();
    assert_eq!((&shown["text"], &shown["level"]), (&notice["text"], &json!("info")));
    let index = service.get("/").await.is(200);
    assert!(index.text().starts_with("NOTICE (info until 2023-11-15T00:00:00.000Z): new model on Monday\n"));
    assert!(index.text().contains("Try these routes"));
    assert_eq!(intake(&service).await, [202, 202, 200], "nothing is paused");
    let clear = service.ask("DELETE", ROUTE).header("x-api-key", "operator-key").send().await;
    clear.is(204);
    assert_eq!(service.get("/v1/status").await.is(200).json()["notices"], json!([]));
}

#[tokio::test]
async fn reads_work_while_intake_is_paused() {
    let service = with_admin();
    let job = service.ask("POST", "/v1/jobs").body("text/plain", "MKVLT").send().await.is(202).json();
    let until = service.jobs.now().plus(std::time::Duration::from_secs(90));
    let notice = json!({ "text": "moving house", "level": "critical", "until": until, "pause_intake": true });
    post(&service, &notice).await.is(200);
    assert_eq!(intake(&service).await, [503, 503, 503]);
    let refused = service.ask("POST", "/v1/jobs").body("text/plain", "MKVLT").send().await;
    assert_eq!(refused.header("retry-after"), Some("90"));
    let problem = refused.problem(503, "maintenance");
    assert_eq!(problem["detail"], "no new jobs are taken at the moment: moving house");
    let path = job["links"]["self"].as_str().unwrap();
    service.get(path).await.is(200);
    service.get("/jobs").await.is(200);
    service.ask("POST", "/v1/validate").body("text/plain", "MKVLT").send().await.is(200);
    service.clock.advance(std::time::Duration::from_secs(90));
    assert_eq!(intake(&service).await, [202, 202, 200], "the notice is over");
}

/// What an earlier request made is answered also while nothing new is taken.
#[tokio::test]
async fn repeated_requests_are_answered_while_intake_is_paused() {
    let service = with_admin();
    let send = async |path: &str, key: &str| {
        let ask = service.ask("POST", path).header("idempotency-key", key);
        ask.body("text/plain", ">a\nMKVLT\n").send().await
    };
    let job = send("/v1/jobs", "one").await.is(202).json();
    let batch = send("/v1/batches", "one").await.is(202).json();
    post(&service, &json!({ "text": "moving house", "pause_intake": true })).await.is(200);
    let again = send("/v1/jobs", "one").await.is(202);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json()["id"], job["id"]);
    assert_eq!(send("/v1/batches", "one").await.is(202).json()["id"], batch["id"]);
    send("/v1/jobs", "another").await.problem(503, "maintenance");
    send("/v1/batches", "another").await.problem(503, "maintenance");
    let other = service.ask("POST", "/v1/jobs").header("idempotency-key", "one").body("text/plain", "MKV");
    other.send().await.problem(422, "key-reused");
    service
        .jobs
        .delete(&pssp_jobs::Owner::public(), job["id"].as_str().unwrap().parse().unwrap())
        .await
        .unwrap();
    send("/v1/jobs", "one").await.problem(410, "expired");
}

#[tokio::test]
async fn a_notice_for_a_later_time_does_not_pause_intake_yet() {
    let service = with_admin();
    let from = service.jobs.now().plus(std::time::Duration::from_secs(60));
    post(&service, &json!({ "text": "tonight", "from": from, "pause_intake": true })).await.is(200);
    assert_eq!(intake(&service).await, [202, 202, 200]);
    service.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(intake(&service).await, [503, 503, 503]);
}

#[tokio::test]
async fn a_notice_posted_elsewhere_is_found_in_the_store() {
    let service = service();
    let notice: Notice = serde_json::from_value(json!({ "text": "closed", "pause_intake": true })).unwrap();
    service.jobs.post(Some(&notice)).await.unwrap();
    assert_eq!(intake(&service).await, [503, 503, 503]);
}

#[tokio::test]
async fn only_the_operator_posts_and_a_notice_needs_text() {
    let service = with_admin();
    let body = json!({ "text": "hello" }).to_string();
    let ask = |key: &'static str| service.ask("PUT", ROUTE).header("x-api-key", key);
    ask("wrong").body("application/json", body.clone()).send().await.problem(401, "unauthorized");
    for bad in [
        json!({}),
        json!({ "text": " " }),
        json!({ "text": "x", "level": "loud" }),
        json!({ "text": "x", "until": "yesterday" }),
        json!({ "text": "x", "until": "2000-01-01T00:00:00Z" }),
        json!({ "text": "x".repeat(3000) }),
    ] {
        post(&service, &bad).await.problem(400, "unparsable");
    }
    let closed = crate::support::service();
    closed.ask("PUT", ROUTE).body("application/json", body).send().await.problem(403, "forbidden");
    assert_eq!(service.get("/v1/status").await.json()["notices"], json!([]));
}
