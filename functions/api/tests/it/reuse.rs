//! Reuse: a job with the same sequence gets the stored result of an earlier job.

use pssp_api::Config;
use serde_json::json;

use crate::support::{Service, method, service, service_with};

const SEQUENCE: &str = "MKTAYIAKQRQISF";

/// Submits and finishes a job with [`SEQUENCE`].
async fn done(service: &Service) -> String {
    let id = service.submit(SEQUENCE).await;
    let job = service.claim(&id).await;
    let result = crate::support::prediction(&job.request.sequence).encode();
    service.jobs.reusing(Some(method())).finish(&job, result.into()).await.unwrap();
    id
}

#[tokio::test]
async fn a_job_with_a_stored_result_is_created_finished() {
    let service = service();
    let first = done(&service).await;
    let answer = service.post("/v1/jobs", "text/plain", "mktayi akqrqisf").await.is(201);
    let job = answer.json();
    assert_eq!(
        (&job["status"], &job["reused"], &job["attempts"]),
        (&json!("finished"), &json!(true), &json!(0))
    );
    assert_eq!(job["started_at"], json!(null));
    assert_eq!(job["finished_at"], job["created_at"]);
    assert!(answer.header("etag").is_some() && answer.header("retry-after").is_none());
    let id = job["id"].as_str().unwrap();
    assert_ne!(id, first);
    let result = service.get(&format!("/v1/jobs/{id}/result.json")).await.is(200).json();
    assert_eq!(result["method"]["name"], "pssp-test");
    // The answer comes at once although the request would wait.
    let held = service.ask("POST", "/v1/jobs").header("prefer", "wait=20").body("text/plain", SEQUENCE);
    assert_eq!(held.send().await.is(201).json()["reused"], true);
}

#[tokio::test]
async fn no_cache_makes_a_new_prediction() {
    let service = service();
    done(&service).await;
    for value in ["no-cache", "max-age=60, No-Cache", "max-age=0", "no-store"] {
        let ask = service.ask("POST", "/v1/jobs").header("cache-control", value).body("text/plain", SEQUENCE);
        assert_eq!(ask.send().await.is(202).json()["reused"], false);
    }
}

#[tokio::test]
async fn an_operator_may_disable_reuse() {
    let service = service_with(Config { reuse: false, ..Config::default() });
    done(&service).await;
    service.post("/v1/jobs", "text/plain", SEQUENCE).await.is(202);
    assert_eq!(service.get("/v1/limits").await.json()["reuse_results"], false);
}

#[tokio::test]
async fn classic_clients_see_a_waiting_job_first() {
    let service = service_with(Config { classic_delay: std::time::Duration::ZERO, ..Config::default() });
    done(&service).await;
    let said =
        service.post("/run", "application/x-www-form-urlencoded", format!("seq={SEQUENCE}")).await.is(200);
    let id = said.text().split(' ').nth(1).unwrap().to_owned();
    assert_eq!(service.get("/jobs").await.json()[&id]["status"], "submitted");
}

#[tokio::test]
async fn a_batch_reuses_the_results_that_exist() {
    let service = service();
    done(&service).await;
    let fasta = format!(">a\n{SEQUENCE}\n>b\nGGGGGGGG\n");
    let batch = service.post("/v1/batches", "text/x-fasta", fasta).await.is(202).json();
    assert_eq!((&batch["counts"]["finished"], &batch["counts"]["submitted"]), (&json!(1), &json!(1)));
}
