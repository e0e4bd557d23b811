//! What is cheap to read: tags of results, counts of batches, readiness and depth, and what caches may keep.

use std::sync::Arc;

use pssp_api::Config;
use pssp_jobs::contract::counting::{Counting, Counts};
use pssp_jobs::memory::MemoryBackend;
use pssp_jobs::{Backend, ManualClock, Timestamp};

use crate::support::{Service, service, service_over};

fn counted() -> (Service, Arc<Counts>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    let (backend, counts) = Counting::wrap(&Backend::of(Arc::new(MemoryBackend::new(clock.clone()))));
    (service_over(backend, clock, Config::default()), counts)
}

#[tokio::test]
async fn a_result_that_the_caller_has_is_not_sent_again() {
    let (service, counts) = counted();
    let id = service.submit("MKVLTAYGKL").await;
    let forms = ["result", "result.json", "result.ss2", "plot.svg", "plot.png?kind=composition"];
    for form in forms {
        service.get(&format!("/v1/jobs/{id}/{form}")).await.is(409);
    }
    service.work(&id).await;
    let mut tags = std::collections::HashSet::new();
    for form in forms {
        let path = format!("/v1/jobs/{id}/{form}");
        let answer = service.get(&path).await.is(200);
        assert_eq!(answer.header("cache-control"), Some("private, max-age=604800"));
        let tag = answer.header("etag").unwrap().to_owned();
        counts.take_bytes();
        let known = service.ask("GET", &path).header("if-none-match", &tag).send().await.is(304);
        assert!(known.body.is_empty());
        assert_eq!((known.header("etag"), known.header("content-type")), (Some(tag.as_str()), None));
        assert!(counts.take_bytes() < 1000, "no result is read");
        service.ask("GET", &path).header("if-none-match", "\"other\"").send().await.is(200);
        tags.insert(tag);
    }
    assert_eq!(tags.len(), 4, "result and result.json are the same");
    // After half of its time, caches may keep it for the other half.
    service.clock.advance(std::time::Duration::from_hours(84));
    let answer = service.get(&format!("/v1/jobs/{id}/result.json")).await.is(200);
    assert_eq!(answer.header("cache-control"), Some("private, max-age=302400"));
    service.ask("DELETE", &format!("/v1/jobs/{id}")).send().await.is(204);
    let path = format!("/v1/jobs/{id}/result.json");
    service.ask("GET", &path).header("if-none-match", "*").send().await.problem(404, "not-found");
}

#[tokio::test]
async fn answers_tell_caches_what_they_depend_on() {
    let service = service();
    let id = service.submit("MKVLT").await;
    for path in ["/v1/jobs", &format!("/v1/jobs/{id}"), "/jobs"] {
        let answer = service.get(path).await.is(200);
        assert_eq!(answer.header("cache-control"), Some("private, no-cache"), "{path}");
        assert!(answer.header("vary").unwrap().contains("x-api-key"), "{path}");
    }
}

#[tokio::test]
async fn polling_a_batch_reads_the_jobs_that_may_change() {
    let (service, counts) = counted();
    let fasta: String = (0..50).map(|i| format!(">{i}\nMKVLT{}\n", "A".repeat(i))).collect();
    let batch = service.post("/v1/batches", "text/plain", fasta).await.is(202).json();
    let path = batch["links"]["self"].as_str().unwrap();
    service.work_all().await;
    let first = service.get(path).await.is(200).json();
    assert_eq!(first["counts"]["finished"], 50);
    counts.take_calls();
    counts.take_bytes();
    let again = service.get(path).await.is(200).json();
    assert_eq!(again, first);
    assert!(!counts.take_calls().contains(&"get_many"), "all have ended");
    service.get("/readyz").await.is(200);
    service.get("/v1/status").await.is(200);
    counts.take_calls();
    for path in ["/readyz", "/v1/status", "/metrics"].repeat(10) {
        service.get(path).await.is(200);
    }
    assert_eq!(counts.take_calls(), Vec::<&str>::new(), "they are known from a moment ago");
}
