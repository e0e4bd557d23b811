//! `POST /v1/validate`.

use crate::support::service;

#[tokio::test]
async fn every_edit_is_listed_and_no_job_is_made() {
    let service = service();
    let answer =
        service.post("/v1/validate", "text/plain", "\u{feff}>demo\n  1 mkvu-lt\n 61 aygk*\n").await.is(200);
    insta::assert_json_snapshot!(answer.json());
    assert_eq!(service.get("/v1/jobs").await.json()["jobs"], serde_json::json!([]));
}

#[tokio::test]
async fn errors_have_their_place() {
    let service = service();
    let answer = service.post("/v1/validate", "text/x-fasta", ">a\nMKV\nLT?Y\n").await;
    let problem = answer.problem(422, "invalid-input");
    let mut body = problem.clone();
    body["request_id"] = "[id]".into();
    insta::assert_json_snapshot!(body);
}
