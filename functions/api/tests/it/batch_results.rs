//! `GET /v1/batches/{id}/results`.

use std::io::Read;

use pssp_predict::format::{FORMATS, Format};
use serde_json::{Value, json};

use crate::support::{Service, service};

const FASTA: &str = ">a\nMKVLT\n>bad\n?\n>b\nTESTTEST\n>c\nMKVLT\n>d\nAYGKL\n";

/// Makes a batch with these records: finished, rejected, failed, waiting, finished. Returns its path.
async fn mixed(service: &Service) -> String {
    let batch = service.post("/v1/batches", "text/x-fasta", FASTA).await.is(202).json();
    let list = service.get("/v1/jobs").await.json();
    let id = |name: &str| {
        let job = list["jobs"].as_array().unwrap().iter().find(|j| j["name"] == name);
        job.unwrap()["id"].as_str().unwrap().to_owned()
    };
    service.work(&id("a")).await;
    service.fail(&id("b")).await;
    service.work(&id("d")).await;
    batch["links"]["results"].as_str().unwrap().to_owned()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn ndjson_has_every_record_in_the_order_of_the_input() {
    let service = service();
    let path = mixed(&service).await;
    let answer = service.get(&path).await.is(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let lines = lines(answer.text());
    let found: Vec<Value> = lines.iter().map(|l| json!([l["index"], l["name"], l["status"]])).collect();
    let expected = json!([
        [0, "a", "finished"],
        [1, "bad", "rejected"],
        [2, "b", "failed"],
        [3, "c", "submitted"],
        [4, "d", "finished"]
    ]);
    assert_eq!(json!(found), expected);
    assert_eq!(lines[0]["result"]["sequence"], "MKVLT");
    assert_eq!(lines[0]["result"]["id"], lines[0]["id"]);
    assert_eq!(lines[1]["errors"][0]["code"], "invalid_character");
    assert_eq!(lines[2]["error"]["class"], "method");
}

#[tokio::test]
async fn files_wait_for_the_last_record_unless_partial() {
    let service = service();
    let path = mixed(&service).await;
    let formats = FORMATS.iter().filter(|format| **format != Format::Ndjson);
    for format in formats.map(|format| format.extension()) {
        assert_eq!(
            service.get(&format!("{path}.{format}")).await.problem(409, "not-ready")["retryable"],
            true
        );
    }
    let partial = service.get(&format!("{path}.tsv?partial=true")).await.is(200);
    assert_eq!(partial.header("pssp-skipped"), Some("3"));
    service.work_all().await;
    let table = service.get(&format!("{path}.tsv")).await.is(200);
    assert_eq!(table.header("pssp-skipped"), Some("2"));
    let ids: Vec<&str> = table.text().lines().map(|l| l.split('\t').next().unwrap()).collect();
    assert_eq!(ids, [&["id"][..], &["a"; 5], &["c"; 5], &["d"; 5]].concat());
}

#[tokio::test]
async fn formats_by_accept_query_and_suffix() {
    let service = service();
    let path = mixed(&service).await;
    service.work_all().await;
    let fasta = service.ask("GET", &path).header("accept", "text/x-fasta").send().await.is(200);
    let queried = service.get(&format!("{path}?format=fasta")).await.is(200);
    let suffixed = service.get(&format!("{path}.fasta")).await.is(200);
    assert!(fasta.text().starts_with(">a\nMKVLT\n"));
    assert_eq!((fasta.text(), fasta.text()), (queried.text(), suffixed.text()));
    let list = service.get(&format!("{path}.json")).await.is(200).json();
    assert_eq!(list.as_array().unwrap().len(), 3);
    service.get(&format!("{path}?format=pdf")).await.problem(406, "not-acceptable");
    service.ask("GET", &path).header("accept", "image/png").send().await.problem(406, "not-acceptable");
}

/// Chains are those of the records, whichever have a result: b is the third record, and failed.
#[tokio::test]
async fn structures_have_a_chain_for_each_record() {
    let service = service();
    let path = mixed(&service).await;
    service.work_all().await;
    let text = service.get(&format!("{path}.defattr")).await.is(200).text().to_owned();
    let named = |text: &str| {
        let comments = text.lines().filter_map(|line| line.strip_prefix("# residues 1 to 5 of "));
        comments.map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(named(&text), "/A /D /E");
    let text = service.get(&format!("{path}.defattr?chain=L,x,x,H,P")).await.is(200).text().to_owned();
    assert_eq!(named(&text), "/L /H /P");
    let problem = service.get(&format!("{path}.pml?chain=A,B,C")).await.problem(400, "unparsable");
    assert!(problem["detail"].as_str().unwrap().starts_with("3 chains for 5 sequences"), "{problem}");
}

#[tokio::test]
async fn compressed_answers_are_complete() {
    let service = service();
    let path = mixed(&service).await;
    service.work_all().await;
    for path in [path.clone(), format!("{path}.fasta"), format!("{path}.json")] {
        let plain = service.get(&path).await.is(200);
        let packed = service.ask("GET", &path).header("accept-encoding", "gzip").send().await.is(200);
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&*packed.body).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.text());
    }
}

#[tokio::test]
async fn deleted_records_have_the_status_gone() {
    let service = service();
    let path = mixed(&service).await;
    let id = lines(service.get(&path).await.text())[4]["id"].as_str().unwrap().to_owned();
    service.ask("DELETE", &format!("/v1/jobs/{id}")).send().await.is(204);
    let lines = lines(service.get(&path).await.text());
    assert_eq!((&lines[4]["status"], &lines[4]["id"]), (&json!("gone"), &json!(id)));
}

#[tokio::test]
async fn a_full_batch_streams_in_order() {
    let service = service();
    let fasta: String = (0..1000).map(|i| format!(">r{i}\nMKVLTAYGKL\n")).collect();
    let batch = service.post("/v1/batches", "text/x-fasta", fasta).await.is(202).json();
    service.work_all().await;
    let answer = service.get(batch["links"]["results"].as_str().unwrap()).await.is(200);
    let names: Vec<String> =
        lines(answer.text()).iter().map(|l| l["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, (0..1000).map(|i| format!("r{i}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_unreadable_result_breaks_the_answer_off() {
    use http_body_util::BodyExt;
    let service = service();
    let batch = service.post("/v1/batches", "text/x-fasta", ">a\nMKVLT\n").await.is(202).json();
    let id = service.get("/v1/jobs").await.json()["jobs"][0]["id"].as_str().unwrap().to_owned();
    let job = service.claim(&id).await;
    service.jobs.finish(&job, bytes::Bytes::from_static(b"rubbish")).await.unwrap();
    let response = service.ask("GET", batch["links"]["results"].as_str().unwrap()).begin().await;
    assert_eq!(response.status(), 200);
    assert!(response.into_body().collect().await.is_err());
}
