//! `GET /v1/jobs` and `GET /v1/jobs/{id}`.

use std::time::Duration;

use pssp_jobs::{Failure, FailureClass};
use serde_json::{Value, json};

use crate::support::{UNKNOWN_ID, service};

#[tokio::test]
async fn etag_changes_with_the_state_and_saves_a_body() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let path = format!("/v1/jobs/{id}");
    let first = service.get(&path).await.is(200);
    let etag = first.header("etag").unwrap().to_owned();
    assert!(etag.starts_with('"'), "not a strong ETag: {etag}");

    let known = format!("W/\"other\", {etag}");
    let again = service.ask("GET", &path).header("if-none-match", &known).send().await.is(304);
    assert!(again.body.is_empty());
    assert_eq!(again.header("etag"), Some(&*etag));
    assert_eq!(again.header("retry-after"), Some("1"));

    service.work(&id).await;
    let done = service.ask("GET", &path).header("if-none-match", &etag).send().await.is(200);
    assert_ne!(done.header("etag"), Some(&*etag));
    assert_eq!(done.header("retry-after"), None);
    assert_eq!(done.json()["status"], "finished");
}

#[tokio::test]
async fn an_answer_with_an_etag_is_never_compressed() {
    let service = service();
    let id = service.submit(&format!(">{}\nMKVLT", "n".repeat(900))).await;
    let answer =
        service.ask("GET", &format!("/v1/jobs/{id}")).header("accept-encoding", "gzip").send().await.is(200);
    assert_eq!(answer.header("content-encoding"), None);
    let large = service.ask("GET", "/openapi.json").header("accept-encoding", "gzip").send().await.is(200);
    assert_eq!(large.header("content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn a_failed_job_has_its_error() {
    let service = service();
    let id = service.submit("MKVLT").await;
    service.fail(&id).await;
    let job = service.get(&format!("/v1/jobs/{id}")).await.is(200).json();
    assert_eq!(job["error"], serde_json::json!({ "class": "method", "detail": "the method gave up" }));
    assert_eq!((&job["attempts"], &job["status"]), (&1.into(), &"failed".into()));
}

#[tokio::test]
async fn retry_after_respects_a_delayed_start() {
    let service = service();
    let answer = service.post("/run", "application/x-www-form-urlencoded", "seq=MKVLT").await;
    let id = answer.text().split(' ').nth(1).unwrap().to_owned();
    service.clock.set(service.jobs.now().minus(Duration::from_millis(1500)));
    assert_eq!(service.get(&format!("/v1/jobs/{id}")).await.is(200).header("retry-after"), Some("3"));
}

#[tokio::test]
async fn unknown_foreign_and_expired_jobs() {
    let service = service();
    for id in [UNKNOWN_ID, "42"] {
        service.get(&format!("/v1/jobs/{id}")).await.problem(404, "not-found");
    }
    let id = service.submit("MKVLT").await;
    service.work(&id).await;
    service.clock.advance(service.jobs.policy().ttl);
    for what in ["", "/result", "/plot.svg", "/events"] {
        service.get(&format!("/v1/jobs/{id}{what}")).await.problem(410, "expired");
    }
    assert_eq!(service.get("/v1/jobs").await.is(200).json()["jobs"], serde_json::json!([]));
    assert_eq!(service.get(&format!("/jobs/{id}")).await.is(200).text(), "{}");
}

#[tokio::test]
async fn pages_hold_every_job_once_newest_first() {
    let service = service();
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.push(service.submit("MKVLT").await);
    }
    let (mut path, mut seen) = ("/v1/jobs?limit=3".to_owned(), Vec::new());
    loop {
        let answer = service.get(&path).await.is(200);
        let page = answer.json();
        assert_eq!(page["links"]["self"], path);
        seen.extend(page["jobs"].as_array().unwrap().iter().map(|j| j["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["links"]["next"].as_str() else {
            break;
        };
        assert_eq!(answer.header("link"), Some(&*format!("<{next}>; rel=\"next\"")));
        next.clone_into(&mut path);
    }
    ids.reverse();
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn lists_by_state() {
    let service = service();
    let (done, waiting) = (service.submit("MKVLT").await, service.submit("MKVLT").await);
    service.work(&done).await;
    for (state, id) in [("finished", done), ("submitted", waiting)] {
        let page = service.get(&format!("/v1/jobs?status={state}&limit=1")).await.is(200).json();
        assert_eq!(page["jobs"][0]["id"], id);
        assert_eq!(page["jobs"].as_array().unwrap().len(), 1);
    }
    for query in ["status=done", "limit=0", "limit=-1", "limit=x", "cursor=x"] {
        service.get(&format!("/v1/jobs?{query}")).await.problem(400, "unparsable");
    }
    service.get("/v1/jobs?limit=100000").await.is(200);
}

#[tokio::test]
async fn the_errors_of_attempts_are_shown() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let path = format!("/v1/jobs/{id}");
    let job = service.get(&path).await.json();
    assert!(job["last_error"].is_null() && job.get("attempt_errors").is_none(), "{job}");
    for attempt in 1..=2 {
        let claimed = service.claim(&id).await;
        let failure = Failure::new(FailureClass::System, format!("no room, try {attempt}"));
        service.jobs.retry(&claimed, failure).await.unwrap();
        service.clock.advance(Duration::from_hours(1));
    }
    let job = service.get(&path).await.json();
    // The job has not failed, only attempts have.
    assert_eq!((&job["status"], &job["error"]), (&json!("submitted"), &Value::Null));
    assert_eq!(job["last_error"]["attempt"], 2);
    assert_eq!(
        (&job["last_error"]["class"], &job["last_error"]["detail"]),
        (&json!("system"), &json!("no room, try 2"))
    );
    assert!(job.get("attempt_errors").is_none(), "{job}");
    let job = service.get(&format!("{path}?attempts=true")).await.json();
    let tries: Vec<&Value> =
        job["attempt_errors"].as_array().unwrap().iter().map(|e| &e["attempt"]).collect();
    assert_eq!(tries, [1, 2]);
    assert_eq!(job["attempt_errors"][1], job["last_error"]);
    service.get(&format!("{path}?attempts=perhaps")).await.problem(400, "unparsable");
}

#[tokio::test]
async fn more_than_a_page_may_have_counts_as_a_whole_page() {
    let service = service();
    service.submit("MKVLT").await;
    for limit in ["1", "200", "201", "4294967295"] {
        let page = service.get(&format!("/v1/jobs?limit={limit}")).await.is(200).json();
        assert_eq!(page["jobs"].as_array().unwrap().len(), 1);
    }
    for limit in ["0", "-1", "x", "4294967296"] {
        service.get(&format!("/v1/jobs?limit={limit}")).await.problem(400, "unparsable");
    }
}
