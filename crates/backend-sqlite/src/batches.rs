//! Batches: handles of many jobs, with their idempotency keys.

use async_trait::async_trait;
use pssp_jobs::{Batch, BatchId, BatchStore, Created, IdempotencyKey, StoreError};
use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use crate::SqliteBackend;
use crate::ids::IdBytes;
use crate::jobs::{KeyKind, known, put_key};
use pssp_jobs::rows::{from_json, to_json};

fn batch_id(bytes: IdBytes) -> BatchId {
    BatchId::from(Uuid::from_bytes(bytes))
}

#[async_trait]
impl BatchStore for SqliteBackend {
    async fn create_batch(
        &self,
        batch: &Batch,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created<BatchId>, StoreError> {
        let (id, expires_at) = (batch.id.uuid().into_bytes(), batch.expires_at.as_millis());
        let (json, key, now) = (to_json(batch)?, key.cloned(), self.clock.now().as_millis());
        self.writer
            .write(1, move |tx| {
                if let Some(key) = &key
                    && let Some(target) = known(tx.db, KeyKind::Batch, key, now)?
                {
                    return Ok(Created::Existing(batch_id(target)));
                }
                // If the caller repeats the call, the batch replaces itself.
                tx.db
                    .prepare_cached(
                        "INSERT OR REPLACE INTO batches (id, expires_at, batch) VALUES (?1, ?2, ?3)",
                    )?
                    .execute(params![id, expires_at, json])?;
                if let Some(key) = &key {
                    put_key(tx.db, KeyKind::Batch, key, id)?;
                }
                Ok(Created::New)
            })
            .await
    }

    async fn seal_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        let (id, json) = (batch.id.uuid().into_bytes(), to_json(batch)?);
        let update = "UPDATE batches SET batch = ?2 WHERE id = ?1";
        self.writer
            .write(1, move |tx| {
                tx.db.prepare_cached(update)?.execute(params![id, json])?;
                Ok(())
            })
            .await
    }

    async fn batch_of_key(&self, key: &IdempotencyKey) -> Result<Option<BatchId>, StoreError> {
        let (key, now) = (key.clone(), self.clock.now().as_millis());
        self.readers.read(move |db| Ok(known(db, KeyKind::Batch, &key, now)?.map(batch_id))).await
    }

    async fn batch(&self, id: BatchId) -> Result<Option<Batch>, StoreError> {
        let id = id.uuid().into_bytes();
        self.readers
            .read(move |db| {
                let json: Option<String> = db
                    .prepare_cached("SELECT batch FROM batches WHERE id = ?1")?
                    .query_row([id], |row| row.get(0))
                    .optional()?;
                Ok(json.map(|json| from_json("batch", &json)).transpose()?)
            })
            .await
    }

    async fn delete_batch(&self, id: BatchId) -> Result<bool, StoreError> {
        let id = id.uuid().into_bytes();
        let delete = "DELETE FROM batches WHERE id = ?1";
        self.writer.write(1, move |tx| Ok(tx.db.prepare_cached(delete)?.execute([id])? > 0)).await
    }
}
