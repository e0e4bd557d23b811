//! Forms: several parts, empty parts, compressed parts.

use serde_json::{Value, json};

use crate::support::{Answer, Service, gzip, service, service_with};

/// A multipart form with these fields.
fn multipart(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend_from_slice(
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}.fa\"\r\n\r\n")
                .as_bytes(),
        );
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    body
}

async fn send(service: &Service, path: &str, fields: &[(&str, &[u8])]) -> Answer {
    service.post(path, "multipart/form-data; boundary=b", multipart(fields)).await
}

async fn urlencoded(service: &Service, path: &str, form: &str) -> Answer {
    service.post(path, "application/x-www-form-urlencoded", form.to_owned()).await
}

/// The name and the input of all jobs, in the order of submission.
async fn jobs(service: &Service) -> Vec<(Option<String>, String)> {
    let list = service.get("/v1/jobs").await.is(200).json();
    let mut jobs = Vec::new();
    for job in list["jobs"].as_array().unwrap().iter().rev() {
        let id = job["id"].as_str().unwrap();
        let input = service.get(&format!("/jobs/{id}")).await.json()["input"].as_str().unwrap().to_owned();
        jobs.push((job["name"].as_str().map(str::to_owned), input));
    }
    jobs
}

fn named(jobs: &[(Option<String>, String)]) -> Vec<(&str, &str)> {
    jobs.iter().map(|(name, input)| (name.as_deref().unwrap_or("-"), input.trim())).collect()
}

#[tokio::test]
async fn the_records_of_a_batch_are_in_the_order_of_the_parts() {
    let (a, b, bare): (&[u8], &[u8], &[u8]) = (b">a\nMKVLT\n>b\nAYGKL", b">c\nTESTTEST\n", b"MKVLW");
    let packed = gzip(b);
    for (fields, expected) in [
        (vec![("seq", a), ("seq", b)], vec![("a", "MKVLT"), ("b", "AYGKL"), ("c", "TESTTEST")]),
        (vec![("seq", b), ("sequence", a)], vec![("c", "TESTTEST"), ("a", "MKVLT"), ("b", "AYGKL")]),
        (vec![("seq", bare), ("seq", bare)], vec![("-", "MKVLW"), ("-", "MKVLW")]),
        (vec![("seq", a), ("seq", bare)], vec![("a", "MKVLT"), ("b", "AYGKL"), ("-", "MKVLW")]),
        (vec![("seq", b""), ("seq", b" \r\n"), ("seq", b)], vec![("c", "TESTTEST")]),
        (vec![("seq", &packed), ("seq", a)], vec![("c", "TESTTEST"), ("a", "MKVLT"), ("b", "AYGKL")]),
    ] {
        let service = service();
        let batch = send(&service, "/v1/batches", &fields).await.is(202).json();
        assert_eq!(batch["total"], expected.len());
        assert_eq!(named(&jobs(&service).await), expected);
    }
    let service = service();
    urlencoded(&service, "/v1/batches", "seq=MKVLT&seq=&seq=%3Ex%0AAYGKL").await.is(202);
    assert_eq!(named(&jobs(&service).await), [("-", "MKVLT"), ("x", "AYGKL")]);
}

#[tokio::test]
async fn records_are_counted_over_all_parts_and_lines_in_each_part() {
    let service = service();
    let fields: [(&str, &[u8]); 3] =
        [("seq", b">a\nMKVLT\n"), ("seq", b"\n>a\nMK?LT\n"), ("seq", b"MKVLW\n")];
    let batch = send(&service, "/v1/batches", &fields).await.is(202).json();
    assert_eq!(batch["rejected"][0]["index"], 1);
    let error = &batch["rejected"][0]["errors"][0];
    assert_eq!(json!([error["record"], error["line"], error["column"]]), json!([2, 3, 3]));
    assert!(error["detail"].as_str().unwrap().starts_with("in part 2 of the form, "), "{error}");
    let ids: Vec<Value> = service.get("/v1/jobs").await.json()["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["links"]["self"].clone())
        .collect();
    let last = service.get(ids[0].as_str().unwrap()).await.json();
    assert_eq!(last["warnings"][0]["message"], "record 3 has no id");
}

#[tokio::test]
async fn an_id_of_an_earlier_part_is_a_duplicate() {
    let service = service();
    let part: &[u8] = b">a\nMKVLT\n";
    send(&service, "/v1/batches", &[("seq", part), ("seq", part)]).await.is(202);
    let list = service.get("/v1/jobs").await.json();
    let job = service.get(list["jobs"][0]["links"]["self"].as_str().unwrap()).await.json();
    assert_eq!(job["warnings"][0]["code"], "duplicate_id", "{job}");
}

#[tokio::test]
async fn a_single_sequence_is_one_part() {
    let service = service();
    let (one, none, blank): (&[u8], &[u8], &[u8]) = (b"MKVLT", b"", b"\r\n");
    for path in ["/v1/jobs", "/v1/validate", "/run"] {
        for fields in [vec![("seq", none), ("seq", one)], vec![("seq", one), ("sequence", blank)]] {
            assert!(send(&service, path, &fields).await.status.is_success(), "{path} {fields:?}");
        }
        let packed = gzip(b">z\nMKVLT\n");
        assert!(send(&service, path, &[("seq", &packed)]).await.status.is_success(), "{path}");
    }
    for (path, form) in [("/v1/jobs", "seq=MKVLT&seq=AYGKL"), ("/v1/validate", "seq=MKVLT&sequence=MKVLT")] {
        let problem = urlencoded(&service, path, form).await.problem(422, "invalid-input");
        assert_eq!(problem["errors"][0]["code"], "several_records");
        assert!(problem["errors"][0]["hint"].as_str().unwrap().contains("/v1/batches"));
    }
    let classic = urlencoded(&service, "/run", "seq=MKVLT&seq=AYGKL").await.is(400);
    assert!(classic.text().contains("/v1/batches"), "{}", classic.text());
    assert!(urlencoded(&service, "/run", "seq=&seq=").await.is(400).text().contains("no sequence"));
    urlencoded(&service, "/v1/batches", "seq=&seq=").await.problem(422, "invalid-input");
    urlencoded(&service, "/v1/batches", "other=MKVLT").await.problem(400, "unparsable");
}

#[tokio::test]
async fn all_compressed_parts_together_must_be_within_the_limit() {
    let config = pssp_api::Config { max_batch_bytes: 64 << 10, ..pssp_api::Config::default() };
    let service = service_with(config);
    let half = gzip(format!(">a\n{}\n", "M".repeat(40 << 10)).as_bytes());
    let problem = send(&service, "/v1/batches", &[("seq", &half), ("seq", &half)]).await;
    assert_eq!(problem.problem(413, "too-large")["limit"]["name"], "max_batch_bytes");
    let broken = &half[..half.len() - 4];
    let problem = send(&service, "/v1/batches", &[("seq", broken)]).await.problem(400, "unparsable");
    assert_eq!(problem["errors"][0]["code"], "bad_gzip");
}
