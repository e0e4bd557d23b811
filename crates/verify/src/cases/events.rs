//! `/v1/jobs/{id}/events`: the stream of a job's changes.

use std::io::BufReader;
use std::thread;
use std::time::{Duration, Instant};

use pssp_client::{ApiRequest, Event, Events};

use crate::answer::Answer;
use crate::check::{Check, submits};
use crate::probe::{CHAIN, Probe};
use crate::text::text;
use crate::verdict::{Verdict, ensure, equal};

pub(crate) const CHECKS: &[Check] = &[
    submits("the stream of a job ends with finished", stream),
    submits("Last-Event-ID goes on where a stream broke off", resume),
];

/// Pause before connecting again, shorter than the `retry` of the stream.
const RECONNECT: Duration = Duration::from_millis(200);

/// Follows the job to its end as a browser does: if a stream ends early, it connects again and continues after the last
/// event. A service behind a gateway that cannot stream answers with one event at a time.
fn events(p: &Probe, id: &str) -> Result<Vec<Event>, String> {
    let deadline = Instant::now() + p.job_timeout();
    let mut events: Vec<Event> = Vec::new();
    while !events.last().is_some_and(is_last) && Instant::now() < deadline {
        if !events.is_empty() {
            thread::sleep(RECONNECT);
        }
        let seen = events.iter().rev().find_map(|event| event.id.clone());
        events.extend(connect(p, id, seen)?);
    }
    Ok(events)
}

/// Whether no event follows.
fn is_last(event: &Event) -> bool {
    let job: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
    !matches!(text(&job, "status"), "submitted" | "running")
}

/// The events of one connection.
fn connect(p: &Probe, id: &str, seen: Option<String>) -> Result<Vec<Event>, String> {
    let path = format!("/v1/jobs/{id}/events");
    let mut api_request =
        ApiRequest::get(&path).header("accept", "text/event-stream").timeout(p.job_timeout());
    if let Some(seen) = seen {
        api_request = api_request.header("last-event-id", seen);
    }
    let response = p.stream(&api_request)?;
    if response.status() != 200 {
        Answer::read(format!("GET {path}"), response)?.expect(&[200])?;
        return Ok(Vec::new());
    }
    let media = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    ensure(media.starts_with("text/event-stream"), || format!("Content-Type is {media:?}"))?;
    let lines = BufReader::new(response.into_body().into_reader());
    Events::new(lines).collect::<Result<_, _>>().map_err(|e| {
        p.note_stuck();
        format!("the stream broke off before the job was done: {e}")
    })
}

fn stream(p: &Probe) -> Verdict {
    let id = p.new_job(CHAIN)?;
    let events = events(p, &id)?;
    let last = events.last().ok_or_else(|| "the stream ended without an event".to_owned())?;
    for event in &events {
        equal("event", &event.name.as_str(), &"status")?;
        ensure(event.id.is_some(), || "an event has no id".to_owned())?;
        let job: serde_json::Value =
            serde_json::from_str(&event.data).map_err(|e| format!("data is not JSON: {e}"))?;
        equal("id in data", &text(&job, "id"), &id.as_str())?;
    }
    let job: serde_json::Value = serde_json::from_str(&last.data).unwrap_or_default();
    equal("last status", &text(&job, "status"), &"finished")?;
    let read = p.get(&format!("/v1/jobs/{id}"))?.expect(&[200])?.json()?;
    Ok(equal("the job in the last event", &job, &read)?)
}

fn resume(p: &Probe) -> Verdict {
    let id = p.finished()?;
    let events = events(p, id)?;
    equal("events of a finished job", &events.len(), &1)?;
    let seen = events.first().and_then(|event| event.id.clone()).unwrap_or_default();
    let path = format!("/v1/jobs/{id}/events");
    let again = p.send(&ApiRequest::get(&path).header("last-event-id", seen))?;
    Ok(again.expect(&[204]).map(drop)?)
}
