//! The events of a worker, distinguished by their shape.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The type of the events that submit a job (`detail-type` of EventBridge, `type` of CloudEvents).
pub const SUBMIT: &str = "pssp.job.submit";

/// The known forms, for error texts.
const EXPECTED: &str = "expected a batch of SQS (Records with eventSource aws:sqs), a schedule (detail-type \
                        Scheduled Event), or an EventBridge event or CloudEvent 1.0 of type pssp.job.submit";

/// An event of a worker.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Messages of the queue.
    Messages(Vec<Record>),
    /// A schedule that asks for a sweep.
    Sweep,
    /// A job to be submitted.
    Submit(Submit),
}

/// One message of the queue.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The id of the message; names it in the response.
    pub message_id: String,
    /// The receipt handle, with which the message is settled.
    #[serde(default)]
    pub receipt_handle: String,
    /// The body.
    #[serde(default)]
    pub body: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attributes {
    approximate_receive_count: String,
}

impl Record {
    /// How often the message was delivered, this delivery included.
    #[must_use]
    pub fn receives(&self) -> u32 {
        self.attributes.approximate_receive_count.parse().unwrap_or(1)
    }
}

/// An event that submits a job.
#[derive(Debug, PartialEq, Eq)]
pub struct Submit {
    /// The id of the event, unique for its source. A repeated delivery has the same id.
    pub id: String,
    /// The sender of the event.
    pub source: String,
    /// The requested job.
    pub data: Value,
}

/// An event of no known form.
#[derive(Debug, thiserror::Error)]
#[error("{what}; {EXPECTED}")]
pub struct Unknown {
    what: String,
}

fn unknown<T>(what: impl Into<String>) -> Result<T, Unknown> {
    Err(Unknown { what: what.into() })
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// If the event has no known form. The text lists the known forms.
    pub fn read(event: Value) -> Result<Self, Unknown> {
        let Value::Object(mut event) = event else { return unknown("this event is no object") };
        if let Some(records) = event.remove("Records") {
            return messages(records);
        }
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        if event.contains_key("specversion") {
            return match (text("specversion"), text("type")) {
                (version, SUBMIT) if version.starts_with("1.") => submit(&event, "data"),
                (version, kind) => unknown(format!("CloudEvent {version:?} of type {kind:?}")),
            };
        }
        match (text("source"), text("detail-type")) {
            ("aws.events" | "aws.scheduler", "Scheduled Event") => Ok(Self::Sweep),
            (_, SUBMIT) => submit(&event, "detail"),
            ("", "") => unknown("an event of unknown shape"),
            (source, kind) => unknown(format!("an event of {source:?} with detail-type {kind:?}")),
        }
    }
}

fn messages(records: Value) -> Result<Event, Unknown> {
    let sources = records.as_array().into_iter().flatten().map(|record| &record["eventSource"]);
    if let Some(other) = sources.into_iter().find(|source| *source != "aws:sqs") {
        return unknown(format!("records of {other}"));
    }
    match serde_json::from_value(records) {
        Ok(records) => Ok(Event::Messages(records)),
        Err(error) => unknown(format!("records that cannot be read ({error})")),
    }
}

fn submit(event: &Map<String, Value>, data: &str) -> Result<Event, Unknown> {
    let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
    match (text("id"), text("source"), event.get(data)) {
        (Some(id), Some(source), Some(data @ Value::Object(_))) => {
            Ok(Event::Submit(Submit { id, source, data: data.clone() }))
        }
        _ => unknown(format!("{SUBMIT} without id, source or an object {data}")),
    }
}
