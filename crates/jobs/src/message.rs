//! The messages of the queue.

use serde::{Deserialize, Serialize};

use crate::id::JobId;

/// A hint that a job may be ready to run. The message does not decide anything: the record of the job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Version of this form. Fields may be added without a new version: a reader skips those that it does not know.
    v: Version,
    /// The job.
    pub job: JobId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
struct Version;

impl TryFrom<u32> for Version {
    type Error = String;

    fn try_from(v: u32) -> Result<Self, String> {
        if v == 1 { Ok(Self) } else { Err(format!("message version {v} is not known here")) }
    }
}

impl From<Version> for u32 {
    fn from(_: Version) -> Self {
        1
    }
}

/// A body that is not a message of this queue, or has a version that is not known.
#[derive(Debug, thiserror::Error)]
#[error("undecodable message: {0}")]
pub struct Undecodable(#[from] serde_json::Error);

impl Message {
    /// A message about `job`.
    #[must_use]
    pub const fn new(job: JobId) -> Self {
        Self { v: Version, job }
    }

    /// The body: compact JSON, `{"v":1,"job":"<uuid>"}`.
    #[must_use]
    pub fn encode(&self) -> String {
        format!(r#"{{"v":1,"job":"{}"}}"#, self.job)
    }

    /// Reads a body.
    ///
    /// # Errors
    /// If the body is not such JSON. The caller moves it to the dead letters and acknowledges it.
    pub fn decode(body: &str) -> Result<Self, Undecodable> {
        Ok(serde_json::from_str(body)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    /// During an update an old worker receives messages of the new release.
    #[test]
    fn a_field_of_a_later_release_is_skipped() {
        let message = Message::new(JobId::new(Timestamp::from_millis(1)));
        let later = message.encode().replace("}", r#","of_later":[1]}"#);
        assert_eq!(Message::decode(&later).unwrap(), message);
    }

    #[test]
    fn round_trip_and_refusals() {
        let message = Message::new(JobId::new(Timestamp::from_millis(1)));
        assert_eq!(Message::decode(&message.encode()).unwrap(), message);
        assert_eq!(serde_json::to_string(&message).unwrap(), message.encode());
        for bad in ["", "{}", "[]", r#"{"v":2,"job":"0190f3c4-7d1e-7c3b-9c55-6f1f2ab3c0de"}"#] {
            assert!(Message::decode(bad).is_err(), "{bad}");
        }
    }
}
