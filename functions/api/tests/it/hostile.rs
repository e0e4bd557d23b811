//! Malformed and hostile input, and very many requests at once.

use std::collections::HashSet;

use futures::StreamExt;
use pssp_api::Config;

use crate::support::{service, service_with};

#[tokio::test]
async fn unusual_input_that_is_accepted() {
    let service = service();
    for (body, residues) in [
        ("\u{feff}>a\nMKVLT\n", 5),
        (">a\rMKVLT\rAYGKL\r", 10),
        (">a\r\nMKVLT\r\n", 5),
        ("M K\u{a0}V\u{200b}L-T.", 5),
        (">\nMKVLT", 5),
        ("MKVLT", 5),
    ] {
        let job = service.post("/v1/jobs", "text/x-fasta", body).await.is(202).json();
        assert_eq!(job["length"], residues, "{body:?}");
    }
}

#[tokio::test]
async fn input_that_is_refused() {
    let service = service();
    let binary: Vec<u8> = (0..=255).cycle().take(5000).collect();
    for body in [
        &b""[..],
        b" \n\t\r\n",
        b">",
        b">\n",
        b">>>>",
        b"MK\0LT",
        b"MK\xff\xfeLT",
        b"MK*LT",
        b"\xff\xfeM\0K\0",
        b"M\xd0\x9aV",
        b">a\nMKVLT\n>b\nMKVLT\n",
        &binary,
    ] {
        let problem =
            service.post("/v1/jobs", "text/plain", body.to_vec()).await.problem(422, "invalid-input");
        assert!(!problem["errors"].as_array().unwrap().is_empty(), "{body:?}: {problem}");
        let answer = service.post("/v1/batches", "text/plain", body.to_vec()).await;
        assert!(answer.status.is_client_error() || body.ends_with(b">b\nMKVLT\n"), "{body:?}");
    }
    assert_eq!(service.get("/jobs").await.json().as_object().unwrap().len(), 2);
}

/// No job is lost and no job is made twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_posts_at_once() {
    let service = service_with(Config::default());
    let posts: Vec<_> = (0..10_000).map(|_| service.post("/v1/jobs", "text/plain", "TESTTESTTEST")).collect();
    let ids: HashSet<String> = futures::future::join_all(posts)
        .await
        .into_iter()
        .map(|answer| answer.is(202).json()["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 10_000);
    let depth = service.jobs.depth().await.unwrap();
    assert_eq!(depth.submitted, 10_000);
}

/// With a limit on load each request gets a job or a refusal, and exactly the confirmed jobs exist.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_load_limit_every_post_gets_a_job_or_a_refusal() {
    let service = service_with(Config { max_in_flight: 8, ..Config::default() });
    let answers = futures::stream::iter(0..2_000)
        .map(|_| {
            let router = service.router.clone();
            tokio::spawn(async move {
                let request = http::Request::post("/v1/jobs").body(axum::body::Body::from("MKVLT")).unwrap();
                tower::ServiceExt::oneshot(router, request).await.unwrap()
            })
        })
        .buffer_unordered(500);
    let statuses: Vec<u16> = answers.map(|answer| answer.unwrap().status().as_u16()).collect().await;
    let accepted = statuses.iter().filter(|&&s| s == 202).count();
    let refused = statuses.iter().filter(|&&s| s == 503).count();
    assert_eq!(accepted + refused, 2_000);
    assert!(accepted > 0);
    assert_eq!(service.jobs.depth().await.unwrap().submitted, accepted as u64);
}
