//! `GET /v1/jobs/{id}/result`: formats, content negotiation, and jobs without a result.

use bytes::Bytes;
use pssp_predict::format::FORMATS;

use crate::support::{Service, service};

async fn finished(service: &Service) -> String {
    let id = service.submit(">demo\nTESTTESTTEST\n").await;
    service.work(&id).await;
    id
}

#[tokio::test]
async fn by_suffix() {
    let service = service();
    let id = finished(&service).await;
    for format in FORMATS {
        let answer = service.get(&format!("/v1/jobs/{id}/result.{}", format.extension())).await.is(200);
        assert_eq!(answer.header("content-type"), Some(format.media_type()));
        let disposition = format!("inline; filename=\"{id}.{}\"", format.extension());
        assert_eq!(answer.header("content-disposition"), Some(&*disposition));
        let method = format!("pssp-test 1 sha256:{}", "0".repeat(64));
        assert_eq!(answer.header("x-pssp-method"), Some(&*method));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    service.get(&format!("/v1/jobs/{id}/result.pdf")).await.problem(404, "not-found");
}

#[tokio::test]
async fn by_query() {
    let service = service();
    let id = finished(&service).await;
    for format in FORMATS {
        let extension = format.extension();
        let path = format!("/v1/jobs/{id}/result?format={extension}");
        let answer = service.ask("GET", &path).header("accept", "application/json").send().await.is(200);
        assert_eq!(answer.header("content-type"), Some(format.media_type()));
        let by_suffix = service.get(&format!("/v1/jobs/{id}/result.{extension}")).await.is(200);
        assert_eq!(answer.body, by_suffix.body, "{extension}");
    }
    service.get(&format!("/v1/jobs/{id}/result?format=pdf")).await.problem(406, "not-acceptable");
}

#[tokio::test]
async fn by_accept() {
    let service = service();
    let id = finished(&service).await;
    let path = format!("/v1/jobs/{id}/result");
    for (accept, media) in [
        ("*/*", "application/json"),
        ("text/csv", "text/csv; charset=utf-8; header=present"),
        ("text/x-fasta;q=0.5, text/tab-separated-values", "text/tab-separated-values; charset=utf-8"),
        ("text/plain", "text/plain; charset=utf-8"),
    ] {
        let answer = service.ask("GET", &path).header("accept", accept).send().await.is(200);
        assert_eq!(answer.header("content-type"), Some(media));
        assert_eq!(
            answer.header("vary").map(str::to_ascii_lowercase).as_deref().map(|v| v.contains("accept")),
            Some(true)
        );
    }
    assert_eq!(service.get(&path).await.is(200).json()["id"], id);
    service.ask("GET", &path).header("accept", "image/png").send().await.problem(406, "not-acceptable");
    let suffix_wins =
        service.ask("GET", &format!("{path}.json")).header("accept", "text/csv").send().await.is(200);
    assert_eq!(suffix_wins.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn the_classic_text_has_its_eight_lines() {
    let service = service();
    let id = finished(&service).await;
    let text = service.get(&format!("/v1/jobs/{id}/result.txt")).await.is(200);
    insta::assert_snapshot!(text.text().replace(&id, "[id]"));
}

#[tokio::test]
async fn json_has_everything() {
    let service = service();
    let id = finished(&service).await;
    let result = service.get(&format!("/v1/jobs/{id}/result")).await.is(200).json();
    assert_eq!(result["properties"]["ss3"]["labels"], "CCCCCCCCCCCC");
    assert_eq!(result["properties"]["ss3"]["confidence"], "999999999999");
    assert_eq!((&result["name"], &result["method"]["name"]), (&"demo".into(), &"pssp-test".into()));
}

#[tokio::test]
async fn formats_that_find_a_sequence_by_its_name_have_the_name_of_the_caller() {
    let service = service();
    let id = finished(&service).await;
    for (extension, start) in [
        ("gff3", "##gff-version 3\n##sequence-region demo 1 12\ndemo\t"),
        ("bed", "#chrom\t"),
        ("jalview", "JALVIEW_ANNOTATION\n"),
    ] {
        let text = service.get(&format!("/v1/jobs/{id}/result.{extension}")).await.is(200).text().to_owned();
        assert!(text.starts_with(start), "{text}");
        assert!(text.contains("demo\t") && !text.contains(&id), "{text}");
    }
    let unnamed = service.submit("TESTTESTTEST").await;
    service.work(&unnamed).await;
    let gff3 = service.get(&format!("/v1/jobs/{unnamed}/result.gff3")).await.is(200);
    assert!(gff3.text().contains(&format!("\n##sequence-region {unnamed} 1 12\n")), "{}", gff3.text());
}

#[tokio::test]
async fn a_structure_is_coloured_where_the_query_says() {
    let service = service();
    let id = finished(&service).await;
    let path = format!("/v1/jobs/{id}/result.defattr");
    let everywhere = service.get(&path).await.is(200);
    assert!(everywhere.text().contains("\n\t:1\t\"C\"\n"), "{}", everywhere.text());
    let told = service.get(&format!("{path}?chain=B&first_residue=27")).await.is(200);
    assert!(
        told.text().contains("\n\t/B:27\t\"C\"\n") && told.text().contains("\n\t/B:38\t"),
        "{}",
        told.text()
    );
    assert_ne!(everywhere.header("etag"), told.header("etag"), "they are two forms of the result");
    let script = service.get(&format!("/v1/jobs/{id}/result?format=pml&chain=B")).await.is(200);
    assert!(script.text().contains("    \"chain\": \"B\",\n    \"first\": None,\n"));
    for (query, expected) in [
        ("chain=A-B", "\"A-B\" is no id of a chain; one has 1 to 8 letters, digits or _"),
        ("chain=A,B", "2 chains for 1 sequence; give one for each"),
        ("first_residue=x", "\"x\" is no number of a residue; give a whole number from -9999"),
    ] {
        let etag = everywhere.header("etag").unwrap();
        let answer =
            service.ask("GET", &format!("{path}?{query}")).header("if-none-match", etag).send().await;
        let problem = answer.problem(400, "unparsable");
        assert!(problem["detail"].as_str().unwrap().contains(expected), "{problem}");
    }
    service.get(&format!("/v1/jobs/{id}/result?chain=A-B")).await.problem(400, "unparsable");
    service.get(&format!("/v1/jobs/{id}/result.tsv?chain=A-B")).await.is(200);
}

#[tokio::test]
async fn not_ready_is_retryable_and_failed_is_not() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let path = format!("/v1/jobs/{id}/result");
    assert_eq!(service.get(&path).await.problem(409, "not-ready")["retryable"], true);
    service.fail(&id).await;
    let problem = service.get(&path).await.problem(409, "no-result");
    assert_eq!(problem["retryable"], false);
    assert_eq!(problem["error"], serde_json::json!({ "class": "method", "detail": "the method gave up" }));
}

#[tokio::test]
async fn a_damaged_result_is_an_internal_error_without_details() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let job = service.claim(&id).await;
    service.jobs.finish(&job, Bytes::from_static(b"secret rubbish")).await.unwrap();
    for what in ["result", "result.txt", "plot.svg"] {
        let problem = service.get(&format!("/v1/jobs/{id}/{what}")).await.problem(500, "internal");
        assert!(!problem.to_string().contains("rubbish"));
    }
    service.get(&format!("/jobs/{id}")).await.is(500);
}
