//! `Idempotency-Key`: requests with the same key get the same job.

use crate::support::{Answer, Service, service};

async fn post(service: &Service, path: &str, key: &str, media: &str, body: &str) -> Answer {
    service.ask("POST", path).header("idempotency-key", key).body(media, body.to_owned()).send().await
}

#[tokio::test]
async fn a_repeated_post_returns_the_first_job() {
    let service = service();
    let first = post(&service, "/v1/jobs", "k1", "text/plain", "MKVLT").await.is(202);
    assert_eq!(first.header("idempotent-replayed"), None);
    let again =
        post(&service, "/v1/jobs", "k1", "application/json", r#"{ "sequence": "MKVLT" }"#).await.is(202);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json()["id"], first.json()["id"]);
    assert_eq!(again.header("location"), first.header("location"));

    service.work_all().await;
    let done = post(&service, "/v1/jobs", "k1", "text/plain", "MKVLT").await.is(201);
    assert_eq!(done.json()["status"], "finished");
    assert_eq!(done.header("retry-after"), None);
    assert_eq!(service.get("/v1/jobs").await.json()["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused() {
    let service = service();
    post(&service, "/v1/jobs", "k", "text/plain", "MKVLT").await.is(202);
    for (path, body) in [("/v1/jobs", "MKVLA"), ("/v1/jobs?name=x", "MKVLT"), ("/v1/jobs?force=1", "MKVLT")] {
        let problem = post(&service, path, "k", "text/plain", body).await.problem(422, "key-reused");
        assert_eq!(problem["retryable"], false);
    }
    post(&service, "/v1/jobs", "other", "text/plain", "MKVLA").await.is(202);
}

#[tokio::test]
async fn a_key_whose_job_is_gone_makes_no_new_job() {
    let service = service();
    let job = post(&service, "/v1/jobs", "k", "text/plain", "MKVLT").await.json();
    service.ask("DELETE", job["links"]["self"].as_str().unwrap()).send().await.is(204);
    post(&service, "/v1/jobs", "k", "text/plain", "MKVLT").await.problem(410, "expired");
}

#[tokio::test]
async fn keys_are_checked() {
    let service = service();
    let long = "k".repeat(256);
    for key in ["", "with blank", "ключ", &*long] {
        post(&service, "/v1/jobs", key, "text/plain", "MKVLT").await.problem(400, "unparsable");
    }
    post(&service, "/v1/jobs", &long[1..], "text/plain", "MKVLT").await.is(202);
}

#[tokio::test]
async fn batches_have_keys_too() {
    let service = service();
    let fasta = ">a\nMKVLT\n>b\nAYGKL\n>c\n?\n";
    let first = post(&service, "/v1/batches", "k", "text/x-fasta", fasta).await.is(202);
    let again = post(&service, "/v1/batches", "k", "text/x-fasta", fasta).await.is(202);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json()["id"], first.json()["id"]);
    post(&service, "/v1/batches", "k", "text/x-fasta", ">a\nMKVLT\n").await.problem(422, "key-reused");
    assert_eq!(service.get("/v1/jobs").await.json()["jobs"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn concurrent_posts_of_one_key_make_one_job() {
    let service = service();
    let posts = (0..50).map(|_| post(&service, "/v1/jobs", "k", "text/plain", "MKVLT"));
    let answers = futures::future::join_all(posts).await;
    let ids: std::collections::HashSet<String> =
        answers.into_iter().map(|a| a.is(202).json()["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
}
