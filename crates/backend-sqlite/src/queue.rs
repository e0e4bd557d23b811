//! The queue: at most one row for each job, so that a message that is sent again merges with the first one.
//!
//! Owners take turns. A message that is due has a `turn`: one more than the turn of the last ready message of its
//! owner, and later than the latest delivered turn. Messages are delivered in the order of their turns, so a turn
//! has one message of each owner. A message without a turn waits for `visible_at`.
//!
//! A row waits (`token` is NULL) or is delivered (`token` is random, and the row is hidden until `visible_at`).
//! If a message is sent again while it is delivered, the new time is stored in `again_at`. The message then
//! becomes visible at that time at the latest, and an acknowledgement of the old delivery leaves it in the
//! queue.

use std::time::Duration;

use pssp_jobs::policy::MAX_DELAY;
use pssp_jobs::{Delivery, JobId, Message, Receipt, Record, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Fault;
use crate::ids::{IdBytes, job_id};
use crate::writer::Tx;
use pssp_jobs::rows;

/// A row that becomes visible later than this from now on was written before the clock jumped back.
pub(crate) const HORIZON: Duration = Duration::from_secs(MAX_DELAY.as_secs() * 2);

/// The turn of the owner's next message.
fn next_turn(db: &Connection, owner: &str) -> rusqlite::Result<i64> {
    db.prepare_cached(
        "INSERT INTO turns (owner, last) VALUES (?1, (SELECT current FROM turn) + 1)
         ON CONFLICT (owner) DO UPDATE SET last = max(last, (SELECT current FROM turn)) + 1 RETURNING last",
    )?
    .query_row([owner], |row| row.get(0))
}

/// Puts the message of a new job into the queue. If it is due `now`, it is ready at once.
pub(crate) fn put_new(
    tx: &mut Tx<'_>,
    (seq, job, owner): (i64, IdBytes, &str),
    at: i64,
    now: i64,
) -> rusqlite::Result<()> {
    let turn = if at <= now { Some(next_turn(tx.db, owner)?) } else { None };
    tx.db
        .prepare_cached("INSERT INTO queue (seq, job, visible_at, turn) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![seq, job, at, turn])?;
    tx.arrived();
    Ok(())
}

/// Puts the message of a job into the queue, or merges it with the message that is there.
fn put(tx: &mut Tx<'_>, seq: i64, job: IdBytes, at: i64) -> rusqlite::Result<()> {
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
                 turn = CASE WHEN token IS NULL THEN turn END, again_at = NULL, token = NULL",
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

/// Most waiting messages that get their turn in one receive.
const READY_STEP: usize = 1000;

/// Gives a turn to messages whose time has come, or that were hidden before the clock jumped back. A message that
/// was delivered before, or that belongs to no job, is next.
fn make_ready(tx: &mut Tx<'_>, now: Timestamp) -> rusqlite::Result<()> {
    type Row = (i64, i64, Option<String>);
    let far = now.plus(HORIZON).as_millis() + 1;
    for (from, to) in [(i64::MIN, now.as_millis()), (far, i64::MAX)] {
        let due: Vec<Row> = tx
            .db
            .prepare_cached(
                "SELECT queue.seq, receives, owner FROM queue LEFT JOIN jobs USING (seq)
                 WHERE turn IS NULL AND visible_at BETWEEN ?1 AND ?2 ORDER BY visible_at, queue.seq LIMIT ?3",
            )?
            .query_map(params![from, to, READY_STEP as i64], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        for (seq, receives, owner) in due {
            let turn = match owner {
                Some(owner) if receives == 0 => Some(next_turn(tx.db, &owner)?),
                _ => None,
            };
            tx.db
                .prepare_cached(
                    "UPDATE queue SET turn = ifnull(?2, (SELECT current FROM turn)) WHERE seq = ?1",
                )?
                .execute(params![seq, turn])?;
        }
    }
    Ok(())
}

/// Takes ready messages in the order of their turns, at most `max`.
pub(crate) fn take(
    tx: &mut Tx<'_>,
    max: usize,
    now: Timestamp,
    visibility: Duration,
) -> Result<Vec<Delivery>, Fault> {
    make_ready(tx, now)?;
    let ready: Vec<(i64, i64)> = tx
        .db
        .prepare_cached("SELECT seq, turn FROM queue WHERE turn IS NOT NULL ORDER BY turn, seq LIMIT ?1")?
        .query_map([max as i64], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let Some((_, latest)) = ready.last() else { return Ok(Vec::new()) };
    tx.db.prepare_cached("UPDATE turn SET current = max(current, ?1)")?.execute([latest])?;
    if ready.len() < max {
        // No message is left, so no owner has taken a turn ahead.
        tx.db.prepare_cached("DELETE FROM turns")?.execute([])?;
    }
    // If the message was sent again for a future time (within the horizon), that time stays after this
    // delivery. If the time has passed, this delivery serves it.
    let mut hide = tx.db.prepare_cached(
        "UPDATE queue SET
             turn = NULL,
             receives = receives + 1,
             token = random(),
             again_at = CASE WHEN again_at > ?2 AND again_at <= ?3 THEN again_at END,
             visible_at = min(?4, CASE WHEN again_at > ?2 AND again_at <= ?3 THEN again_at ELSE ?4 END)
         WHERE seq = ?1
         RETURNING token, receives, job, body",
    )?;
    let (now_ms, far, until) =
        (now.as_millis(), now.plus(HORIZON).as_millis(), now.plus(visibility).as_millis());
    let mut taken = Vec::with_capacity(ready.len());
    for (seq, _) in ready {
        let mut delivery = hide.query_row(params![seq, now_ms, far, until], |row| {
            let random: i64 = row.get(0)?;
            let body = match row.get::<_, Option<IdBytes>>(2)? {
                Some(id) => Message::new(job_id(id)).encode(),
                None => row.get::<_, Option<String>>(3)?.unwrap_or_default(),
            };
            let receipt = Receipt::new(format!("{seq}/{random}"));
            Ok(Delivery { body, receives: row.get(1)?, receipt, record: None })
        })?;
        delivery.record = record(tx.db, seq)?.map(Box::new);
        taken.push(delivery);
    }
    Ok(taken)
}

/// The job of a message with its request. If the record cannot be read, this returns `None`, and the claim
/// reports the error.
fn record(db: &Connection, seq: i64) -> Result<Option<Record>, Fault> {
    let found: Option<[String; 3]> = db
        .prepare_cached("SELECT head, status, request FROM jobs JOIN requests USING (seq) WHERE seq = ?1")?
        .query_row([seq], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
        .optional()?;
    Ok(found.and_then(|[head, status, request]| rows::record(&head, &status, Some(&request), None).ok()))
}

/// When the next message is due; a time in the past if one is ready.
pub(crate) fn next_visible(tx: &Tx<'_>) -> rusqlite::Result<Option<Timestamp>> {
    let at: Option<i64> = tx
        .db
        .prepare_cached(
            "SELECT CASE WHEN EXISTS (SELECT 1 FROM queue WHERE turn IS NOT NULL) THEN 0
                         ELSE (SELECT min(visible_at) FROM queue WHERE turn IS NULL) END",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(at.map(Timestamp::from_millis))
}

/// Returns messages to the queue as if they had not been delivered.
pub(crate) fn put_back(tx: &mut Tx<'_>, tokens: &[Token]) -> Result<(), Fault> {
    for token in tokens {
        tx.db
            .prepare_cached(
                "UPDATE queue SET visible_at = 0, token = NULL, again_at = NULL, receives = receives - 1,
                     turn = (SELECT current FROM turn)
                 WHERE seq = ?1 AND token = ?2",
            )?
            .execute([token.seq, token.random])?;
    }
    tx.arrived();
    Ok(())
}
