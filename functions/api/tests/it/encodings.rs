//! Encodings of bodies: byte-order marks, UTF-16, charsets, gzip with padding.

use serde_json::json;

use crate::support::{gzip, service};

const JOB: &str = r#"{"sequence": "MKVLT"}"#;
const LIST: &str = r#"[{"sequence": "MKVLT"}]"#;

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2], bom: bool) -> Vec<u8> {
    let bom = bom.then_some(0xfeff);
    bom.into_iter().chain(text.encode_utf16()).flat_map(bytes).collect()
}

#[tokio::test]
async fn json_may_begin_with_a_byte_order_mark() {
    let service = service();
    for (path, text) in [("/v1/jobs", JOB), ("/v1/validate", JOB), ("/run", JOB), ("/v1/batches", LIST)] {
        let answer = service.post(path, "application/json", format!("\u{feff}{text}")).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn json_in_another_encoding_is_named() {
    let service = service();
    for (path, text) in [("/v1/jobs", JOB), ("/v1/batches", LIST)] {
        for bom in [true, false] {
            for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
                let answer = service.post(path, "application/json", utf16(text, bytes, bom)).await;
                let problem = answer.problem(400, "unparsable");
                let error = &problem["errors"][0];
                assert_eq!(error["code"], "bad_encoding", "{problem}");
                assert_eq!(error["detail"], "the body is UTF-16", "{problem}");
                assert!(error["hint"].as_str().unwrap().contains("UTF-8"), "{problem}");
            }
        }
        let utf32: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        let problem = service.post(path, "application/json", utf32).await.problem(400, "unparsable");
        assert_eq!(problem["errors"][0]["detail"], "the body is UTF-32");
    }
}

#[tokio::test]
async fn other_charsets_are_accepted_if_the_text_is_ascii() {
    let service = service();
    for charset in ["ISO-8859-1", "\"iso-8859-15\"", "windows-1252", "latin1", "US-ASCII"] {
        for (media, body) in [
            ("text/plain", "MKVLT"),
            ("application/json", JOB),
            ("application/x-www-form-urlencoded", "seq=MKVLT"),
        ] {
            let media = format!("{media}; charset={charset}");
            service.post("/v1/jobs", &media, body).await.is(202);
        }
    }
    let latin = b">prot\xe9ine\nMKVLT\n".to_vec();
    let problem = service
        .post("/v1/jobs", "text/plain; charset=ISO-8859-1", latin)
        .await
        .problem(415, "unsupported-media-type");
    assert!(problem["detail"].as_str().unwrap().contains("iso-8859-1"), "{problem}");
    service
        .post("/v1/jobs", "text/plain; charset=utf-16", "MKVLT")
        .await
        .problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn zeros_after_gzip_are_skipped_as_padding() {
    let service = service();
    let zeros = vec![0; 512];
    let (a, b) = (gzip(b">a\nMKVLT\n"), gzip(b">b\nMKVLT\n"));
    for (body, total) in [
        ([&a[..], &zeros].concat(), 1),
        ([&a[..], &b, &zeros].concat(), 2),
        ([&a[..], &zeros, &b].concat(), 2),
    ] {
        let batch = service.post("/v1/batches", "application/gzip", body).await.is(202).json();
        assert_eq!(batch["total"], total);
    }
    let garbage = [&a[..], b"garbage"].concat();
    let problem = service.post("/v1/batches", "application/gzip", garbage).await.problem(400, "unparsable");
    assert_eq!(problem["errors"][0]["code"], "bad_gzip");
}

#[tokio::test]
async fn an_unknown_field_of_a_record_is_named() {
    let service = service();
    let body = r#"[{"id": "P1", "sequence": "MKVLT"}, {"name": "P2", "sequence": "MKVLT"}, {"sequence": 5}]"#;
    let batch = service.post("/v1/batches", "application/json", body).await.is(202).json();
    let error = &batch["rejected"][0]["errors"][0];
    assert_eq!(error["record"], 1);
    assert_eq!(error["detail"], "the field \"id\" is unknown");
    assert!(error["hint"].as_str().unwrap().contains("name"), "{error}");
    assert_eq!(batch["rejected"][1]["errors"][0]["detail"], "the field \"sequence\" is not text");
    let only = r#"[{"id": "P1", "sequence": "MKVLT"}]"#;
    let problem = service.post("/v1/batches", "application/json", only).await.problem(422, "invalid-input");
    let place = json!([problem["errors"][0]["record"], problem["errors"][0]["detail"]]);
    assert_eq!(place, json!([1, "the field \"id\" is unknown"]));
    let single = service.post("/v1/jobs", "application/json", r#"{"id": "P1", "sequence": "MKVLT"}"#).await;
    assert!(single.problem(400, "unparsable")["errors"][0]["detail"].as_str().unwrap().contains("`id`"));
}
