//! A service for tests: a router, the memory backend, a clock that only tests move, and the steps of a worker.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use pssp_api::{App, Config};
use pssp_jobs::memory::MemoryBackend;
use pssp_jobs::service::{Claim, Claimed, Settled};
use pssp_jobs::{Backend, Failure, FailureClass, Job, JobId, Jobs, ManualClock, Policy, Timestamp};
use pssp_predict::{Method, PROPERTIES, Prediction, Sequence, Track};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub(crate) struct Service {
    pub(crate) router: Router,
    pub(crate) jobs: Jobs,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) shutdown: CancellationToken,
}

pub(crate) fn service() -> Service {
    service_with(Config::default())
}

pub(crate) fn service_with(config: Config) -> Service {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    let backend = Backend::of(Arc::new(MemoryBackend::new(clock.clone())));
    service_over(backend, clock, config)
}

pub(crate) fn service_over(backend: Backend, clock: Arc<ManualClock>, config: Config) -> Service {
    let jobs = Jobs::new(backend, clock.clone(), Policy::default()).unwrap();
    let app = App { config, methods: vec![method()].into(), ..App::new(jobs.clone()) };
    let shutdown = app.shutdown.clone();
    Service { router: pssp_api::router(app), jobs, clock, shutdown }
}

/// A complete answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// Checks that the answer is a problem with all required fields. Returns the body.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, kind: &str) -> Value {
        let answer = self.is(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let body = answer.json();
        assert_eq!(body["type"], format!("urn:pssp:problem:{kind}"), "{body}");
        assert_eq!(body["status"], status);
        assert_eq!(body["request_id"], answer.header("x-request-id").unwrap());
        assert_eq!(body["retryable"], answer.header("retry-after").is_some());
        assert!(body["title"].is_string() && body["detail"].is_string() && body["errors"].is_array());
        body
    }
}

/// A builder of a request.
pub(crate) struct ApiRequest<'a> {
    service: &'a Service,
    request: http::request::Builder,
    body: Body,
}

impl ApiRequest<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn body(mut self, media: &str, body: impl Into<Body>) -> Self {
        self.request = self.request.header("content-type", media);
        self.body = body.into();
        self
    }

    pub(crate) fn raw(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) async fn begin(self) -> Response<Body> {
        let request: Request<Body> = self.request.body(self.body).unwrap();
        self.service.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(self) -> Answer {
        let (parts, body) = self.begin().await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

impl Service {
    pub(crate) fn ask(&self, verb: &str, path: &str) -> ApiRequest<'_> {
        let request = Request::builder().method(verb).uri(path);
        ApiRequest { service: self, request, body: Body::empty() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).send().await
    }

    pub(crate) async fn post(&self, path: &str, media: &str, body: impl Into<Body>) -> Answer {
        self.ask("POST", path).body(media, body).send().await
    }

    /// Submits a sequence and returns its job's id.
    pub(crate) async fn submit(&self, sequence: &str) -> String {
        let answer = self.post("/v1/jobs", "text/plain", sequence.to_owned()).await.is(202);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    // --- the worker --------------------------------------------------------------------------

    pub(crate) async fn claim(&self, id: &str) -> Claimed {
        match self.jobs.claim(id.parse().unwrap()).await.unwrap() {
            Claim::Claimed(job) => *job,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn finish(&self, job: &Claimed) {
        let result = prediction(&job.request.sequence).encode();
        assert!(matches!(self.jobs.finish(job, result.into()).await.unwrap(), Settled::Done(_)));
    }

    /// Claims and finishes one job.
    pub(crate) async fn work(&self, id: &str) {
        let job = self.claim(id).await;
        self.finish(&job).await;
    }

    /// Claims one job and fails it.
    pub(crate) async fn fail(&self, id: &str) {
        let job = self.claim(id).await;
        let failure = Failure::new(FailureClass::Method, "the method gave up");
        self.jobs.fail(&job, failure).await.unwrap();
    }

    /// Claims and finishes all queued jobs.
    pub(crate) async fn work_all(&self) {
        let receiver = self.jobs.receiver().unwrap();
        loop {
            let deliveries = receiver.receive(100, Duration::ZERO, Duration::from_secs(60)).await.unwrap();
            if deliveries.is_empty() {
                return;
            }
            for delivery in deliveries {
                let message = pssp_jobs::Message::decode(&delivery.body).unwrap();
                if let Claim::Claimed(job) = self.jobs.claim(message.job).await.unwrap() {
                    self.finish(&job).await;
                }
                receiver.ack(delivery.receipt).await.unwrap();
            }
        }
    }

    pub(crate) async fn job(&self, id: &str) -> Option<Job> {
        let id: JobId = id.parse().unwrap();
        self.jobs.get(id).await.unwrap()
    }
}

pub(crate) fn method() -> Method {
    Method {
        name: "pssp-test".to_owned(),
        version: "1".to_owned(),
        sha256: "0".repeat(64),
        citation: "nobody, 2026".to_owned(),
    }
}

/// A prediction in which all residues are coil, loop, exposed, ordered and soluble.
pub(crate) fn prediction(sequence: &Sequence) -> Prediction {
    let n = sequence.len();
    let letters = *b"CLE.__";
    let track = |(&property, letter): (&pssp_predict::Property, u8)| {
        let classes = property.alphabet();
        let columns = classes.iter().map(|c| vec![if c.letter == letter { 1000 } else { 0 }; n]).collect();
        Track { property, labels: vec![letter; n], columns }
    };
    let tracks = PROPERTIES.iter().zip(letters).map(track).collect();
    Prediction::new(method(), tracks, vec![500; n]).unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A valid id without a job or batch.
pub(crate) const UNKNOWN_ID: &str = "0190f3c4-7d1e-7c3b-9c55-6f1f2ab3c0de";
