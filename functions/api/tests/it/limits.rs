//! Limits on bodies: errors name the limit, and large bodies are refused before they need much memory.

use axum::body::Body;
use futures::stream;
use pssp_api::Config;
use serde_json::json;

use crate::support::{gzip, service, service_with};

#[tokio::test]
async fn ten_thousand_residues_and_one_more() {
    let service = service();
    service.post("/v1/jobs", "text/plain", "M".repeat(10_000)).await.is(202);
    let answer = service.post("/v1/jobs", "text/plain", "M".repeat(10_001)).await;
    let problem = answer.problem(422, "invalid-input");
    assert_eq!(problem["errors"][0]["code"], "too_long");
    let answer = service
        .post("/run", "application/x-www-form-urlencoded", format!("seq={}", "M".repeat(10_001)))
        .await;
    assert!(answer.is(400).text().contains("10000"));
}

#[tokio::test]
async fn a_large_body_is_refused_by_its_announced_length() {
    let service = service();
    for (path, name, value) in [
        ("/v1/jobs", "max_body_bytes", 1 << 20),
        ("/v1/batches", "max_batch_bytes", 32 << 20),
        ("/v1/validate", "max_body_bytes", 1 << 20),
    ] {
        let ask = service
            .ask("POST", path)
            .header("content-length", "67108864")
            .body("text/plain", panicking_body());
        let problem = ask.send().await.problem(413, "too-large");
        assert_eq!(problem["limit"], json!({ "name": name, "value": value }));
    }
    let ask =
        service.ask("POST", "/run").header("content-length", "67108864").body("text/plain", panicking_body());
    assert!(ask.send().await.is(413).text().contains("max_body_bytes"));
}

/// A body that panics when it is read.
fn panicking_body() -> Body {
    Body::from_stream(stream::once(async { panic!("the body was read") as Result<&str, std::io::Error> }))
}

#[tokio::test]
async fn a_streamed_body_is_refused_at_the_limit() {
    let service = service();
    let read = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = read.clone();
    let pieces = stream::iter(0..1024).map_counting(counter);
    service.post("/v1/jobs", "text/plain", Body::from_stream(pieces)).await.problem(413, "too-large");
    let pieces = read.load(std::sync::atomic::Ordering::SeqCst);
    assert!(pieces <= 18, "{pieces} pieces of 64 KiB were read for a limit of 16");
}

trait MapCounting: futures::Stream<Item = i32> + Sized + Send + 'static {
    /// Pieces of 64 KiB, counted when they are read.
    fn map_counting(
        self,
        counter: std::sync::Arc<std::sync::atomic::AtomicUsize>,
    ) -> impl futures::Stream<Item = Result<Vec<u8>, std::io::Error>> + Send + 'static {
        futures::StreamExt::map(self, move |_| {
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Ok(vec![b'M'; 64 << 10])
        })
    }
}

impl<S: futures::Stream<Item = i32> + Send + 'static> MapCounting for S {}

#[tokio::test]
async fn a_gzip_bomb_stops_at_the_limit() {
    let service = service_with(Config { max_batch_bytes: 1 << 20, ..Config::default() });
    let bomb = gzip(&vec![b'M'; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    for path in ["/v1/jobs", "/v1/batches", "/v1/validate"] {
        let answer = service
            .ask("POST", path)
            .header("content-encoding", "gzip")
            .body("text/plain", bomb.clone())
            .send()
            .await;
        let problem = answer.problem(413, "too-large");
        assert!(problem["detail"].as_str().unwrap().contains("unpacked"));
    }
}

#[tokio::test]
async fn broken_gzip() {
    let service = service();
    let mut cut = gzip(b">a\nMKVLTAYGKLMKVLTAYGKL\n");
    cut.truncate(cut.len() - 9);
    for body in [cut, b"MKVLT".to_vec(), Vec::new()] {
        let answer = service
            .ask("POST", "/v1/jobs")
            .header("content-encoding", "gzip")
            .body("text/plain", body)
            .send()
            .await;
        assert!(matches!(answer.status.as_u16(), 400 | 422), "{}", answer.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_is_refused() {
    let service = service();
    let pieces = futures::StreamExt::chain(stream::iter([Ok::<_, std::io::Error>("MKV")]), stream::pending());
    service.post("/v1/jobs", "text/plain", Body::from_stream(pieces)).await.problem(408, "slow-body");
}

#[tokio::test]
async fn a_body_that_breaks_off_makes_no_job() {
    let service = service();
    let pieces = stream::iter([Ok("MKVLT"), Err(std::io::Error::other("reset"))]);
    service.post("/v1/jobs", "text/plain", Body::from_stream(pieces)).await.problem(400, "unparsable");
    assert_eq!(service.get("/v1/jobs").await.json()["jobs"], json!([]));
}
