//! Rows of jobs, and their deletion.

use pssp_jobs::error::corrupt;
use pssp_jobs::{Job, JobId, Record, StoreError, rows};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;

/// A column of an answer.
pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, StoreError> {
    row.try_get(at).map_err(|error| corrupt("answer", error))
}

/// The id in the first column.
pub(crate) fn id_of(row: &Row) -> Result<JobId, StoreError> {
    get::<Uuid>(row, 0).map(JobId::from)
}

/// The job from the columns `head` and `status`, which are the first two.
pub(crate) fn job(row: &Row) -> Result<Job, StoreError> {
    rows::job(get(row, 0)?, get(row, 1)?)
}

/// The record from the columns `head`, `status`, `request`, `result`, from `at` on. The last two may be NULL.
pub(crate) fn record(row: &Row, at: usize) -> Result<Record, StoreError> {
    rows::record(get(row, at)?, get(row, at + 1)?, get(row, at + 2)?, get(row, at + 3)?)
}

/// Locks the job, if it exists.
pub(crate) const LOCK_ONE: &str = "SELECT id FROM @jobs WHERE id = $1 FOR UPDATE";

/// Locks jobs that have expired at $1, the oldest expiry first, at most $2. A job that another process deletes or
/// changes just now is left to it.
pub(crate) const LOCK_EXPIRED: &str = "
    SELECT id FROM @jobs WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED";

/// Deletes locked jobs with all their data, except their idempotency keys.
pub(crate) const DELETE: &str = "
    WITH requests AS (DELETE FROM @requests WHERE id = ANY ($1)),
    results AS (DELETE FROM @results WHERE id = ANY ($1)),
    messages AS (DELETE FROM @queue WHERE id = ANY ($1)),
    letters AS (DELETE FROM @dead WHERE id = ANY ($1))
    DELETE FROM @jobs WHERE id = ANY ($1)";
