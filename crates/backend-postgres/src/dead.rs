//! Dead letters: failed jobs (added by their transition), and messages that belong to no job.

use async_trait::async_trait;
use pssp_jobs::rows::{from_json, to_json};
use pssp_jobs::{DeadLetter, DeadLetters, JobId, Page, StoreError, Timestamp};
use tokio_postgres::types::Type;

use crate::PostgresBackend;
use crate::jobs::get;
use crate::store::{before, page};

/// Most letters on one page.
const MAX_PAGE: usize = 1000;

#[async_trait]
impl DeadLetters for PostgresBackend {
    async fn bury(&self, letter: &DeadLetter, expires_at: Timestamp) -> Result<(), StoreError> {
        let (id, json) = (letter.id.uuid(), to_json(letter)?);
        self.query(
            "INSERT INTO @dead (id, job, expires_at, letter) VALUES ($1, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, letter = excluded.letter",
            &[
                (&id, Type::UUID),
                (&letter.job.is_some(), Type::BOOL),
                (&expires_at.as_millis(), Type::INT8),
                (&json, Type::TEXT),
            ],
        )
        .await
        .map(drop)
    }

    async fn dead_letters(
        &self,
        until: Option<JobId>,
        limit: usize,
    ) -> Result<Page<DeadLetter, JobId>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let rows = self
            .query(
                "SELECT letter FROM @dead WHERE id < $1 ORDER BY id DESC LIMIT $2",
                &[(&before(until), Type::UUID), (&(limit as i64 + 1), Type::INT8)],
            )
            .await?;
        let letters =
            rows.iter().map(|row| from_json("dead letter", get(row, 0)?)).collect::<Result<Vec<_>, _>>()?;
        Ok(page(letters, limit, |letter: &DeadLetter| letter.id))
    }

    async fn discard(&self, id: JobId) -> Result<bool, StoreError> {
        let sql = "DELETE FROM @dead WHERE id = $1 AND NOT job RETURNING id";
        Ok(self.query_one(sql, &[(&id.uuid(), Type::UUID)]).await?.is_some())
    }
}
