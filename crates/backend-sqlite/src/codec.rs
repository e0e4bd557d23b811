//! Jobs as rows: the meaning of each column.

use bytes::Bytes;
use pssp_jobs::job::Phase;
use pssp_jobs::{
    Change, DeadLetter, Head, IdempotencyKey, Job, JobId, Record, Request, State, Status, StoreError,
    StoredResult, Submission, Timestamp,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use uuid::Uuid;

use crate::error::{corrupt, unwritable};

/// An id as it is stored.
pub(crate) type IdBytes = [u8; 16];

pub(crate) fn job_id(bytes: IdBytes) -> JobId {
    JobId::from(Uuid::from_bytes(bytes))
}

/// The number of a state in the file. It never changes.
pub(crate) const fn state_code(state: State) -> i64 {
    match state {
        State::Submitted => 0,
        State::Running => 1,
        State::Finished => 2,
        State::Failed => 3,
        State::Cancelled => 4,
    }
}

pub(crate) fn state_of(code: i64) -> Result<State, StoreError> {
    State::ALL
        .into_iter()
        .find(|state| state_code(*state) == code)
        .ok_or_else(|| corrupt("state", format_args!("{code} is not known here")))
}

pub(crate) fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millis)
}

pub(crate) fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(unwritable)
}

pub(crate) fn from_json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| corrupt(what, error))
}

/// The job from its columns `head` and `status`.
pub(crate) fn job(head: &str, status: &str) -> Result<Job, StoreError> {
    Ok(Job { head: from_json("head of a job", head)?, status: from_json("status of a job", status)? })
}

/// The job from its columns, with `request` and `result` if they were requested.
pub(crate) fn record(
    head: &str,
    status: &str,
    request: Option<&str>,
    result: Option<Vec<u8>>,
) -> Result<Record, StoreError> {
    let request: Option<Request> = request.map(|text| from_json("request of a job", text)).transpose()?;
    Ok(Record { job: job(head, status)?, request: request.map(Arc::new), result: result.map(Bytes::from) })
}

/// The columns that change with the status.
#[derive(Debug)]
pub(crate) struct StatusRow {
    pub(crate) state: i64,
    pub(crate) attempt: i64,
    pub(crate) due_at: Option<i64>,
    pub(crate) expires_at: Option<i64>,
    pub(crate) status: String,
}

impl StatusRow {
    fn of(status: &Status) -> Result<Self, StoreError> {
        Ok(Self {
            state: state_code(status.state()),
            attempt: i64::from(status.attempt),
            due_at: millis(status.due_at),
            expires_at: millis(status.expires_at),
            status: to_json(status)?,
        })
    }
}

/// A submission as a row. The caller encodes it, so that the writer only inserts it.
#[derive(Debug)]
pub(crate) struct NewRow {
    pub(crate) id: JobId,
    pub(crate) owner: String,
    pub(crate) residues: i64,
    pub(crate) head: String,
    pub(crate) status: StatusRow,
    pub(crate) request: String,
    /// When its message becomes visible; `None` for a finished job, which has no message.
    pub(crate) start_at: Option<i64>,
    pub(crate) result: Option<Bytes>,
    pub(crate) key: Option<IdempotencyKey>,
}

impl NewRow {
    pub(crate) fn of(submission: &Submission) -> Result<Self, StoreError> {
        let job = &submission.job;
        let start_at = match (&job.status.phase, &submission.result) {
            (Phase::Submitted { not_before, .. }, None) => Some(not_before.as_millis()),
            (Phase::Finished { .. }, Some(_)) => None,
            _ => return Err(StoreError::Conflict(job.fence())),
        };
        let head: &Head = &job.head;
        Ok(Self {
            id: job.id(),
            owner: head.owner.as_str().to_owned(),
            residues: i64::try_from(head.length).unwrap_or(i64::MAX),
            head: to_json(head)?,
            status: StatusRow::of(&job.status)?,
            request: to_json(submission.request.as_ref())?,
            start_at,
            result: submission.result.clone(),
            key: submission.key.clone(),
        })
    }
}

/// A transition as a row, also encoded by the caller.
#[derive(Debug)]
pub(crate) struct ChangeRow {
    pub(crate) id: JobId,
    pub(crate) from_state: State,
    pub(crate) from_attempt: i64,
    pub(crate) status: StatusRow,
    pub(crate) result: Option<StoredResult>,
    /// By how much it alters the residues of open jobs.
    pub(crate) open_residues: i64,
    pub(crate) send_at: Option<i64>,
    pub(crate) letter: Option<(DeadLetter, i64)>,
}

impl ChangeRow {
    /// `send_at` is when the message of the change, if any, becomes visible.
    pub(crate) fn of(change: &Change, send_at: Option<Timestamp>) -> Result<Self, StoreError> {
        let (id, status) = (change.id, &change.status);
        let letter = match (&status.phase, status.expires_at) {
            (Phase::Failed { at, error }, Some(expires_at)) => {
                let letter =
                    DeadLetter { id, job: Some(id), at: *at, reason: error.detail.clone(), body: None };
                Some((letter, expires_at.as_millis()))
            }
            _ => None,
        };
        Ok(Self {
            id,
            from_state: change.expect.state,
            from_attempt: i64::from(change.expect.attempt),
            status: StatusRow::of(status)?,
            result: change.result.clone(),
            open_residues: change.open_residues(),
            send_at: millis(send_at),
            letter,
        })
    }
}
