//! `GET /v1/jobs/{id}/plot.svg` and `.png`.

use crate::support::service;

#[tokio::test]
async fn both_pictures_in_both_forms() {
    let service = service();
    let id = service.submit("TESTTESTTEST").await;
    service.get(&format!("/v1/jobs/{id}/plot.svg")).await.problem(409, "not-ready");
    service.work(&id).await;
    for kind in ["", "?kind=tracks", "?kind=composition"] {
        let svg = service.get(&format!("/v1/jobs/{id}/plot.svg{kind}")).await.is(200);
        assert_eq!(svg.header("content-type"), Some("image/svg+xml"));
        assert!(svg.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert!(svg.text().contains("<svg"));
        assert_eq!(svg.text().contains("Amino Acid Frequency"), kind == "?kind=composition");
        let png = service.get(&format!("/v1/jobs/{id}/plot.png{kind}")).await.is(200);
        assert_eq!(png.header("content-type"), Some("image/png"));
        assert!(png.body.starts_with(b"\x89PNG"));
    }
    service.get(&format!("/v1/jobs/{id}/plot.svg?kind=pie")).await.problem(400, "unparsable");
    service.get(&format!("/v1/jobs/{id}/plot.gif")).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_name_is_escaped() {
    let service = service();
    let body = r#"{"sequence": "MKVLT", "name": "<script>alert(1)</script>"}"#;
    let job = service.post("/v1/jobs", "application/json", body).await.is(202).json();
    let id = job["id"].as_str().unwrap();
    service.work(id).await;
    assert!(!service.get(&format!("/v1/jobs/{id}/plot.svg")).await.is(200).text().contains("<script"));
}
