//! Jobs as rows, for backends that keep them in tables of SQL: the meaning of each column. `head`, `status` and
//! `request` are JSON. Times are milliseconds since 1970.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{StoreError, corrupt, unwritable};
use crate::id::JobId;
use crate::job::{Head, Job, Phase, Request, State, Status};
use crate::ports::{Change, DeadLetter, IdempotencyKey, Record, Submission};
use crate::reuse::StoredResult;
use crate::time::Timestamp;

/// The number of a state in a table. It never changes.
#[must_use]
pub const fn state_code(state: State) -> i64 {
    match state {
        State::Submitted => 0,
        State::Running => 1,
        State::Finished => 2,
        State::Failed => 3,
        State::Cancelled => 4,
    }
}

/// The state with this number.
///
/// # Errors
/// [`StoreError::Corrupt`] if no state has it.
pub fn state_of(code: i64) -> Result<State, StoreError> {
    State::ALL
        .into_iter()
        .find(|state| state_code(*state) == code)
        .ok_or_else(|| corrupt("state", format_args!("{code} is not known here")))
}

/// The number of a time that may be missing.
#[must_use]
pub fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millis)
}

/// The value as JSON.
///
/// # Errors
/// [`StoreError::Refused`] if it has no JSON. This does not happen to the types that are stored.
pub fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(unwritable)
}

/// The value of a stored JSON text; `what` it is, for the error.
///
/// # Errors
/// [`StoreError::Corrupt`] if the text is damaged or of a later version.
pub fn from_json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| corrupt(what, error))
}

/// The job from its columns `head` and `status`.
///
/// # Errors
/// [`StoreError::Corrupt`] as for [`from_json`].
pub fn job(head: &str, status: &str) -> Result<Job, StoreError> {
    Ok(Job { head: from_json("head of a job", head)?, status: from_json("status of a job", status)? })
}

/// The job from its columns, with `request` and `result` if they were requested.
///
/// # Errors
/// [`StoreError::Corrupt`] as for [`from_json`].
pub fn record(
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
pub struct StatusRow {
    /// The number of the state.
    pub state: i64,
    /// The number of the attempt.
    pub attempt: i64,
    /// When the sweep must look at the job; `None` for a terminal state.
    pub due_at: Option<i64>,
    /// When the record may be deleted; `None` for an open job.
    pub expires_at: Option<i64>,
    /// The whole status as JSON.
    pub status: String,
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
pub struct NewRow {
    /// The id.
    pub id: JobId,
    /// The owner.
    pub owner: String,
    /// The length of the chain.
    pub residues: i64,
    /// The head as JSON.
    pub head: String,
    /// What the status says.
    pub status: StatusRow,
    /// The request as JSON.
    pub request: String,
    /// When its message becomes visible; `None` for a finished job, which has no message.
    pub start_at: Option<i64>,
    /// The result of a finished job.
    pub result: Option<Bytes>,
    /// The idempotency key.
    pub key: Option<IdempotencyKey>,
    /// The dead letter of a failed job, and when that expires.
    pub letter: Option<(DeadLetter, i64)>,
}

impl NewRow {
    /// The row of a submission.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if its job is neither waiting nor finished with a result.
    pub fn of(submission: &Submission) -> Result<Self, StoreError> {
        let job = &submission.job;
        let start_at = match (&job.status.phase, &submission.result) {
            (Phase::Submitted { not_before, .. }, None) => Some(not_before.as_millis()),
            (Phase::Finished { .. }, Some(_)) => None,
            _ => return Err(StoreError::Conflict(job.fence())),
        };
        let row = Self::with(job, &submission.request, submission.result.as_ref())?;
        Ok(Self { start_at, key: submission.key.clone(), ..row })
    }

    /// The row of a job that arrives from another store ([`crate::Transfer::arrive`]).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the job runs, has no request, or its result does not fit to its state.
    pub fn arriving(record: &Record) -> Result<Self, StoreError> {
        let job = &record.job;
        let start_at = match (&job.status.phase, &record.result) {
            (Phase::Submitted { not_before, .. }, None) => Some(not_before.as_millis()),
            (Phase::Finished { .. }, Some(_)) | (Phase::Failed { .. } | Phase::Cancelled { .. }, None) => {
                None
            }
            _ => return Err(StoreError::Conflict(job.fence())),
        };
        let request = record.request.as_ref().ok_or_else(|| StoreError::Conflict(job.fence()))?;
        let letter = DeadLetter::of_failed(job.id(), &job.status);
        let letter = letter.map(|(letter, at)| (letter, at.as_millis()));
        Ok(Self { start_at, letter, ..Self::with(job, request, record.result.as_ref())? })
    }

    fn with(job: &Job, request: &Request, result: Option<&Bytes>) -> Result<Self, StoreError> {
        let head: &Head = &job.head;
        Ok(Self {
            id: job.id(),
            owner: head.owner.as_str().to_owned(),
            residues: i64::try_from(head.length).unwrap_or(i64::MAX),
            head: to_json(head)?,
            status: StatusRow::of(&job.status)?,
            request: to_json(request)?,
            start_at: None,
            result: result.cloned(),
            key: None,
            letter: None,
        })
    }
}

/// A transition as a row, also encoded by the caller.
#[derive(Debug)]
pub struct ChangeRow {
    /// The id.
    pub id: JobId,
    /// The state that the job must have.
    pub from_state: State,
    /// The attempt that the job must have.
    pub from_attempt: i64,
    /// What the new status says.
    pub status: StatusRow,
    /// The result, if the change brings one.
    pub result: Option<StoredResult>,
    /// By how much it alters the residues of open jobs.
    pub open_residues: i64,
    /// When its message becomes visible, if it has one.
    pub send_at: Option<i64>,
    /// The dead letter of a failed job, and when that expires.
    pub letter: Option<(DeadLetter, i64)>,
}

impl ChangeRow {
    /// `send_at` is when the message of the change, if any, becomes visible.
    ///
    /// # Errors
    /// [`StoreError::Refused`] as for [`to_json`].
    pub fn of(change: &Change, send_at: Option<Timestamp>) -> Result<Self, StoreError> {
        let (id, status) = (change.id, &change.status);
        let letter = DeadLetter::of_failed(id, status).map(|(letter, at)| (letter, at.as_millis()));
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
