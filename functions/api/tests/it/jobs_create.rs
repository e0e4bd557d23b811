//! `POST /v1/jobs`: every form of body, and the job that is made from it.

use serde_json::json;

use crate::support::{gzip, service};

#[tokio::test]
async fn every_form_makes_the_same_job() {
    let service = service();
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"sequence\"\r\n\r\nMKVLTAYGKL\r\n--b\r\n\
                     Content-Disposition: form-data; name=\"name\"\r\n\r\ndemo\r\n--b--\r\n";
    for (path, media, body) in [
        ("/v1/jobs", "application/json", r#"{"sequence": "MKVLTAYGKL", "name": "demo"}"#),
        ("/v1/jobs", "application/json; charset=utf-8", r#"{"sequence": ">demo\nMKVLTAYGKL"}"#),
        ("/v1/jobs", "text/x-fasta", ">demo some protein\nMKVLT\nAYGKL\n"),
        ("/v1/jobs?name=demo", "text/plain", "mkvlt aygkl*"),
        ("/v1/jobs", "application/x-www-form-urlencoded", "sequence=MKVLTAYGKL&name=demo"),
        ("/v1/jobs", "multipart/form-data; boundary=b", multipart),
    ] {
        let answer = service.post(path, media, body).await.is(202);
        let job = answer.json();
        assert_eq!(
            (&job["name"], &job["length"], &job["status"]),
            (&json!("demo"), &json!(10), &json!("submitted"))
        );
        assert_eq!(answer.header("location"), job["links"]["self"].as_str());
        let claimed = service.claim(job["id"].as_str().unwrap()).await;
        assert_eq!(claimed.request.sequence.as_str(), "MKVLTAYGKL", "{media}");
    }
}

#[tokio::test]
async fn the_body_has_the_fields_of_the_contract() {
    let service = service();
    let answer = service.post("/v1/jobs", "text/plain", "MK").await.is(202);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(answer.header("etag").is_some());
    let job = answer.json();
    let id = job["id"].as_str().unwrap().to_owned();
    let text = answer.text().replace(&id, "[id]");
    insta::assert_json_snapshot!(serde_json::from_str::<serde_json::Value>(&text).unwrap());
}

#[tokio::test]
async fn no_content_type_and_gzip() {
    let service = service();
    service.ask("POST", "/v1/jobs").raw("MKVLT").send().await.is(202);
    let packed = gzip(b">a\nMKVLT\n");
    let answer = service
        .ask("POST", "/v1/jobs")
        .header("content-encoding", "gzip")
        .body("text/x-fasta", packed)
        .send()
        .await
        .is(202);
    assert_eq!(answer.json()["name"], "a");
}

#[tokio::test]
async fn force_accepts_text_that_looks_like_nucleotides() {
    let service = service();
    let dna = "ACGT".repeat(10);
    let refused = service.post("/v1/jobs", "text/plain", dna.clone()).await.problem(422, "invalid-input");
    assert_eq!(refused["errors"][0]["code"], "nucleotide");
    service.post("/v1/jobs?force=true", "text/plain", dna.clone()).await.is(202);
    let body = json!({ "sequence": dna, "options": { "force": true } });
    service.post("/v1/jobs", "application/json", body.to_string()).await.is(202);
}

#[tokio::test]
async fn names_are_one_line_and_bounded() {
    let service = service();
    let body = json!({ "sequence": "MKVLT", "name": " a\nb\t" });
    assert_eq!(
        service.post("/v1/jobs", "application/json", body.to_string()).await.is(202).json()["name"],
        "a b"
    );
    let body = json!({ "sequence": "MKVLT", "name": "n".repeat(1001) });
    let problem =
        service.post("/v1/jobs", "application/json", body.to_string()).await.problem(413, "too-large");
    assert_eq!(problem["limit"], json!({ "name": "max_name_bytes", "value": 1000 }));
}
