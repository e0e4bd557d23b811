//! The SQS event source of a function: receives batches, invokes, and deletes what succeeded.
//!
//! As on AWS with `ReportBatchItemFailures` and a batching window of zero: what an invocation does not report as
//! failed is deleted, what it reports stays hidden until its visibility ends, and a failed invocation leaves its
//! whole batch so. Departure from AWS: as many pollers as the maximum concurrency from the start, where AWS begins
//! with few and adds more while messages wait.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::JsonClient;
use crate::runtime::{Function, InvokeError};

/// Events of more bytes are split, as Lambda cannot take them.
const LARGEST_EVENT: usize = crate::runtime::LARGEST_REQUEST;
/// What a record has beside its body, at most, in bytes.
const RECORD_FRAME: usize = 2048;
/// Pause after a failed receive.
const PAUSE: Duration = Duration::from_millis(500);

/// What to read, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Endpoint of SQS.
    pub endpoint: String,
    /// The queue.
    pub queue_url: String,
    /// ARN of the queue, as events name it.
    pub queue_arn: String,
    /// Region, as events name it.
    pub region: String,
    /// Messages in an event, 1 to 10.
    pub batch_size: usize,
    /// Invocations at a time, 2 to 1000.
    pub maximum_concurrency: usize,
}

/// A running event source; it ends when it is dropped.
#[derive(Debug)]
pub struct EventSource {
    _pollers: JoinSet<()>,
}

impl EventSource {
    /// Starts to feed `function`.
    ///
    /// # Errors
    /// When a figure is outside of what AWS takes.
    pub fn start(options: Options, function: &Function) -> Result<Self, String> {
        if !(1..=10).contains(&options.batch_size) {
            return Err(format!("batch size must be 1 to 10, not {}", options.batch_size));
        }
        if !(2..=1000).contains(&options.maximum_concurrency) {
            return Err(format!(
                "maximum concurrency must be 2 to 1000, not {}",
                options.maximum_concurrency
            ));
        }
        let mut pollers = JoinSet::new();
        for _ in 0..options.maximum_concurrency {
            pollers.spawn(poll(options.clone(), JsonClient::new(&options.endpoint), function.clone()));
        }
        Ok(Self { _pollers: pollers })
    }
}

async fn poll(options: Options, sqs: JsonClient, function: Function) {
    let request = json!({
        "QueueUrl": options.queue_url,
        "MaxNumberOfMessages": options.batch_size,
        "WaitTimeSeconds": 20,
        "MessageSystemAttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    });
    loop {
        let received = match sqs.call("AmazonSQS.ReceiveMessage", &request).await {
            Ok(received) => received,
            Err(error) => {
                tracing::warn!(%error, "event source: cannot receive");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let messages = received["Messages"].as_array().cloned().unwrap_or_default();
        for batch in split(&messages) {
            handle(&options, &sqs, &function, batch).await;
        }
    }
}

/// Batches whose events are small enough.
fn split(messages: &[Value]) -> Vec<&[Value]> {
    let size = |message: &Value| message["Body"].to_string().len() + RECORD_FRAME;
    let (mut batches, mut start, mut total) = (Vec::new(), 0, 0);
    for (index, message) in messages.iter().enumerate() {
        if total + size(message) > LARGEST_EVENT && index > start {
            batches.push(&messages[start..index]);
            (start, total) = (index, 0);
        }
        total += size(message);
    }
    batches.extend((start < messages.len()).then(|| &messages[start..]));
    batches
}

async fn handle(options: &Options, sqs: &JsonClient, function: &Function, batch: &[Value]) {
    let ids: Vec<&str> = batch.iter().filter_map(|message| message["MessageId"].as_str()).collect();
    let answer = function.invoke(event(options, batch).to_string().into()).await;
    let done = match succeeded(&ids, &answer) {
        Ok(done) => done,
        Err(reason) => {
            tracing::warn!(messages = ids.len(), "event source: batch failed: {reason}");
            return;
        }
    };
    if done.len() < ids.len() {
        tracing::warn!(failed = ids.len() - done.len(), of = ids.len(), "event source: some messages failed");
    }
    delete(options, sqs, batch, &done).await;
}

/// The event for `batch`, received messages as SQS writes them.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
#[must_use]
pub fn event(options: &Options, batch: &[Value]) -> Value {
    let records: Vec<Value> = batch
        .iter()
        .map(|message| {
            json!({
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": message_attributes(&message["MessageAttributes"]),
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": options.queue_arn,
                "awsRegion": options.region,
            })
        })
        .collect();
    json!({ "Records": records })
}

/// Attributes in an event begin in lower case and have two lists that are never used.
fn message_attributes(attributes: &Value) -> Value {
    let attributes = attributes.as_object().into_iter().flatten();
    let shown = attributes.map(|(name, value)| {
        let mut shown = json!({
            "dataType": value["DataType"], "stringListValues": [], "binaryListValues": [],
        });
        for (from, to) in [("StringValue", "stringValue"), ("BinaryValue", "binaryValue")] {
            if !value[from].is_null() {
                shown[to] = value[from].clone();
            }
        }
        (name.clone(), shown)
    });
    Value::Object(shown.collect())
}

/// Which of the batch's messages are done with, or why none is.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html> lists the cases.
///
/// # Errors
/// The reason why the whole batch counts as failed.
pub fn succeeded<'a>(ids: &[&'a str], answer: &Result<Bytes, InvokeError>) -> Result<Vec<&'a str>, String> {
    let answer = answer.as_ref().map_err(ToString::to_string)?;
    let answer: Value = match answer.as_ref() {
        b"" => Value::Null,
        bytes => serde_json::from_slice(bytes).map_err(|_| "the response is not JSON".to_owned())?,
    };
    let failures = match &answer["batchItemFailures"] {
        Value::Null => return Ok(ids.to_vec()),
        Value::Array(failures) => failures,
        _ => return Err("batchItemFailures is not a list".to_owned()),
    };
    let mut failed = HashSet::new();
    for failure in failures {
        match failure["itemIdentifier"].as_str() {
            Some(id) if ids.contains(&id) => drop(failed.insert(id)),
            Some(id) => return Err(format!("no record has the itemIdentifier {id:?}")),
            None => return Err("a failure without itemIdentifier".to_owned()),
        }
    }
    Ok(ids.iter().copied().filter(|id| !failed.contains(id)).collect())
}

/// Deletes what is done. A message that could not be deleted comes again: delivery is at least once.
async fn delete(options: &Options, sqs: &JsonClient, batch: &[Value], done: &[&str]) {
    let done =
        batch.iter().filter(|message| message["MessageId"].as_str().is_some_and(|id| done.contains(&id)));
    let entries: Vec<Value> = done
        .enumerate()
        .map(|(index, message)| json!({ "Id": index.to_string(), "ReceiptHandle": message["ReceiptHandle"] }))
        .collect();
    if entries.is_empty() {
        return;
    }
    let request = json!({ "QueueUrl": options.queue_url, "Entries": entries });
    if let Err(error) = sqs.call("AmazonSQS.DeleteMessageBatch", &request).await {
        tracing::warn!(%error, "event source: cannot delete");
    }
}
