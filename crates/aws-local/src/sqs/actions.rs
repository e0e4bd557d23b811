//! The actions of SQS: each checks its input, acts, and makes the answer.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::error::SqsError;
use super::message::{Message, Place, is_allowed, md5_hex, md5_of_attributes};
use super::queue::{Queue, Received};
use super::settings::Settings;
use super::state::{Shared, now};

type Answer = Result<Value, SqsError>;

/// Limit of entries in a batch.
const MAX_ENTRIES: usize = 10;
/// Largest message and largest batch in bytes: 1 MiB each since August 2025 (256 KiB before).
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
const LARGEST_BATCH: usize = 1_048_576;

/// Performs `action`.
pub(super) async fn perform(shared: &Shared, action: &str, input: &Value) -> Answer {
    match action {
        "CreateQueue" => create(shared, input),
        "DeleteQueue" => delete_queue(shared, input),
        "ListQueues" => Ok(list(shared, input)),
        "GetQueueUrl" => queue_url(shared, input),
        "GetQueueAttributes" => attributes(shared, input),
        "SetQueueAttributes" => set_attributes(shared, input),
        "PurgeQueue" => shared.with_queue(input, |queue| {
            queue.purge();
            Ok(json!({}))
        }),
        "SendMessage" => send(shared, input, input),
        "SendMessageBatch" => send_batch(shared, input),
        "ReceiveMessage" => receive(shared, input).await,
        "DeleteMessage" => delete(shared, input, input),
        "DeleteMessageBatch" => batch(shared, action, input, delete),
        "ChangeMessageVisibility" => change_visibility(shared, input, input),
        "ChangeMessageVisibilityBatch" => batch(shared, action, input, change_visibility),
        _ => Err(SqsError::new("InvalidAction", format!("The action {action} is not known here."))),
    }
}

fn create(shared: &Shared, input: &Value) -> Answer {
    let name = text(input, "QueueName")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 80 || !name.chars().all(fits) {
        let reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(SqsError::invalid("QueueName", name, reason));
    }
    let settings = Settings::default().with(&input["Attributes"])?;
    let mut queues = shared.queues();
    check_target(shared, &queues, &settings)?;
    let queue = queues.entry(name.to_owned()).or_insert_with(|| Queue::new(name, settings.clone()));
    if queue.settings != settings {
        let message = "A queue already exists with the same name and a different value for an attribute";
        return Err(SqsError::new("QueueAlreadyExists", message));
    }
    Ok(json!({ "QueueUrl": shared.url(name) }))
}

fn delete_queue(shared: &Shared, input: &Value) -> Answer {
    let name = shared.named(input)?;
    let queue = shared.queues().remove(&name).ok_or_else(SqsError::no_queue)?;
    queue.changed.notify_waiters();
    Ok(json!({}))
}

fn list(shared: &Shared, input: &Value) -> Value {
    let prefix = input["QueueNamePrefix"].as_str().unwrap_or_default();
    let queues = shared.queues();
    let names = queues.keys().filter(|name| name.starts_with(prefix));
    json!({ "QueueUrls": names.map(|name| shared.url(name)).collect::<Vec<_>>() })
}

fn queue_url(shared: &Shared, input: &Value) -> Answer {
    let name = text(input, "QueueName")?;
    if !shared.queues().contains_key(name) {
        return Err(SqsError::no_queue());
    }
    Ok(json!({ "QueueUrl": shared.url(name) }))
}

fn attributes(shared: &Shared, input: &Value) -> Answer {
    let (at, at_ms) = now();
    let arn = shared.arn(&shared.named(input)?);
    shared.with_queue(input, |queue| {
        queue.advance(at, at_ms);
        let counts = queue.counts();
        let mut all = queue.settings.shown.clone();
        all.insert("QueueArn".into(), arn);
        all.insert("ApproximateNumberOfMessages".into(), counts.visible.to_string());
        all.insert("ApproximateNumberOfMessagesNotVisible".into(), counts.in_flight.to_string());
        all.insert("ApproximateNumberOfMessagesDelayed".into(), counts.delayed.to_string());
        let asked = names(&input["AttributeNames"]);
        let everything = asked.contains("All");
        if let Some(unknown) =
            asked.iter().find(|name| !ATTRIBUTES.contains(name) && !all.contains_key(**name))
        {
            return Err(SqsError::new("InvalidAttributeName", format!("Unknown Attribute {unknown}.")));
        }
        all.retain(|name, _| everything || asked.contains(name.as_str()));
        Ok(json!({ "Attributes": all }))
    })
}

/// Names that a client may ask for although a queue has no value for them.
const ATTRIBUTES: &[&str] = &[
    "All",
    "Policy",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
];

fn set_attributes(shared: &Shared, input: &Value) -> Answer {
    let name = shared.named(input)?;
    let mut queues = shared.queues();
    let queue = queues.get(&name).ok_or_else(SqsError::no_queue)?;
    let settings = queue.settings.with(&input["Attributes"])?;
    check_target(shared, &queues, &settings)?;
    if let Some(queue) = queues.get_mut(&name) {
        queue.settings = settings;
    }
    Ok(json!({}))
}

fn check_target(
    shared: &Shared,
    queues: &std::collections::BTreeMap<String, Queue>,
    settings: &Settings,
) -> Result<(), SqsError> {
    let Some(redrive) = settings.redrive() else { return Ok(()) };
    if queues.keys().any(|name| shared.arn(name) == redrive.target_arn) {
        return Ok(());
    }
    Err(SqsError::invalid("RedrivePolicy", redrive.target_arn, "Dead letter target does not exist."))
}

/// Sends the message of `entry` to the queue that `input` names.
fn send(shared: &Shared, input: &Value, entry: &Value) -> Answer {
    let body = text(entry, "MessageBody")?;
    if body.is_empty() {
        return Err(SqsError::missing("MessageBody"));
    }
    if !is_allowed(body) {
        let message =
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF …";
        return Err(SqsError::new("InvalidMessageContents", message));
    }
    let attributes = entry["MessageAttributes"].as_object().cloned().unwrap_or_default();
    if attributes.len() > 10 {
        return Err(SqsError::invalid("MessageAttributes", attributes.len(), "At most 10 attributes."));
    }
    let group = group(entry)?;
    let delay = number(entry, "DelaySeconds", 0..=900)?;
    let lost = shared.faults.loses();
    shared.with_queue(input, |queue| {
        let largest = usize::try_from(queue.settings.number("MaximumMessageSize")).unwrap_or(usize::MAX);
        if Message::size(body, &attributes) > largest {
            let message = format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {largest} bytes."
            );
            return Err(SqsError::new("InvalidParameterValue", message));
        }
        let delay = delay.map_or_else(|| queue.settings.seconds("DelaySeconds"), Duration::from_secs);
        let message = new_message(body, attributes, group, delay);
        let answer = sent(&message);
        if !lost {
            queue.put(message);
        }
        Ok(answer)
    })
}

/// The message group: 1 to 128 letters, digits and marks.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
fn group(entry: &Value) -> Result<Option<String>, SqsError> {
    let Some(group) = entry["MessageGroupId"].as_str() else { return Ok(None) };
    if !(1..=128).contains(&group.len()) || !group.bytes().all(|byte| byte.is_ascii_graphic()) {
        let reason =
            "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.";
        return Err(SqsError::invalid("MessageGroupId", group, reason));
    }
    Ok(Some(group.to_owned()))
}

fn new_message(
    body: &str,
    attributes: Map<String, Value>,
    group: Option<String>,
    delay: Duration,
) -> Message {
    let (at, sent_ms) = now();
    let place = if delay.is_zero() { Place::Ready { turn: 0 } } else { Place::Delayed { until: at + delay } };
    Message {
        id: uuid::Uuid::new_v4().to_string(),
        body: body.to_owned(),
        attributes,
        group,
        sent_ms,
        first_received_ms: None,
        receives: 0,
        dead_letter_source: None,
        place,
    }
}

fn sent(message: &Message) -> Value {
    let mut answer = json!({ "MessageId": message.id, "MD5OfMessageBody": md5_hex(message.body.as_bytes()) });
    if let Some(md5) = md5_of_attributes(&message.attributes) {
        answer["MD5OfMessageAttributes"] = md5.into();
    }
    answer
}

fn send_batch(shared: &Shared, input: &Value) -> Answer {
    let entries = entries(input)?;
    let size = |entry: &Value| {
        let attributes = entry["MessageAttributes"].as_object().cloned().unwrap_or_default();
        Message::size(entry["MessageBody"].as_str().unwrap_or_default(), &attributes)
    };
    let total: usize = entries.iter().map(size).sum();
    if total > LARGEST_BATCH {
        let message = format!(
            "Batch requests cannot be longer than {LARGEST_BATCH} bytes. You have sent {total} bytes."
        );
        return Err(SqsError::new("AWS.SimpleQueueService.BatchRequestTooLong", message));
    }
    batch(shared, "SendMessageBatch", input, send)
}

/// Calls `one` for every entry. Each entry succeeds or fails by itself. An error of the whole request, such as a
/// missing queue, fails the request.
fn batch(shared: &Shared, action: &str, input: &Value, one: fn(&Shared, &Value, &Value) -> Answer) -> Answer {
    let entries = entries(input)?;
    shared.with_queue(input, |_| Ok(()))?;
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        let answer = if shared.faults.of_entry(action) {
            Err(SqsError::new("InternalFailure", "A fault that a test asked for."))
        } else {
            one(shared, input, entry)
        };
        match answer {
            Ok(mut done) => {
                done["Id"] = entry["Id"].clone();
                successful.push(done);
            }
            Err(error) => failed.push(json!({
                "Id": entry["Id"],
                "SenderFault": error.is_senders_fault(),
                "Code": error.code,
                "Message": error.message,
            })),
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

fn entries(input: &Value) -> Result<&[Value], SqsError> {
    let refuse = |code, message: &str| Err(SqsError::new(code, message));
    let entries = input["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        let message = "There should be at least one entry in the request.";
        return refuse("AWS.SimpleQueueService.EmptyBatchRequest", message);
    }
    if entries.len() > MAX_ENTRIES {
        let message = "Maximum number of entries per request are 10.";
        return refuse("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", message);
    }
    let mut seen = HashSet::new();
    for entry in entries {
        let id = text(entry, "Id")?;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > 80 || !id.chars().all(fits) {
            let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                           It can be at most 80 letters long.";
            return refuse("AWS.SimpleQueueService.InvalidBatchEntryId", message);
        }
        if !seen.insert(id) {
            let message = format!("Id {id} repeated.");
            return refuse("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", &message);
        }
    }
    Ok(entries)
}

async fn receive(shared: &Shared, input: &Value) -> Answer {
    let most = number(input, "MaxNumberOfMessages", 1..=10)?.unwrap_or(1);
    let wait = number(input, "WaitTimeSeconds", 0..=20)?.map(Duration::from_secs);
    let hidden = number(input, "VisibilityTimeout", 0..=43_200)?.map(Duration::from_secs);
    let most = usize::try_from(most).unwrap_or(1);
    let wait = shared.with_queue(input, |queue| {
        Ok(wait.unwrap_or_else(|| queue.settings.seconds("ReceiveMessageWaitTimeSeconds")))
    })?;
    let deadline = Instant::now() + wait;
    loop {
        let changed = shared.with_queue(input, |queue| Ok(queue.changed.clone()))?;
        // The receiver listens before it looks for messages, so that it cannot miss one that arrives in between.
        let changed = changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let (received, next) = shared.receive(input, most, hidden)?;
        if !received.is_empty() || Instant::now() >= deadline {
            return Ok(deliver(input, &received));
        }
        let until = next.map_or(deadline, |next| next.min(deadline));
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep_until(until) => {}
        }
    }
}

fn deliver(input: &Value, received: &[Received]) -> Value {
    let mut system = names(&input["MessageSystemAttributeNames"]);
    system.extend(names(&input["AttributeNames"]));
    let asked = names(&input["MessageAttributeNames"]);
    let messages = received.iter().map(|(message, handle)| show(message, handle, &system, &asked));
    let messages: Vec<Value> = messages.collect();
    // AWS leaves the list out if there is no message.
    if messages.is_empty() { json!({}) } else { json!({ "Messages": messages }) }
}

fn show(message: &Message, handle: &str, system: &HashSet<&str>, asked: &HashSet<&str>) -> Value {
    let mut shown = json!({
        "MessageId": message.id,
        "ReceiptHandle": handle,
        "MD5OfBody": md5_hex(message.body.as_bytes()),
        "Body": message.body,
    });
    let mut attributes = Map::new();
    let mut add = |name: &str, value: String| {
        if system.contains("All") || system.contains(name) {
            attributes.insert(name.to_owned(), value.into());
        }
    };
    add("SenderId", "AIDACKCEVSQ6C2EXAMPLE".into());
    add("SentTimestamp", message.sent_ms.to_string());
    add("ApproximateReceiveCount", message.receives.to_string());
    add("ApproximateFirstReceiveTimestamp", message.first_received_ms.unwrap_or_default().to_string());
    if let Some(source) = &message.dead_letter_source {
        add("DeadLetterQueueSourceArn", source.clone());
    }
    if !attributes.is_empty() {
        shown["Attributes"] = attributes.into();
    }
    let mut own = message.attributes.clone();
    own.retain(|name, _| is_asked(name, asked));
    if let Some(md5) = md5_of_attributes(&own) {
        shown["MD5OfMessageAttributes"] = md5.into();
        shown["MessageAttributes"] = own.into();
    }
    shown
}

/// Whether a client asks for the attribute `name`: by name, by `All` or `.*`, or by a prefix as in `foo.*`.
fn is_asked(name: &str, asked: &HashSet<&str>) -> bool {
    asked.iter().any(|pattern| match pattern.strip_suffix(".*") {
        Some(prefix) => name.starts_with(prefix),
        None => *pattern == "All" || *pattern == name,
    })
}

fn delete(shared: &Shared, input: &Value, entry: &Value) -> Answer {
    let handle = text(entry, "ReceiptHandle")?;
    shared.with_queue(input, |queue| queue.delete(handle))?;
    Ok(json!({}))
}

fn change_visibility(shared: &Shared, input: &Value, entry: &Value) -> Answer {
    let handle = text(entry, "ReceiptHandle")?;
    let hidden = number(entry, "VisibilityTimeout", 0..=43_200)?;
    let hidden = hidden.ok_or_else(|| SqsError::missing("VisibilityTimeout"))?;
    shared.with_queue(input, |queue| queue.hide(handle, Duration::from_secs(hidden), now()))?;
    Ok(json!({}))
}

fn text<'a>(input: &'a Value, name: &str) -> Result<&'a str, SqsError> {
    input[name].as_str().ok_or_else(|| SqsError::missing(name))
}

fn number(input: &Value, name: &str, range: std::ops::RangeInclusive<u64>) -> Result<Option<u64>, SqsError> {
    let value = &input[name];
    if value.is_null() {
        return Ok(None);
    }
    let fits = value.as_u64().filter(|number| range.contains(number));
    let reason = format!("Must be between {} and {}, if provided.", range.start(), range.end());
    fits.map(Some).ok_or_else(|| SqsError::invalid(name, value, &reason))
}

fn names(list: &Value) -> HashSet<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
