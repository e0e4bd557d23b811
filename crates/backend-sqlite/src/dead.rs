//! Dead letters: failed jobs (added by their transition), and messages that belong to no job.

use async_trait::async_trait;
use pssp_jobs::{DeadLetter, DeadLetters, JobId, Page, StoreError, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::SqliteBackend;
use crate::ids::{IdBytes, job_id};

/// Most letters on one page.
const MAX_PAGE: usize = 1000;

/// Stores a letter. It replaces an earlier one about the same job.
pub(crate) fn put(db: &Connection, letter: &DeadLetter, expires_at: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO dead (id, job, at, reason, body, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        letter.id.uuid().into_bytes(),
        letter.job.map(|job| job.uuid().into_bytes()),
        letter.at.as_millis(),
        letter.reason,
        letter.body,
        expires_at
    ])?;
    Ok(())
}

/// Deletes the letter of a job. Returns whether it existed.
pub(crate) fn remove(db: &Connection, id: IdBytes) -> rusqlite::Result<bool> {
    Ok(db.prepare_cached("DELETE FROM dead WHERE id = ?1")?.execute([id])? > 0)
}

fn letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        id: job_id(row.get(0)?),
        job: row.get::<_, Option<IdBytes>>(1)?.map(job_id),
        at: Timestamp::from_millis(row.get(2)?),
        reason: row.get(3)?,
        body: row.get(4)?,
    })
}

#[async_trait]
impl DeadLetters for SqliteBackend {
    async fn bury(&self, letter: &DeadLetter, expires_at: Timestamp) -> Result<(), StoreError> {
        let letter = letter.clone();
        self.writer.write(1, move |tx| Ok(put(tx.db, &letter, expires_at.as_millis())?)).await
    }

    async fn dead_letters(
        &self,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<Page<DeadLetter, JobId>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        // Without a bound: this value is greater than any id.
        let before = before.map_or([0xff; 16], |id| id.uuid().into_bytes());
        let mut items: Vec<DeadLetter> = self
            .readers
            .read(move |db| {
                let mut select = db.prepare_cached(
                    "SELECT id, job, at, reason, body FROM dead WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
                )?;
                let rows = select.query_map(params![before, limit as i64 + 1], letter)?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| last.id);
        Ok(Page { items, next })
    }

    async fn discard(&self, id: JobId) -> Result<bool, StoreError> {
        let id = id.uuid().into_bytes();
        let discard = "DELETE FROM dead WHERE id = ?1 AND job IS NULL";
        self.writer.write(1, move |tx| Ok(tx.db.prepare_cached(discard)?.execute([id])? > 0)).await
    }
}
