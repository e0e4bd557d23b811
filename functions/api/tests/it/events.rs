//! `GET /v1/jobs/{id}/events`.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures::StreamExt;
use http::Response;
use serde_json::Value;

use crate::support::{Service, service};

/// One received event: `(id, event, data)`, or a comment.
#[derive(Debug, PartialEq)]
enum Received {
    Event(String, String, Value),
    Comment,
}

struct Listener(BodyDataStream);

impl Listener {
    async fn new(service: &Service, id: &str, seen: Option<&str>) -> Self {
        let ask = service.ask("GET", &format!("/v1/jobs/{id}/events"));
        let ask = if let Some(seen) = seen { ask.header("last-event-id", seen) } else { ask };
        let response: Response<Body> = ask.begin().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self(response.into_body().into_data_stream())
    }

    async fn next(&mut self) -> Option<Received> {
        let chunk = self.0.next().await?.unwrap();
        let text = std::str::from_utf8(&chunk).unwrap();
        assert!(text.ends_with("\n\n"), "{text:?}");
        if text.starts_with(':') {
            return Some(Received::Comment);
        }
        let field = |name: &str| {
            text.lines().find_map(|l| Some(l.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
        };
        let data = serde_json::from_str(&field("data").unwrap()).unwrap();
        Some(Received::Event(field("id").unwrap_or_default(), field("event").unwrap(), data))
    }

    /// The id of the next event and the status in its data.
    async fn status(&mut self) -> (String, String) {
        match self.next().await {
            Some(Received::Event(id, event, data)) => {
                assert_eq!(event, "status");
                (id, data["status"].as_str().unwrap().to_owned())
            }
            other => panic!("{other:?}"),
        }
    }
}

fn event(id: &str) -> (String, String) {
    (id.to_owned(), id.split('-').next().unwrap().to_owned())
}

#[tokio::test]
async fn every_state_is_sent_once_and_then_the_stream_ends() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let mut listener = Listener::new(&service, &id, None).await;
    assert_eq!(listener.status().await, event("submitted-0"));
    let job = service.claim(&id).await;
    assert_eq!(listener.status().await, event("running-1"));
    service.finish(&job).await;
    assert_eq!(listener.status().await, event("finished-1"));
    assert_eq!(listener.next().await, None);
}

#[tokio::test]
async fn a_reconnection_gets_no_duplicates() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let job = service.claim(&id).await;
    let mut listener = Listener::new(&service, &id, Some("running-1")).await;
    service.jobs.heartbeat(&job).await.unwrap(); // a change without an event
    service.finish(&job).await;
    assert_eq!(listener.status().await, event("finished-1"));
    assert_eq!(listener.next().await, None);

    let mut late = Listener::new(&service, &id, Some("submitted-0")).await;
    assert_eq!(late.status().await, event("finished-1"));
    let path = format!("/v1/jobs/{id}/events");
    service.ask("GET", &path).header("last-event-id", "finished-1").send().await.is(204);
}

#[tokio::test]
async fn the_first_event_says_when_to_reconnect() {
    let service = service();
    let id = service.submit("MKVLT").await;
    service.work(&id).await;
    let answer = service.get(&format!("/v1/jobs/{id}/events")).await.is(200);
    assert!(
        answer.text().contains("retry:2000") || answer.text().contains("retry: 2000"),
        "{}",
        answer.text()
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_events_sends_heartbeats() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let mut listener = Listener::new(&service, &id, None).await;
    listener.status().await;
    for _ in 0..3 {
        let since = tokio::time::Instant::now();
        assert_eq!(listener.next().await, Some(Received::Comment));
        assert_eq!(since.elapsed(), Duration::from_secs(15));
    }
}

#[tokio::test]
async fn deletion_and_shutdown_end_the_stream() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let mut listener = Listener::new(&service, &id, None).await;
    listener.status().await;
    service.ask("DELETE", &format!("/v1/jobs/{id}")).send().await.is(204);
    assert!(matches!(listener.next().await, Some(Received::Event(_, event, _)) if event == "deleted"));
    assert_eq!(listener.next().await, None);

    let id = service.submit("MKVLT").await;
    let mut listener = Listener::new(&service, &id, None).await;
    listener.status().await;
    service.shutdown.cancel();
    assert_eq!(listener.next().await, None);
}
