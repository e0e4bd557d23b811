//! Attributes of a queue: their names, ranges and effects.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::error::SqsError;

/// The settings of one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// The values as `GetQueueAttributes` shows them.
    pub(super) shown: BTreeMap<String, String>,
}

/// The redrive policy: it moves messages that were received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redrive {
    pub(super) target_arn: String,
    pub(super) max_receives: u32,
}

/// Name, default, minimum and maximum of each number.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
const NUMBERS: &[(&str, u64, u64, u64)] = &[
    ("DelaySeconds", 0, 0, 900),
    ("MaximumMessageSize", 1_048_576, 1024, 1_048_576),
    ("MessageRetentionPeriod", 345_600, 60, 1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 0, 20),
    ("VisibilityTimeout", 30, 0, 43_200),
];

/// Attributes that are stored and shown but have no effect.
const IGNORED: &[&str] = &[
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];

impl Default for Settings {
    fn default() -> Self {
        let shown = NUMBERS.iter().map(|(name, default, ..)| ((*name).to_owned(), default.to_string()));
        Self { shown: shown.collect() }
    }
}

impl Settings {
    /// A copy of the settings with `changes` (names to strings) applied.
    pub(super) fn with(&self, changes: &Value) -> Result<Self, SqsError> {
        let mut changed = self.clone();
        for (name, value) in changes.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            check(name, &text)?;
            if text.is_empty() {
                changed.shown.remove(name);
            } else {
                changed.shown.insert(name.clone(), text);
            }
        }
        Ok(changed)
    }

    pub(super) fn seconds(&self, name: &str) -> Duration {
        Duration::from_secs(self.number(name))
    }

    pub(super) fn number(&self, name: &str) -> u64 {
        self.shown.get(name).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    pub(super) fn redrive(&self) -> Option<Redrive> {
        parse_redrive(self.shown.get("RedrivePolicy")?).ok()
    }
}

fn check(name: &str, text: &str) -> Result<(), SqsError> {
    if let Some((_, _, least, largest)) = NUMBERS.iter().find(|number| number.0 == name) {
        let fits = text.parse::<u64>().is_ok_and(|value| (*least..=*largest).contains(&value));
        return fits.then_some(()).ok_or_else(|| bad(name, text, &format!("Must be {least} to {largest}.")));
    }
    match name {
        "RedrivePolicy" if text.is_empty() => Ok(()),
        "RedrivePolicy" => parse_redrive(text).map(drop),
        "FifoQueue" if text != "false" => Err(SqsError::new(
            "AWS.SimpleQueueService.UnsupportedOperation",
            "FIFO queues are not imitated by this stand-in.",
        )),
        "FifoQueue" => Ok(()),
        _ if IGNORED.contains(&name) => Ok(()),
        _ => Err(SqsError::new("InvalidAttributeName", format!("Unknown Attribute {name}."))),
    }
}

/// `maxReceiveCount` may be a number or a number in a string, since templates have both.
fn parse_redrive(text: &str) -> Result<Redrive, SqsError> {
    let wrong = |reason: &str| bad("RedrivePolicy", text, reason);
    let policy: Value = serde_json::from_str(text).map_err(|_| wrong("Not JSON."))?;
    let target = policy["deadLetterTargetArn"].as_str().ok_or_else(|| wrong("No deadLetterTargetArn."))?;
    let count = &policy["maxReceiveCount"];
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok());
    let count = count.filter(|count| (1..=1000).contains(count));
    let count = count.ok_or_else(|| wrong("maxReceiveCount must be 1 to 1000."))?;
    Ok(Redrive { target_arn: target.to_owned(), max_receives: u32::try_from(count).unwrap_or(u32::MAX) })
}

fn bad(name: &str, text: &str, reason: &str) -> SqsError {
    SqsError::new(
        "InvalidAttributeValue",
        format!("Invalid value for the parameter {name}: {text}. {reason}"),
    )
}
