//! A message, its receipt handles and its digests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest, Md5};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::error::SqsError;

/// The state of a message in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Not yet visible, since its delay has not passed.
    Delayed { until: Instant },
    /// Visible: it may be received, in its turn.
    Ready { turn: u64 },
    /// In flight: received at `since`, hidden until `until`.
    InFlight { since: Instant, until: Instant },
}

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) body: String,
    pub(super) attributes: Map<String, Value>,
    /// The message group, whose messages take turns with those of other groups.
    pub(super) group: Option<String>,
    pub(super) sent_ms: i64,
    pub(super) first_received_ms: Option<i64>,
    /// How often the message was received, in all its queues together.
    pub(super) receives: u32,
    /// The queue that it was moved from, if it was moved.
    pub(super) dead_letter_source: Option<String>,
    pub(super) place: Place,
}

impl Message {
    /// The size in bytes that counts against AWS's limits: body, and names, types and values of attributes.
    pub(super) fn size(body: &str, attributes: &Map<String, Value>) -> usize {
        let attributes = attributes.iter().map(|(name, value)| {
            let kind = value["DataType"].as_str().unwrap_or_default();
            name.len() + kind.len() + attribute_bytes(value).1.len()
        });
        body.len() + attributes.sum::<usize>()
    }
}

/// A receipt handle. It names a queue, a message, and one receive of that message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Handle {
    pub(super) queue: String,
    pub(super) number: u64,
    pub(super) receive: u32,
}

impl Handle {
    pub(super) fn write(&self, id: &str) -> String {
        BASE64.encode(format!("{} {} {} {id}", self.queue, self.number, self.receive))
    }

    /// Parses a handle of `queue`.
    pub(super) fn read(text: &str, queue: &str) -> Result<Self, SqsError> {
        let parse = || {
            let bytes = BASE64.decode(text).ok()?;
            let inner = String::from_utf8(bytes).ok()?;
            let mut parts = inner.split(' ');
            let (name, number, receive) = (parts.next()?, parts.next()?, parts.next()?);
            Some(Self {
                queue: name.to_owned(),
                number: number.parse().ok()?,
                receive: receive.parse().ok()?,
            })
        };
        parse().filter(|handle| handle.queue == queue).ok_or_else(|| {
            let message = format!("The input receipt handle \"{text}\" is not a valid receipt handle.");
            SqsError::new("ReceiptHandleIsInvalid", message)
        })
    }
}

/// Whether a message may contain `text`, by
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
pub(super) fn is_allowed(text: &str) -> bool {
    text.chars()
        .all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..))
}

/// MD5 in hexadecimal, as SQS returns it.
pub(super) fn md5_hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(&Md5::digest(bytes))
}

/// The digest of attributes, `None` without attributes. The names are sorted, and each part is preceded by its length.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
pub(super) fn md5_of_attributes(attributes: &Map<String, Value>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut names: Vec<&String> = attributes.keys().collect();
    names.sort();
    let mut bytes = Vec::new();
    for name in names {
        let value = &attributes[name];
        let (transport, data) = attribute_bytes(value);
        push(&mut bytes, name.as_bytes());
        push(&mut bytes, value["DataType"].as_str().unwrap_or_default().as_bytes());
        bytes.push(transport);
        push(&mut bytes, &data);
    }
    Some(md5_hex(&bytes))
}

/// Transport type (1 text, 2 binary) and bytes of an attribute's value.
fn attribute_bytes(value: &Value) -> (u8, Vec<u8>) {
    match value["BinaryValue"].as_str() {
        Some(binary) => (2, BASE64.decode(binary).unwrap_or_default()),
        None => (1, value["StringValue"].as_str().unwrap_or_default().as_bytes().to_vec()),
    }
}

fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend(part);
}
