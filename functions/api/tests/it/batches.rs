//! `POST /v1/batches` and `GET /v1/batches/{id}`.

use pssp_api::Config;
use serde_json::{Value, json};

use crate::support::{UNKNOWN_ID, gzip, service, service_with};

const MIXED: &str = ">a first\nMKVLTAYG\n>b\nMK?LT\n>a again\nMKVLT\n>\nTESTTESTTEST\n";

#[tokio::test]
async fn a_bad_record_does_not_refuse_the_batch() {
    let service = service();
    let answer = service.post("/v1/batches", "text/x-fasta", MIXED).await.is(202);
    let batch = answer.json();
    let id = batch["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), Some(&*format!("/v1/batches/{id}")));
    assert_eq!(answer.header("retry-after"), Some("1"));
    let body: Value = serde_json::from_str(&answer.text().replace(id, "[id]")).unwrap();
    insta::assert_json_snapshot!(body);
}

#[tokio::test]
async fn duplicate_and_missing_ids_are_kept_with_a_warning() {
    let service = service();
    service.post("/v1/batches", "text/x-fasta", MIXED).await.is(202);
    let list = service.get("/v1/jobs").await.json();
    let mut found = Vec::new();
    for job in list["jobs"].as_array().unwrap().iter().rev() {
        let job = service.get(job["links"]["self"].as_str().unwrap()).await.is(200).json();
        let codes: Vec<Value> =
            job["warnings"].as_array().unwrap().iter().map(|w| w["code"].clone()).collect();
        found.push(json!([job["name"], codes]));
    }
    assert_eq!(json!(found), json!([["a", []], ["a", ["duplicate_id"]], [null, ["missing_id"]]]));
}

#[tokio::test]
async fn every_form_makes_the_same_batch() {
    let service = service();
    let list = json!([{ "name": "a", "sequence": "MKVLT" }, { "name": "b" }, { "sequence": ">c\nMKVLT" }, { "name": "d", "sequence": "MK?" }]);
    let object = json!({ "records": list, "options": { "force": true } });
    let fasta = ">a\nMKVLT\n>b\n>c\nMKVLT\n>d\nMK?\n";
    let form = format!("seq={}", fasta.replace('\n', "%0D%0A").replace('>', "%3E"));
    for (media, encoding, body) in [
        ("application/json", None, list.to_string().into_bytes()),
        ("application/json", None, object.to_string().into_bytes()),
        ("text/plain", None, fasta.as_bytes().to_vec()),
        ("text/x-fasta", Some("gzip"), gzip(fasta.as_bytes())),
        ("application/gzip", None, gzip(fasta.as_bytes())),
        ("application/x-www-form-urlencoded", None, form.into_bytes()),
    ] {
        let mut ask = service.ask("POST", "/v1/batches").body(media, body);
        if let Some(encoding) = encoding {
            ask = ask.header("content-encoding", encoding);
        }
        let batch = ask.send().await.is(202).json();
        assert_eq!((&batch["total"], &batch["counts"]["submitted"]), (&json!(4), &json!(2)), "{media}");
        let places = |r: &Value| json!([r["index"], r["name"], r["errors"][0]["record"]]);
        let rejected: Vec<Value> = batch["rejected"].as_array().unwrap().iter().map(places).collect();
        assert_eq!(json!(rejected), json!([[1, "b", 2], [3, "d", 4]]), "{media}");
    }
}

#[tokio::test]
async fn gzip_of_several_members_is_read_to_its_end() {
    let service = service();
    let body = [gzip(b">a\nMKVLT\n"), gzip(b">b\nMKVLT\n")].concat();
    let batch = service.post("/v1/batches", "application/gzip", body).await.is(202).json();
    assert_eq!(batch["total"], 2);
}

#[tokio::test]
async fn a_batch_without_a_valid_record_is_refused_with_all_errors() {
    let service = service();
    let problem =
        service.post("/v1/batches", "text/x-fasta", ">a\nMK?LT\n>b\n\n").await.problem(422, "invalid-input");
    let places: Vec<Value> =
        problem["errors"].as_array().unwrap().iter().map(|e| json!([e["record"], e["code"]])).collect();
    assert_eq!(json!(places), json!([[1, "invalid_character"], [2, "empty_sequence"]]));
    for (media, body) in [("text/x-fasta", ""), ("application/json", "[]"), ("text/plain", " \n")] {
        service.post("/v1/batches", media, body).await.problem(422, "invalid-input");
    }
    assert_eq!(service.get("/v1/jobs").await.json()["jobs"], json!([]));
}

#[tokio::test]
async fn the_number_of_records_is_limited() {
    let service = service_with(Config { max_batch_records: 3, ..Config::default() });
    let records = |n: usize| ">r\nMKVLT\n".repeat(n);
    service.post("/v1/batches", "text/x-fasta", records(3)).await.is(202);
    let problem = service.post("/v1/batches", "text/x-fasta", records(4)).await.problem(413, "too-large");
    assert_eq!(problem["limit"], json!({ "name": "max_batch_records", "value": 3 }));
    assert_eq!(problem["errors"][0]["line"], 7);
    let list = json!(vec![json!({ "sequence": "MKVLT" }); 4]);
    service.post("/v1/batches", "application/json", list.to_string()).await.problem(413, "too-large");
    let absurd = format!("[{}{{}}]", "{},".repeat(100_000));
    service.post("/v1/batches", "application/json", absurd).await.problem(400, "unparsable");
}

#[tokio::test]
async fn counts_follow_the_jobs() {
    let service = service();
    let fasta = ">a\nMKVLT\n>b\nMKVLT\n>c\nMKVLT\n>d\nMKVLT\n>e\nMKVLT\n>f\n?\n";
    let path =
        service.post("/v1/batches", "text/x-fasta", fasta).await.is(202).json()["links"]["self"].clone();
    let path = path.as_str().unwrap();
    let list = service.get("/v1/jobs").await.json();
    let ids: Vec<&str> = list["jobs"].as_array().unwrap().iter().map(|j| j["id"].as_str().unwrap()).collect();
    service.work(ids[0]).await;
    service.fail(ids[1]).await;
    service.ask("POST", &format!("/v1/jobs/{}/cancel", ids[2])).send().await.is(202);
    service.ask("DELETE", &format!("/v1/jobs/{}", ids[3])).send().await.is(204);
    let running = service.claim(ids[4]).await;
    let counts = |running: u8, finished: u8| json!({ "submitted": 0, "running": running, "finished": finished, "failed": 1, "cancelled": 1, "gone": 1, "rejected": 1 });
    let batch = service.get(path).await.is(200).json();
    assert_eq!((&batch["status"], &batch["counts"]), (&json!("running"), &counts(1, 1)));
    service.finish(&running).await;
    let answer = service.get(path).await.is(200);
    assert_eq!(answer.header("retry-after"), None);
    let batch = answer.json();
    assert_eq!((&batch["status"], &batch["counts"]), (&json!("finished"), &counts(0, 2)));
}

#[tokio::test]
async fn rejected_records_come_in_pages() {
    let service = service();
    let fasta = format!(">good\nMKVLT\n{}", ">bad\n?\n".repeat(5));
    let batch = service.post("/v1/batches", "text/x-fasta", fasta).await.is(202).json();
    let path = batch["links"]["self"].as_str().unwrap();
    let (mut cursor, mut indexes) = (json!(0), Vec::new());
    while !cursor.is_null() {
        let page = service.get(&format!("{path}?limit=2&cursor={cursor}")).await.is(200).json();
        indexes.extend(page["rejected"].as_array().unwrap().iter().map(|r| r["index"].clone()));
        cursor = page["rejected_next"].clone();
    }
    assert_eq!(json!(indexes), json!([1, 2, 3, 4, 5]));
}

#[tokio::test]
async fn unknown_batches() {
    let service = service();
    for id in [UNKNOWN_ID, "42"] {
        service.get(&format!("/v1/batches/{id}")).await.problem(404, "not-found");
        service.get(&format!("/v1/batches/{id}/results")).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn an_entry_of_a_list_that_is_not_a_record_is_refused_alone() {
    let service = service();
    let list = json!([{ "sequence": "MKVLT" }, null, { "sequence": 5 }, "MKVLT", { "sequence": "MKVLW" }]);
    let batch = service.post("/v1/batches", "application/json", list.to_string()).await.is(202).json();
    assert_eq!(batch["counts"]["submitted"], 2);
    let refused: Vec<Value> =
        batch["rejected"].as_array().unwrap().iter().map(|r| r["index"].clone()).collect();
    assert_eq!(json!(refused), json!([1, 2, 3]));
    assert_eq!(batch["rejected"][1]["errors"][0]["code"], "invalid_record");
    assert_eq!(batch["rejected"][1]["errors"][0]["record"], 3);
}
