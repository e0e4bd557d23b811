//! Jobs as hashes and script arguments: the meaning of each field.

use bytes::Bytes;
use pssp_jobs::job::Phase;
use pssp_jobs::{
    Change, Fence, IdempotencyKey, Job, JobId, Record, Request, Status, StoreError, StoredResult, Submission,
    Timestamp,
};
use redis::{Cmd, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use std::sync::Arc;

use pssp_jobs::batcher::Call;
use pssp_jobs::error::{corrupt, unwritable};

pub(crate) fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(unwritable)
}

pub(crate) fn from_json<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(json).map_err(|error| corrupt(what, error))
}

/// The text that compare-and-set compares, such as `running/2`.
pub(crate) fn fence(fence: Fence) -> String {
    format!("{}/{}", fence.state, fence.attempt)
}

pub(crate) fn parse_fence(text: &str) -> Result<Fence, StoreError> {
    let parsed = text.split_once('/').and_then(|(state, attempt)| {
        Some(Fence { state: state.parse().ok()?, attempt: attempt.parse().ok()? })
    });
    parsed.ok_or_else(|| corrupt("fence of a job", text))
}

/// The fields of a hash; `None` if the key does not exist.
pub(crate) fn fields<const N: usize>(value: Value) -> Result<Option<[Vec<u8>; N]>, StoreError> {
    let Value::Array(values) = value else {
        return Err(corrupt("answer", "not a list of fields"));
    };
    let mut texts = Vec::with_capacity(N);
    for value in values {
        match value {
            Value::BulkString(bytes) => texts.push(bytes),
            Value::Nil if texts.is_empty() => return Ok(None),
            _ => return Err(corrupt("record of a job", "a field is missing")),
        }
    }
    let texts = texts.try_into();
    texts.map(Some).map_err(|_| corrupt("answer", "another number of fields"))
}

/// The bytes of a field; `None` if it does not exist.
pub(crate) fn bytes_of(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

/// The job from its fields `head` and `status`.
pub(crate) fn job([head, status]: [Vec<u8>; 2]) -> Result<Job, StoreError> {
    Ok(Job { head: from_json("head of a job", &head)?, status: self::status(&status)? })
}

/// The job with the parts that were requested.
pub(crate) fn record(
    job: [Vec<u8>; 2],
    request: Option<Vec<u8>>,
    result: Option<Vec<u8>>,
) -> Result<Record, StoreError> {
    let request: Option<Request> = request.map(|text| from_json("request of a job", &text)).transpose()?;
    Ok(Record { job: self::job(job)?, request: request.map(Arc::new), result: result.map(Bytes::from) })
}

/// The stored form of a status: the fence, which scripts compare, and then JSON.
fn status_text(status: &Status) -> Result<String, StoreError> {
    Ok(format!("{} {}", fence(status.fence()), to_json(status)?))
}

/// The status from its stored form.
pub(crate) fn status(text: &[u8]) -> Result<Status, StoreError> {
    let json = text.iter().position(|&byte| byte == b' ').map(|at| &text[at..]);
    from_json("status of a job", json.unwrap_or_default())
}

fn millis(at: Option<Timestamp>) -> String {
    at.map(|at| at.as_millis().to_string()).unwrap_or_default()
}

/// Name and value of an idempotency key. The value has the digest in hex, the id, and the time of expiry. The
/// length in the name makes the owner `a` with the key `:b` differ from the owner `a:` with the key `b`.
pub(crate) fn key(kind: &str, key: &IdempotencyKey, id: &str) -> (String, String) {
    let owner = key.owner.as_str();
    let name = format!("key:{kind}:{}:{owner}:{}", owner.len(), key.key);
    let mut value = String::with_capacity(120);
    value.push_str(&base16ct::lower::encode_string(&key.digest));
    value.push_str(id);
    let _ = write!(value, "{}", key.expires_at.as_millis());
    (name, value)
}

/// The kind and the owner's name of an idempotency key, and the caller's key, from its name after the prefix.
pub(crate) fn key_name(name: &str) -> Option<(&str, &str, &str)> {
    let (kind, rest) = name.strip_prefix("key:")?.split_once(':')?;
    let (length, rest) = rest.split_once(':')?;
    let (owner, key) = rest.split_at_checked(length.parse().ok()?)?;
    Some((kind, owner, key.strip_prefix(':')?))
}

/// The parts of a key's value.
pub(crate) struct KnownKey<'a> {
    pub(crate) digest: &'a str,
    pub(crate) id: &'a str,
    pub(crate) expires_at: Timestamp,
}

pub(crate) fn known_key(value: &str) -> Result<KnownKey<'_>, StoreError> {
    let parts = || {
        let (digest, id, expires) = (value.get(..64)?, value.get(64..100)?, value.get(100..)?);
        Some(KnownKey { digest, id, expires_at: Timestamp::from_millis(expires.parse().ok()?) })
    };
    parts().ok_or_else(|| corrupt("idempotency key", value))
}

/// Arguments of `create.lua` for one submission.
pub(crate) struct NewJob {
    texts: [String; 11],
    residues: usize,
    result: Option<Bytes>,
}

impl NewJob {
    pub(crate) fn of(submission: &Submission) -> Result<Self, StoreError> {
        let job = &submission.job;
        let delay = match (&job.status.phase, &submission.result) {
            (Phase::Submitted { .. }, None) => delay_ms(submission.delay()),
            (Phase::Finished { .. }, Some(_)) => String::new(),
            _ => return Err(StoreError::Conflict(job.fence())),
        };
        let id = job.id().to_string();
        let [name, value, expires] = match &submission.key {
            Some(given) => {
                let (name, value) = key("job", given, &id);
                [name, value, millis(Some(given.expires_at))]
            }
            None => [const { String::new() }; 3],
        };
        let texts = [
            id,
            job.head.owner.as_str().to_owned(),
            to_json(&job.head)?,
            status_text(&job.status)?,
            to_json(submission.request.as_ref())?,
            millis(job.status.due_at),
            delay,
            name,
            value,
            expires,
            millis(job.status.expires_at),
        ];
        Ok(Self { texts, residues: job.head.length, result: submission.result.clone() })
    }

    pub(crate) fn put(&self, command: &mut Cmd) {
        command.arg(&self.texts);
        command.arg(self.result.as_deref().unwrap_or_default()).arg(self.residues);
    }
}

impl Call for NewJob {
    type Answer = String;
    type Error = redis::RedisError;

    fn bytes(&self) -> usize {
        let result = self.result.as_ref().map_or(0, Bytes::len);
        self.texts.iter().map(String::len).sum::<usize>() + result
    }
}

/// Arguments of `apply.lua` for one change.
pub(crate) struct NewState {
    texts: [String; 5],
    result: Option<StoredResult>,
    delay: String,
    open_residues: i64,
}

impl NewState {
    pub(crate) fn of(change: &Change) -> Result<Self, StoreError> {
        let status = &change.status;
        Ok(Self {
            texts: [
                change.id.to_string(),
                fence(change.expect) + " ",
                status_text(status)?,
                millis(status.due_at),
                millis(status.expires_at),
            ],
            result: change.result.clone(),
            delay: change.send.map(delay_ms).unwrap_or_default(),
            open_residues: change.open_residues(),
        })
    }

    pub(crate) fn put(&self, command: &mut Cmd) {
        command.arg(&self.texts);
        command.arg(marked(self.result.as_ref().map(|result| &result.bytes)));
        let key = self.result.as_ref().and_then(|result| result.key);
        command.arg(&self.delay).arg(key.map(|key| key.to_string()).unwrap_or_default());
        command.arg(self.open_residues);
    }
}

impl Call for NewState {
    type Answer = String;
    type Error = redis::RedisError;

    fn bytes(&self) -> usize {
        200 + self.texts[2].len() + self.result.as_ref().map_or(0, |result| result.bytes.len())
    }
}

/// Arguments of `arrive_jobs.lua` for one job.
pub(crate) struct ArrivingJob {
    texts: [String; 9],
    result: Option<Bytes>,
    residues: usize,
}

impl ArrivingJob {
    /// The arguments for a job that arrives at `now`.
    pub(crate) fn of(marker: String, record: &Record, now: Timestamp) -> Result<Self, StoreError> {
        let job = &record.job;
        let delay = match (&job.status.phase, &record.result) {
            (Phase::Submitted { not_before, .. }, None) => delay_ms(not_before.since(now)),
            (Phase::Finished { .. }, Some(_)) | (Phase::Failed { .. } | Phase::Cancelled { .. }, None) => {
                String::new()
            }
            _ => return Err(StoreError::Conflict(job.fence())),
        };
        let request = record.request.as_ref().ok_or_else(|| StoreError::Conflict(job.fence()))?;
        let texts = [
            marker,
            job.id().to_string(),
            job.head.owner.as_str().to_owned(),
            to_json(&job.head)?,
            status_text(&job.status)?,
            to_json(request.as_ref())?,
            millis(job.status.due_at),
            delay,
            millis(job.status.expires_at),
        ];
        Ok(Self { texts, result: record.result.clone(), residues: job.head.length })
    }

    pub(crate) fn put(&self, command: &mut Cmd) {
        command.arg(&self.texts).arg(marked(self.result.as_ref())).arg(self.residues);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.texts.iter().map(String::len).sum::<usize>() + self.result.as_ref().map_or(0, Bytes::len)
    }
}

/// A result as the scripts take it: preceded by "=", so that an empty one differs from none.
fn marked(result: Option<&Bytes>) -> Vec<u8> {
    result.map(|result| [b"=", result.as_ref()].concat()).unwrap_or_default()
}

/// A delay as the scripts take it, in ms, at most the longest delay of a message.
pub(crate) fn delay_ms(delay: std::time::Duration) -> String {
    delay.min(pssp_jobs::policy::MAX_DELAY).as_millis().to_string()
}

/// An id in the response of a script.
pub(crate) fn id_of(text: &[u8]) -> Option<JobId> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The error for the response of a script to a change or a creation.
pub(crate) fn conflict(answer: &str) -> StoreError {
    match parse_fence(answer) {
        Ok(fence) => StoreError::Conflict(fence),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pssp_jobs::{Owner, State};

    #[test]
    fn fences_round_trip() {
        for state in State::ALL {
            let before = Fence { state, attempt: 7 };
            assert_eq!(parse_fence(&fence(before)).unwrap(), before);
        }
        assert!(parse_fence("running").is_err());
    }

    #[test]
    fn keys_of_different_owners_differ() {
        let name = |owner: &str, text: &str| {
            let given = IdempotencyKey {
                owner: Owner::new(owner),
                key: text.to_owned(),
                digest: [0xab; 32],
                expires_at: Timestamp::from_millis(1),
            };
            key("job", &given, "").0
        };
        assert_ne!(name("a", ":b"), name("a:", "b"));
        assert_ne!(name("1:a", "b"), name("1", "a:b"));
        for (owner, text) in [("a", ":b"), ("a:", "b"), ("\u{e9}1:a", "x:\u{e9}"), ("1", "")] {
            assert_eq!(key_name(&name(owner, text)), Some(("job", owner, text)));
        }
        assert_eq!(key_name("key:job:9:a:b"), None);
    }
}
