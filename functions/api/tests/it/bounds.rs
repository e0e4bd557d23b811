//! Bounds on what one client may use: rates, wrong keys, slow bodies, streams, memory.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::body::Body;
use futures::{StreamExt, stream};
use http::{Request, Response, StatusCode};
use pssp_api::{Anonymous, ApiKey, Config, Gateway};
use pssp_jobs::Owner;
use tower::ServiceExt;

use crate::support::{Service, gzip, service_with};

const ANN: &str = "192.0.2.1";
const BOB: &str = "192.0.2.2";

/// Sends a request from an address.
async fn from(
    service: &Service,
    address: &str,
    request: http::request::Builder,
    body: Body,
) -> Response<Body> {
    let gateway = Gateway { peer: Some(address.parse().unwrap()), ..Gateway::default() };
    service.router.clone().oneshot(request.extension(gateway).body(body).unwrap()).await.unwrap()
}

async fn get(service: &Service, address: &str, path: &str) -> Response<Body> {
    from(service, address, Request::get(path), Body::empty()).await
}

async fn post(service: &Service, address: &str, path: &str, body: impl Into<Body>) -> Response<Body> {
    from(service, address, Request::post(path).header("content-type", "text/plain"), body.into()).await
}

fn header(answer: &Response<Body>, name: &str) -> String {
    answer.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap().to_owned()
}

#[tokio::test]
async fn requests_over_the_rate_are_refused_for_their_address_alone() {
    let service = service_with(Config {
        anonymous: Anonymous::Unlisted,
        rate: NonZeroU32::new(2),
        ..Config::default()
    });
    let first = get(&service, ANN, "/v1/jobs").await;
    assert_eq!(header(&first, "ratelimit-policy"), "\"requests\";q=20;w=10");
    assert_eq!(header(&first, "ratelimit"), "\"requests\";r=19;t=0");
    // A new token makes a new owner, but no new client.
    for token in 0..19 {
        let request =
            Request::get("/v1/jobs").header("x-pssp-client", format!("a-new-token-each-time-{token}"));
        assert_eq!(from(&service, ANN, request, Body::empty()).await.status(), StatusCode::OK);
    }
    for path in ["/v1/jobs", "/v1/limits", "/", "/v1/jobs/0190f3c4-7d1e-7c3b-9c55-6f1f2ab3c0de/result"] {
        let refused = get(&service, ANN, path).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert_eq!(header(&refused, "retry-after"), "1");
        assert!(header(&refused, "ratelimit").starts_with("\"requests\";r=0;t="));
    }
    assert_eq!(get(&service, BOB, "/v1/jobs").await.status(), StatusCode::OK);
    for probe in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(get(&service, ANN, probe).await.status(), StatusCode::OK, "{probe}");
    }
}

#[tokio::test]
async fn new_jobs_over_the_rate_are_refused_and_other_requests_are_not() {
    let service = service_with(Config {
        anonymous: Anonymous::Unlisted,
        job_rate: NonZeroU32::MIN.into(),
        max_batch_records: 10,
        ..Config::default()
    });
    let batch = ">a\nMKVLT\n".repeat(10);
    assert_eq!(post(&service, ANN, "/v1/batches", batch.clone()).await.status(), StatusCode::ACCEPTED);
    for (path, body) in [("/v1/batches", batch.as_str()), ("/v1/jobs", "MKVLT"), ("/run", "MKVLT")] {
        let request = match path {
            "/run" => Request::post(path).header("content-type", "application/x-www-form-urlencoded"),
            _ => Request::post(path),
        };
        let body = if path == "/run" { format!("seq={body}") } else { body.to_owned() };
        let refused = from(&service, ANN, request, body.into()).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert!(header(&refused, "retry-after").parse::<u32>().unwrap() >= 1);
    }
    assert_eq!(get(&service, ANN, "/v1/jobs").await.status(), StatusCode::OK);
    assert_eq!(post(&service, BOB, "/v1/jobs", "MKVLT").await.status(), StatusCode::ACCEPTED);
    assert_eq!(service.jobs.depth().await.unwrap().submitted, 11, "a refused batch makes no job");
}

#[tokio::test]
async fn who_tries_many_keys_is_slowed_down() {
    let key = ApiKey { owner: Owner::new("lab"), key: "lab-secret".to_owned() };
    let admin = ApiKey { owner: Owner::new("admin"), key: "admin-secret".to_owned() };
    let service = service_with(Config {
        api_keys: vec![key],
        admin_key: Some(admin),
        anonymous: Anonymous::Refused,
        ..Config::default()
    });
    let with = |key: String| Request::get("/v1/jobs").header("x-api-key", key);
    let lab = || with("lab-secret".to_owned());
    assert_eq!(from(&service, ANN, lab(), Body::empty()).await.status(), StatusCode::OK);
    for guess in 0..10 {
        let answer = from(&service, ANN, with(format!("guess-{guess}")), Body::empty()).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let notice = Request::delete("/v1/admin/notice").header("x-api-key", format!("guess-{guess}"));
        assert_eq!(from(&service, ANN, notice, Body::empty()).await.status(), StatusCode::UNAUTHORIZED);
    }
    let refused = from(&service, ANN, with("guess".to_owned()), Body::empty()).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    for address in [ANN, BOB] {
        let answer = from(&service, address, lab(), Body::empty()).await;
        assert_eq!(
            answer.status(),
            StatusCode::OK,
            "known from there, or from an address that does not guess"
        );
    }
    // A right guess is told no sooner than a wrong one.
    let guessed = Request::delete("/v1/admin/notice").header("x-api-key", "admin-secret");
    let answer = from(&service, ANN, guessed, Body::empty()).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_refused() {
    let service = service_with(Config::default());
    let trickle = stream::repeat("M").then(|byte| async move {
        tokio::time::sleep(Duration::from_secs(8)).await;
        Ok::<_, std::io::Error>(byte)
    });
    let pieces = stream::iter([Ok("M".repeat(1 << 20).into())])
        .chain(trickle.map(|byte| byte.map(bytes::Bytes::from)));
    let begun = tokio::time::Instant::now();
    let body = Body::from_stream(pieces);
    service.post("/v1/batches", "text/plain", body).await.problem(408, "slow-body");
    assert!(begun.elapsed() <= Duration::from_secs(20), "{:?}", begun.elapsed());
    // A slow body that is fast enough: 1 KiB a second.
    let steady = stream::iter(0..30).then(|_| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok::<_, std::io::Error>(format!(">a\n{}\n", "M".repeat(1 << 10)))
    });
    service.post("/v1/batches", "text/plain", Body::from_stream(steady)).await.is(202);
}

#[tokio::test]
async fn large_bodies_of_one_client_leave_room_for_others_and_for_small_ones() {
    let service = service_with(Config { max_buffered_bytes: 4 << 20, ..Config::default() });
    let mut held = Vec::new();
    // Each body is sent but for its end, so its memory stays taken.
    for address in [ANN, ANN, BOB, BOB] {
        let (sender, ended) = tokio::sync::oneshot::channel::<()>();
        let (read, all_read) = tokio::sync::oneshot::channel::<()>();
        let mut read = Some(read);
        let pieces = stream::iter(0..16).map(|_| Ok::<_, std::io::Error>("M".repeat(60_000).into()));
        let end = stream::once(async move {
            read.take().map(|read| read.send(()));
            let _ = ended.await;
            Ok(bytes::Bytes::new())
        });
        let request = Request::post("/v1/batches").header("content-type", "text/plain");
        let gateway = Gateway { peer: Some(address.parse().unwrap()), ..Gateway::default() };
        let request = request.extension(gateway).body(Body::from_stream(pieces.chain(end))).unwrap();
        let router = service.router.clone();
        held.push((sender, tokio::spawn(router.oneshot(request))));
        all_read.await.unwrap();
    }
    let large = || format!(">a\n{}\n", "M".repeat(9_000)).repeat(100);
    let refused = post(&service, ANN, "/v1/batches", large()).await;
    assert_eq!(
        refused.status(),
        StatusCode::SERVICE_UNAVAILABLE,
        "half of the memory is the most for one client"
    );
    assert_eq!(post(&service, "192.0.2.3", "/v1/jobs", "MKVLT").await.status(), StatusCode::ACCEPTED);
    for (end, task) in held {
        let _ = end.send(());
        // One sequence of a million residues is too long.
        assert_eq!(task.await.unwrap().unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(post(&service, ANN, "/v1/batches", large()).await.status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn streams_of_one_client_leave_room_for_others() {
    let service = service_with(Config { max_waits: 16, ..Config::default() });
    let id = service.submit("MKVLT").await;
    let path = format!("/v1/jobs/{id}/events");
    let held = [get(&service, ANN, &path).await, get(&service, ANN, &path).await];
    assert!(held.iter().all(|answer| answer.status() == StatusCode::OK));
    assert_eq!(get(&service, ANN, &path).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get(&service, BOB, &path).await.status(), StatusCode::OK);
    drop(held);
    assert_eq!(get(&service, ANN, &path).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_ends_after_a_while() {
    let service = service_with(Config::default());
    let id = service.submit("MKVLT").await;
    let begun = tokio::time::Instant::now();
    let answer = service.get(&format!("/v1/jobs/{id}/events")).await.is(200);
    assert_eq!(begun.elapsed(), Duration::from_mins(30));
    assert_eq!(answer.text().matches("event: status").count(), 1);
}

#[tokio::test]
async fn a_wait_and_a_stream_end_when_the_client_has_closed() {
    let service = service_with(Config::default());
    let id = service.submit("MKVLT").await;
    let (watch, closed) = pssp_common::PeerClosed::new();
    watch.tell();
    let ask = |path: String| {
        let request = Request::get(path).header("prefer", "wait=20").extension(closed.clone());
        service.router.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    let begun = std::time::Instant::now();
    let answer = ask(format!("/v1/jobs/{id}")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(!answer.headers().contains_key("preference-applied"));
    let stream = ask(format!("/v1/jobs/{id}/events")).await.unwrap();
    axum::body::to_bytes(stream.into_body(), 1 << 20).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(15), "neither waited");
}

#[tokio::test]
async fn gzip_of_very_many_members_is_refused() {
    let service = service_with(Config::default());
    let packed = gzip(b"").repeat(20_000);
    let ask = service.ask("POST", "/v1/batches").header("content-encoding", "gzip");
    let problem = ask.body("text/plain", packed).send().await.problem(400, "unparsable");
    assert!(problem["errors"][0]["detail"].as_str().unwrap().contains("members"), "{problem}");
}
