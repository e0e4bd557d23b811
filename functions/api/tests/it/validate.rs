//! `POST /v1/validate`.

use crate::support::service;

#[tokio::test]
async fn the_records_of_a_batch_are_checked_and_nothing_is_made() {
    let service = service();
    let check = async |text: &'static str| service.post("/v1/batches/validate", "text/plain", text).await;
    let some = check(">a\nMKVLT\n>bad\nMK?LT\n>c\nAYG KL\n").await.is(200).json();
    assert_eq!(
        (&some["valid"], &some["total"], &some["accepted"], &some["residues"]),
        (&false.into(), &3.into(), &2.into(), &10.into())
    );
    assert_eq!((&some["rejected"][0]["index"], &some["rejected"][0]["name"]), (&1.into(), &"bad".into()));
    assert_eq!(some["rejected"][0]["errors"][0]["line"], 4);
    let all = check(">a\nMKVLT\n>c\nAYGKL\n").await.is(200).json();
    assert_eq!((&all["valid"], &all["rejected"]), (&true.into(), &serde_json::json!([])));
    check(">a\nM?\n>b\nM?\n").await.problem(422, "invalid-input");
    check("").await.problem(422, "invalid-input");
    assert_eq!(service.get("/v1/jobs").await.json()["jobs"], serde_json::json!([]));
}

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
