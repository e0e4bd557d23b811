//! The SQS event source of a function: receives batches, invokes, and deletes what succeeded.
//!
//! It behaves as on AWS with `ReportBatchItemFailures` and a batching window of zero. Messages that an invocation does
//! not report as failed are deleted. Reported messages stay hidden until their visibility timeout ends. After a failed
//! invocation the whole batch stays hidden. Difference from AWS: the number of pollers is always the maximum
//! concurrency; AWS starts with a few and adds more while messages wait.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::JsonClient;
use crate::runtime::{Function, InvokeError};

/// Largest event in bytes. Larger ones are split, since Lambda does not accept them.
const LARGEST_EVENT: usize = crate::runtime::LARGEST_REQUEST;
/// Upper bound on the size of a record without its body, in bytes.
const RECORD_OVERHEAD: usize = 2048;
/// Pause after a failed receive.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Options of an event source.
#[derive(Clone, Debug)]
pub struct Options {
    pub endpoint: String,
    /// URL of the queue.
    pub queue_url: String,
    /// ARN of the queue, for the events.
    pub queue_arn: String,
    /// Region, for the events.
    pub region: String,
    /// Limit of messages in an event, 1 to 10.
    pub batch_size: usize,
    /// Limit of invocations at the same time, 2 to 1000.
    pub maximum_concurrency: usize,
}

/// A running event source. Dropping it stops it.
#[derive(Debug)]
pub struct EventSource {
    _pollers: JoinSet<()>,
}

impl EventSource {
    /// Starts to invoke `function`.
    ///
    /// # Errors
    /// If an option is outside the range of AWS.
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
                tokio::time::sleep(RETRY_PAUSE).await;
                continue;
            }
        };
        let messages = received["Messages"].as_array().cloned().unwrap_or_default();
        for batch in split(&messages) {
            handle(&options, &sqs, &function, batch).await;
        }
    }
}

/// Splits messages into batches whose events are small enough.
fn split(messages: &[Value]) -> Vec<&[Value]> {
    let size = |message: &Value| message["Body"].to_string().len() + RECORD_OVERHEAD;
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

/// The event for `batch`. The messages have the format of SQS.
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

/// The message attributes in the format of an event: names in lower camel case, and two lists that are always empty.
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

/// The messages of the batch that succeeded.
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

/// Deletes messages that succeeded. One that cannot be deleted is delivered again, since delivery is at least once.
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
