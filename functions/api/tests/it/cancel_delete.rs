//! `POST /v1/jobs/{id}/cancel` and `DELETE /v1/jobs/{id}`.

use crate::support::{UNKNOWN_ID, service};

#[tokio::test]
async fn a_cancelled_job_stays_cancelled() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let job = service.claim(&id).await;
    let path = format!("/v1/jobs/{id}/cancel");
    assert_eq!(service.ask("POST", &path).send().await.is(202).json()["status"], "cancelled");
    assert_eq!(service.ask("POST", &path).send().await.is(200).json()["status"], "cancelled");
    let late = service.jobs.finish(&job, bytes::Bytes::new()).await.unwrap();
    assert!(matches!(late, pssp_jobs::service::Settled::Stale));
    let problem = service.get(&format!("/v1/jobs/{id}/result")).await.problem(409, "no-result");
    assert_eq!(problem["retryable"], false);
}

#[tokio::test]
async fn ended_jobs_cannot_be_cancelled() {
    let service = service();
    let (done, failed) = (service.submit("MKVLT").await, service.submit("MKVLT").await);
    service.work(&done).await;
    service.fail(&failed).await;
    for id in [done, failed] {
        let path = format!("/v1/jobs/{id}/cancel");
        assert_eq!(service.ask("POST", &path).send().await.problem(409, "conflict")["retryable"], false);
    }
    service.ask("POST", &format!("/v1/jobs/{UNKNOWN_ID}/cancel")).send().await.problem(404, "not-found");
}

#[tokio::test]
async fn a_deleted_job_is_gone_and_may_be_deleted_again() {
    let service = service();
    let id = service.submit("MKVLT").await;
    service.work(&id).await;
    let path = format!("/v1/jobs/{id}");
    for _ in 0..2 {
        assert!(service.ask("DELETE", &path).send().await.is(204).body.is_empty());
    }
    service.get(&path).await.problem(404, "not-found");
    service.get(&format!("{path}/result")).await.problem(404, "not-found");
    service.ask("DELETE", &format!("/v1/jobs/{UNKNOWN_ID}")).send().await.is(204);
    service.ask("DELETE", "/v1/jobs/42").send().await.problem(404, "not-found");
}

#[tokio::test]
async fn a_batch_is_cancelled_and_deleted_with_its_jobs() {
    let service = service();
    let fasta = ">a\nMKVLT\n>b\nAYGKL\n>c\nMKVLTA\n>d\n?\n";
    let batch = service.post("/v1/batches", "text/plain", fasta).await.is(202).json();
    let (this, cancel) =
        (batch["links"]["self"].as_str().unwrap(), batch["links"]["cancel"].as_str().unwrap());
    let jobs = service.get("/v1/jobs").await.json();
    let first = jobs["jobs"][0]["id"].as_str().unwrap().to_owned();
    service.work(&first).await;
    for _ in 0..2 {
        let cancelled = service.post(cancel, "text/plain", "").await.is(202).json();
        assert_eq!(cancelled["counts"]["cancelled"], 2);
        assert_eq!(cancelled["counts"]["finished"], 1);
        assert_eq!(cancelled["status"], "finished");
    }
    for _ in 0..2 {
        service.ask("DELETE", this).send().await.is(204);
    }
    service.get(this).await.problem(404, "not-found");
    service.post(cancel, "text/plain", "").await.problem(404, "not-found");
    assert_eq!(service.get("/v1/jobs").await.json()["jobs"], serde_json::json!([]));
}
