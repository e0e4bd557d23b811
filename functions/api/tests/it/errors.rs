//! Errors: problems in the v1 API, text in the classic API, each with its request id; a store that fails;
//! panics.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pssp_api::Config;
use pssp_jobs::memory::MemoryBackend;
use pssp_jobs::{
    Backend, Capabilities, Change, Created, Depth, IdempotencyKey, Include, Job, JobId, JobStore, ListQuery,
    ManualClock, Page, Record, ResultKey, StoreError, Submission, Timestamp,
};

use crate::support::{Service, UNKNOWN_ID, service, service_over, service_with};

#[tokio::test]
async fn unknown_routes_and_verbs() {
    let service = service();
    service.get("/v1/nothing").await.problem(404, "not-found");
    service.get("/v1").await.problem(404, "not-found");
    let answer = service.ask("PUT", "/v1/jobs").send().await;
    let mut allowed: Vec<&str> = answer.header("allow").unwrap().split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
    answer.problem(405, "method-not-allowed");
    for (verb, path, status) in [("GET", "/nothing", 404), ("PUT", "/run", 405), ("POST", "/jobs", 405)] {
        let answer = service.ask(verb, path).send().await.is(status);
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(!answer.text().is_empty());
    }
}

#[tokio::test]
async fn harmless_request_ids_are_accepted() {
    let service = service();
    let given = service.ask("GET", "/healthz").header("x-request-id", "abc-123").send().await;
    assert_eq!(given.header("x-request-id"), Some("abc-123"));
    let long = "x".repeat(129);
    for bad in ["", "a b", "<script>", &*long] {
        let answer = service.ask("GET", "/v1/jobs/42").header("x-request-id", bad).send().await;
        assert_eq!(answer.header("x-request-id").unwrap().len(), 36);
        answer.problem(404, "not-found");
    }
}

#[tokio::test]
async fn errors_of_unparsable_bodies_name_the_place() {
    let service = service();
    for (body, line, column) in [
        ("{\"sequence\": \"MKVLT\",\n \"nam\": \"x\"}", 2, 6),
        ("{\"sequence\": 42}", 1, 15),
        ("{\"name\": \"x\"}", 1, 13),
        ("", 1, 1),
        ("[1", 1, 1),
    ] {
        let answer = service.post("/v1/jobs", "application/json", body).await;
        let problem = answer.problem(400, "unparsable");
        let place = (problem["errors"][0]["line"].as_u64(), problem["errors"][0]["column"].as_u64());
        assert_eq!(place, (Some(line), Some(column)), "{body}: {problem}");
    }
}

#[tokio::test]
async fn unknown_media_types_are_refused() {
    let service = service();
    for (media, encoding) in [
        ("image/png", ""),
        ("application/octet-stream", ""),
        ("text/plain; charset=utf-16", ""),
        ("text/plain", "br"),
        ("text/plain", "gzip, gzip"),
    ] {
        let ask = service.ask("POST", "/v1/jobs").header("content-encoding", encoding).body(media, "MKVLT");
        let problem = ask.send().await.problem(415, "unsupported-media-type");
        assert!(problem["detail"].as_str().unwrap().contains("application/json"));
    }
}

#[tokio::test]
async fn errors_do_not_repeat_much_of_the_input() {
    let service = service();
    let long = "x".repeat(100_000);
    let wrong_type = format!("{{\"sequence\": {{\"{long}\": 1}}}}");
    let unknown = format!("{{\"{long}\": 1}}");
    for (path, media, body) in [
        ("/v1/jobs".to_owned(), "application/json", wrong_type),
        ("/v1/jobs".to_owned(), "application/json", unknown),
        (
            "/v1/jobs".to_owned(),
            "application/json",
            format!("{{\"sequence\": \"MKVLT\", \"options\": \"{long}\"}}"),
        ),
        ("/v1/jobs".to_owned(), "text/plain", format!("?{long}")),
        (format!("/v1/jobs?force={}", &long[..5000]), "text/plain", "MKVLT".to_owned()),
        ("/v1/jobs".to_owned(), &*format!("a/{}", &long[..5000]), "MKVLT".to_owned()),
    ] {
        let answer = service.post(&path, media, body).await;
        assert!(answer.status.is_client_error());
        assert!(answer.body.len() < 4_000, "{} bytes", answer.body.len());
    }
}

// --- a store that fails ------------------------------------------------------------------------

/// How the store [`Failing`] fails on every call.
#[derive(Clone, Copy)]
enum Fault {
    Unavailable,
    Corrupt,
    Hangs,
    Panics,
}

struct Failing(Fault);

impl Failing {
    async fn fail<T>(&self) -> Result<T, StoreError> {
        match self.0 {
            Fault::Unavailable => Err(StoreError::Unavailable("connection to 10.0.0.7 refused".into())),
            Fault::Corrupt => Err(StoreError::Corrupt("record of 10.0.0.7 is rubbish".into())),
            Fault::Hangs => std::future::pending().await,
            Fault::Panics => panic!("the driver of 10.0.0.7 panicked"),
        }
    }
}

#[async_trait]
impl JobStore for Failing {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "failing",
            max_create: 10,
            max_result_bytes: 10,
            resend_after: Duration::ZERO,
            settles_messages: true,
        }
    }

    async fn create(&self, submissions: &[Submission]) -> Vec<Result<Created<JobId>, StoreError>> {
        let outcome: Result<Created<JobId>, StoreError> = self.fail().await;
        assert_eq!(submissions.len(), 1);
        vec![outcome]
    }

    async fn read(&self, _: JobId, _: Include) -> Result<Option<Record>, StoreError> {
        self.fail().await
    }

    async fn get_many(&self, _: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        self.fail().await
    }

    async fn job_of_key(&self, _: &IdempotencyKey) -> Result<Option<JobId>, StoreError> {
        self.fail().await
    }

    async fn reusable(&self, _: &[ResultKey]) -> Result<Vec<Option<JobId>>, StoreError> {
        self.fail().await
    }

    async fn apply(&self, _: &Change) -> Result<(), StoreError> {
        self.fail().await
    }

    async fn delete(&self, _: JobId) -> Result<bool, StoreError> {
        self.fail().await
    }

    async fn list(&self, _: &ListQuery) -> Result<Page<Job, JobId>, StoreError> {
        self.fail().await
    }

    async fn overdue(&self, _: Timestamp, _: Duration, _: usize) -> Result<Vec<JobId>, StoreError> {
        self.fail().await
    }

    async fn purge(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        self.fail().await
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        self.fail().await
    }

    async fn owned(&self, _: &pssp_jobs::Owner) -> Result<u64, StoreError> {
        self.fail().await
    }

    async fn room(&self) -> Result<Option<pssp_jobs::Room>, StoreError> {
        self.fail().await
    }

    async fn time(&self) -> Result<Option<Timestamp>, StoreError> {
        self.fail().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.fail().await
    }
}

fn failing(fault: Fault) -> Service {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    let memory = Backend::of(Arc::new(MemoryBackend::new(clock.clone())));
    service_over(Backend { store: Arc::new(Failing(fault)), ..memory }, clock, Config::default())
}

async fn every_way_to_fail(fault: Fault, status: u16, kind: &str) {
    let service = failing(fault);
    let job = format!("/v1/jobs/{UNKNOWN_ID}");
    for (verb, path) in [
        ("POST", "/v1/jobs"),
        ("GET", "/v1/jobs"),
        ("GET", &*job),
        ("DELETE", &*job),
        ("GET", &*format!("{job}/events")),
        ("GET", &*format!("{job}/result")),
    ] {
        let problem = service.ask(verb, path).body("text/plain", "MKVLT").send().await.problem(status, kind);
        assert!(!problem.to_string().contains("10.0.0.7"), "{problem}");
    }
    let answer = service.get("/jobs").await.is(status);
    assert!(!answer.text().contains("10.0.0.7"));
}

#[tokio::test]
async fn an_unavailable_store_is_a_retryable_error() {
    every_way_to_fail(Fault::Unavailable, 503, "unavailable").await;
}

#[tokio::test]
async fn a_damaged_store_is_an_internal_error() {
    every_way_to_fail(Fault::Corrupt, 500, "internal").await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_does_not_block_requests() {
    every_way_to_fail(Fault::Hangs, 503, "timeout").await;
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    every_way_to_fail(Fault::Panics, 500, "internal").await;
}

#[tokio::test(start_paused = true)]
async fn health_readiness_and_status_without_a_store() {
    for fault in [Fault::Unavailable, Fault::Corrupt, Fault::Hangs] {
        let service = failing(fault);
        service.get("/healthz").await.is(200);
        let ready = service.get("/readyz").await.is(503);
        assert_eq!(ready.header("retry-after"), Some("5"));
        let status = service.get("/v1/status").await.is(200).json();
        assert_eq!((&status["status"], &status["queue"]), (&"degraded".into(), &serde_json::Value::Null));
        service.get("/metrics").await.is(200);
    }
}

#[tokio::test]
async fn requests_beyond_the_load_limit_are_refused() {
    let service = service_with(Config { max_in_flight: 0, ..Config::default() });
    let problem = service.get("/v1/limits").await.problem(503, "overloaded");
    assert_eq!(problem["retryable"], true);
    let service = service_with(Config { max_buffered_bytes: 8192, ..Config::default() });
    service.post("/v1/jobs", "text/plain", "MKVLT").await.is(202);
    service.post("/v1/jobs", "text/plain", "M".repeat(9000)).await.problem(503, "overloaded");
    service.post("/v1/jobs", "text/plain", "MKVLT").await.is(202);
}

#[tokio::test]
async fn a_refusal_before_the_body_is_read_announces_the_end_of_the_connection() {
    let service = service();
    let odd = service.ask("POST", "/v1/jobs").body("image/png", "MKVLT").send().await.is(415);
    assert_eq!(odd.header("connection"), Some("close"));
    let verb = service.ask("PUT", "/v1/jobs").body("text/plain", "MKVLT").send().await.is(405);
    assert_eq!(verb.header("connection"), Some("close"));
    assert_eq!(
        service.get("/v1/nothing").await.is(404).header("connection"),
        None,
        "the request has no body"
    );
    let read = service.post("/v1/jobs", "text/plain", "MK?").await.is(422);
    assert_eq!(read.header("connection"), None, "the body was read");
}
