//! The queue: at most one row for each job, so that a message that is sent again merges with the first one.
//!
//! A row waits (`token` is NULL) or is delivered (`token` is random, and the row is hidden until `visible_at`).
//! If a message is sent again while it is delivered, the new time is stored in `again_at`. The message then
//! becomes visible at that time at the latest, and an acknowledgement of the old delivery leaves it in the
//! queue.

use std::time::Duration;

use pssp_jobs::policy::MAX_DELAY;
use pssp_jobs::{Delivery, JobId, Message, Receipt, Record, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use crate::codec::{self, IdBytes, job_id};
use crate::error::Fault;
use crate::writer::Tx;

/// A row that becomes visible later than this from now on was written before the clock jumped back.
pub(crate) const HORIZON: Duration = Duration::from_secs(MAX_DELAY.as_secs() * 2);

/// Puts the message of a job into the queue, or merges it with the message that is there.
pub(crate) fn put(tx: &mut Tx<'_>, seq: i64, job: IdBytes, at: i64) -> rusqlite::Result<()> {
    tx.db
        .prepare_cached(
            "INSERT INTO queue (seq, job, visible_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (seq) DO UPDATE SET
                 visible_at = min(visible_at, excluded.visible_at),
                 again_at = CASE WHEN token IS NOT NULL
                                 THEN min(ifnull(again_at, excluded.visible_at), excluded.visible_at) END",
        )?
        .execute(params![seq, job, at])?;
    tx.arrived();
    Ok(())
}

/// Puts the message of a job into the queue. A message that waits there stays if it is due earlier. If it is
/// delivered, its receipt becomes invalid.
pub(crate) fn replace(tx: &mut Tx<'_>, seq: i64, job: IdBytes, at: i64) -> rusqlite::Result<()> {
    tx.db
        .prepare_cached(
            "INSERT INTO queue (seq, job, visible_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (seq) DO UPDATE SET
                 visible_at = CASE WHEN token IS NULL THEN min(visible_at, excluded.visible_at)
                                   ELSE excluded.visible_at END,
                 again_at = NULL, token = NULL",
        )?
        .execute(params![seq, job, at])?;
    tx.arrived();
    Ok(())
}

pub(crate) fn remove(db: &Connection, seq: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM queue WHERE seq = ?1")?.execute([seq]).map(drop)
}

/// Puts a body that belongs to no job into the queue.
pub(crate) fn put_foreign(tx: &mut Tx<'_>, body: &str, at: i64) -> rusqlite::Result<()> {
    tx.db
        .prepare_cached(
            "INSERT INTO queue (seq, body, visible_at) VALUES ((SELECT min(ifnull(min(seq), 0), 0) - 1 FROM queue), ?1, ?2)",
        )?
        .execute(params![body, at])?;
    tx.arrived();
    Ok(())
}

pub(crate) fn send(tx: &mut Tx<'_>, job: JobId, at: i64) -> Result<(), Fault> {
    let id = job.uuid().into_bytes();
    let seq: Option<i64> = tx
        .db
        .prepare_cached("SELECT seq FROM jobs WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    match seq {
        Some(seq) => put(tx, seq, id, at)?,
        // There is no such job. The receiver of the message will find that out.
        None => put_foreign(tx, &Message::new(job).encode(), at)?,
    }
    Ok(())
}

/// The parts of a receipt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) seq: i64,
    pub(crate) random: i64,
}

impl Token {
    pub(crate) fn of(receipt: &Receipt) -> Option<Self> {
        let (seq, random) = receipt.token().split_once('/')?;
        Some(Self { seq: seq.parse().ok()?, random: random.parse().ok()? })
    }
}

/// Takes visible messages, at most `max`. Those that have been visible longest come first.
pub(crate) fn take(
    tx: &mut Tx<'_>,
    max: usize,
    now: Timestamp,
    visibility: Duration,
) -> Result<Vec<Delivery>, Fault> {
    let far = now.plus(HORIZON);
    let mut taken = take_range(tx, max, (0, now.as_millis()), now, visibility)?;
    if taken.len() < max {
        let from = far.as_millis() + 1;
        taken.extend(take_range(tx, max - taken.len(), (from, i64::MAX), now, visibility)?);
    }
    Ok(taken)
}

fn take_range(
    tx: &mut Tx<'_>,
    max: usize,
    (from, to): (i64, i64),
    now: Timestamp,
    visibility: Duration,
) -> Result<Vec<Delivery>, Fault> {
    // If the message was sent again for a future time (within the horizon), that time stays after this
    // delivery. If the time has passed, this delivery serves it.
    let mut update = tx.db.prepare_cached(
        "UPDATE queue SET
             receives = receives + 1,
             token = random(),
             again_at = CASE WHEN again_at > ?3 AND again_at <= ?4 THEN again_at END,
             visible_at = min(?5, CASE WHEN again_at > ?3 AND again_at <= ?4 THEN again_at ELSE ?5 END)
         WHERE seq IN (SELECT seq FROM queue WHERE visible_at BETWEEN ?1 AND ?2 ORDER BY visible_at, seq LIMIT ?6)
         RETURNING seq, token, receives, job, body",
    )?;
    let (now_ms, far, until) =
        (now.as_millis(), now.plus(HORIZON).as_millis(), now.plus(visibility).as_millis());
    let rows = update.query_map(params![from, to, now_ms, far, until, max as i64], |row| {
        let (seq, random): (i64, i64) = (row.get(0)?, row.get(1)?);
        let job: Option<IdBytes> = row.get(3)?;
        let body = match job {
            Some(id) => Message::new(job_id(id)).encode(),
            None => row.get::<_, Option<String>>(4)?.unwrap_or_default(),
        };
        let receipt = Receipt::new(format!("{seq}/{random}"));
        Ok((seq, Delivery { body, receives: row.get(2)?, receipt, record: None }))
    })?;
    let mut taken = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    for (seq, delivery) in &mut taken {
        delivery.record = record(tx.db, *seq)?.map(Box::new);
    }
    Ok(taken.into_iter().map(|(_, delivery)| delivery).collect())
}

/// The job of a message with its request. If the record cannot be read, this returns `None`, and the claim
/// reports the error.
fn record(db: &Connection, seq: i64) -> Result<Option<Record>, Fault> {
    let found: Option<[String; 3]> = db
        .prepare_cached("SELECT head, status, request FROM jobs JOIN requests USING (seq) WHERE seq = ?1")?
        .query_row([seq], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
        .optional()?;
    Ok(found.and_then(|[head, status, request]| codec::record(&head, &status, Some(&request), None).ok()))
}

pub(crate) fn next_visible(tx: &Tx<'_>) -> rusqlite::Result<Option<Timestamp>> {
    let at: Option<i64> =
        tx.db.prepare_cached("SELECT min(visible_at) FROM queue")?.query_row([], |row| row.get(0))?;
    Ok(at.map(Timestamp::from_millis))
}

/// Returns messages to the queue as if they had not been delivered.
pub(crate) fn put_back(tx: &mut Tx<'_>, tokens: &[Token]) -> Result<(), Fault> {
    for token in tokens {
        tx.db
            .prepare_cached(
                "UPDATE queue SET visible_at = 0, token = NULL, again_at = NULL, receives = receives - 1
                 WHERE seq = ?1 AND token = ?2",
            )?
            .execute([token.seq, token.random])?;
    }
    tx.arrived();
    Ok(())
}
