//! The statements about jobs, as operations of the writer. Each operation makes its checks before it writes, so
//! that an error leaves no data behind.

use pssp_jobs::{Created, Fence, IdempotencyKey, JobId, ResultKey, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

use crate::dead;
use crate::error::Fault;
use crate::ids::{IdBytes, job_id};
use crate::queue;
use crate::writer::Tx;
use pssp_jobs::rows::{ChangeRow, NewRow, state_code, state_of};

/// The kind of object of an idempotency key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeyKind {
    Job = 0,
    Batch = 1,
}

/// The id of the key, if the key was used before and has not expired at `now`.
pub(crate) fn known(
    db: &Connection,
    kind: KeyKind,
    key: &IdempotencyKey,
    now: i64,
) -> Result<Option<IdBytes>, Fault> {
    let found: Option<([u8; 32], IdBytes)> = db
        .prepare_cached(
            "SELECT digest, target FROM keys WHERE kind = ?1 AND owner = ?2 AND key = ?3 AND expires_at > ?4",
        )?
        .query_row(params![kind as i64, key.owner.as_str(), key.key, now], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    match found {
        Some((digest, target)) if digest == key.digest => Ok(Some(target)),
        Some(_) => Err(StoreError::KeyReused.into()),
        None => Ok(None),
    }
}

/// Stores the key. It replaces an expired one.
pub(crate) fn put_key(
    db: &Connection,
    kind: KeyKind,
    key: &IdempotencyKey,
    target: IdBytes,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO keys (kind, owner, key, digest, target, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        kind as i64,
        key.owner.as_str(),
        key.key,
        key.digest,
        target,
        key.expires_at.as_millis()
    ])?;
    Ok(())
}

/// Inserts the job, the input, the key, and the message, the result or the dead letter.
pub(crate) fn create(tx: &mut Tx<'_>, row: &NewRow, now: i64) -> Result<Created<JobId>, Fault> {
    if let Some(key) = &row.key
        && let Some(target) = known(tx.db, KeyKind::Job, key, now)?
    {
        return Ok(Created::Existing(job_id(target)));
    }
    let id = row.id.uuid().into_bytes();
    let inserted = tx
        .db
        .prepare_cached(
            "INSERT INTO jobs (id, owner, state, attempt, due_at, expires_at, head, status)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            id,
            row.owner,
            row.status.state,
            row.status.attempt,
            row.status.due_at,
            row.status.expires_at,
            row.head,
            row.status.status
        ])?;
    if inserted == 0 {
        return Err(StoreError::Exists.into());
    }
    let seq = tx.db.last_insert_rowid();
    tx.db
        .prepare_cached("INSERT INTO requests (seq, request) VALUES (?1, ?2)")?
        .execute(params![seq, row.request])?;
    if let Some(start_at) = row.start_at {
        add_open(tx.db, row.residues)?;
        queue::put_new(tx, (seq, id, &row.owner), start_at, now)?;
    }
    if let Some(result) = &row.result {
        put_result(tx.db, seq, result, None)?;
    }
    if let Some((letter, expires_at)) = &row.letter {
        dead::put(tx.db, letter, *expires_at)?;
    }
    if let Some(key) = &row.key {
        put_key(tx.db, KeyKind::Job, key, id)?;
    }
    Ok(Created::New)
}

/// Compare-and-set of the status, with the result, the dead letter and the message.
pub(crate) fn apply(tx: &mut Tx<'_>, row: &ChangeRow) -> Result<(), Fault> {
    let id = row.id.uuid().into_bytes();
    let seq: Option<i64> = tx
        .db
        .prepare_cached(
            "UPDATE jobs SET state = ?4, attempt = ?5, due_at = ?6, expires_at = ?7, status = ?8, rev = rev + 1
             WHERE id = ?1 AND state = ?2 AND attempt = ?3 RETURNING seq",
        )?
        .query_row(
            params![
                id,
                state_code(row.from_state),
                row.from_attempt,
                row.status.state,
                row.status.attempt,
                row.status.due_at,
                row.status.expires_at,
                row.status.status
            ],
            |found| found.get(0),
        )
        .optional()?;
    let Some(seq) = seq else {
        return Err(why_not(tx.db, id)?.into());
    };
    add_open(tx.db, row.open_residues)?;
    if let Some(result) = &row.result {
        put_result(tx.db, seq, &result.bytes, result.key)?;
    }
    match &row.letter {
        Some((letter, expires_at)) => dead::put(tx.db, letter, *expires_at)?,
        None if row.from_state == pssp_jobs::State::Failed => drop(dead::remove(tx.db, id)?),
        None => {}
    }
    match row.send_at {
        Some(at) => queue::replace(tx, seq, id, at)?,
        // A terminal job needs no message.
        None if row.status.due_at.is_none() => queue::remove(tx.db, seq)?,
        None => {}
    }
    tx.changed(row.id);
    Ok(())
}

/// Alters the residues of open jobs.
fn add_open(db: &Connection, residues: i64) -> rusqlite::Result<()> {
    if residues != 0 {
        let add = "UPDATE open SET residues = max(0, residues + ?1)";
        db.prepare_cached(add)?.execute([residues])?;
    }
    Ok(())
}

fn put_result(db: &Connection, seq: i64, result: &[u8], key: Option<ResultKey>) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO results (seq, result, key) VALUES (?1, ?2, ?3)")?
        .execute(params![seq, result, key.map(|key| *key.as_bytes())])?;
    Ok(())
}

fn why_not(db: &Connection, id: IdBytes) -> Result<StoreError, Fault> {
    let found: Option<(i64, u32)> = db
        .prepare_cached("SELECT state, attempt FROM jobs WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match found {
        Some((state, attempt)) => StoreError::Conflict(Fence { state: state_of(state)?, attempt }),
        None => StoreError::NotFound,
    })
}

/// Deletes a job with all its data, except its idempotency key.
pub(crate) fn delete(tx: &mut Tx<'_>, id: JobId) -> Result<bool, Fault> {
    let bytes = id.uuid().into_bytes();
    let deleted: Option<(i64, Option<i64>)> = tx
        .db
        .prepare_cached(
            "DELETE FROM jobs WHERE id = ?1
             RETURNING seq, CASE WHEN due_at IS NOT NULL AND json_valid(head) THEN head ->> '$.length' END",
        )?
        .query_row([bytes], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((seq, open_residues)) = deleted else { return Ok(false) };
    add_open(tx.db, -open_residues.unwrap_or(0))?;
    for sql in ["DELETE FROM requests WHERE seq = ?1", "DELETE FROM results WHERE seq = ?1"] {
        tx.db.prepare_cached(sql)?.execute([seq])?;
    }
    queue::remove(tx.db, seq)?;
    dead::remove(tx.db, bytes)?;
    tx.changed(id);
    Ok(true)
}

/// Deletes jobs that have expired at `now`, the oldest expiry first, at most `limit`.
pub(crate) fn purge(tx: &mut Tx<'_>, now: i64, limit: i64) -> Result<usize, Fault> {
    let expired: Vec<IdBytes> = tx
        .db
        .prepare_cached("SELECT id FROM jobs WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2")?
        .query_map([now, limit], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in &expired {
        delete(tx, job_id(*id))?;
    }
    Ok(expired.len())
}

/// Deletes other records that have expired at `now`, at most `limit`.
pub(crate) fn purge_others(tx: &mut Tx<'_>, now: i64, limit: i64) -> Result<usize, Fault> {
    let mut removed = 0;
    for sql in [
        "DELETE FROM batches WHERE id IN (SELECT id FROM batches WHERE expires_at <= ?1 LIMIT ?2)",
        "DELETE FROM dead WHERE id IN (SELECT id FROM dead WHERE expires_at <= ?1 LIMIT ?2)",
        "DELETE FROM keys WHERE (kind, owner, key) IN
             (SELECT kind, owner, key FROM keys WHERE expires_at <= ?1 LIMIT ?2)",
        "DELETE FROM arrivals WHERE name IN (SELECT name FROM arrivals WHERE expires_at <= ?1 LIMIT ?2)",
    ] {
        let left = limit - i64::try_from(removed).unwrap_or(i64::MAX);
        removed += tx.db.prepare_cached(sql)?.execute([now, left.max(0)])?;
    }
    Ok(removed)
}
