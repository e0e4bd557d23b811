//! Batches: handles of many jobs, with their idempotency keys.

use async_trait::async_trait;
use pssp_jobs::rows::{from_json, to_json};
use pssp_jobs::{Batch, BatchId, BatchStore, Created, IdempotencyKey, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::jobs::get;
use crate::{PostgresBackend, now};

/// A batch without a key. If the caller repeats the call, the batch replaces itself.
const CREATE: &str = "
    INSERT INTO @batches (id, expires_at, batch) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, batch = excluded.batch";

/// A batch with a key, which is claimed as in `create.rs`. Returns the id that the key leads to, and whether it was
/// used for the same request.
const CREATE_WITH_KEY: &str = now!(
    ", claimed AS (
        INSERT INTO @keys AS k (kind, owner, key, digest, target, expires_at) VALUES (1, $5, $6, $7, $2, $8)
        ON CONFLICT (kind, owner, key) DO UPDATE SET
            digest = CASE WHEN k.expires_at > (SELECT ms FROM now) THEN k.digest ELSE excluded.digest END,
            target = CASE WHEN k.expires_at > (SELECT ms FROM now) THEN k.target ELSE excluded.target END,
            expires_at = CASE WHEN k.expires_at > (SELECT ms FROM now) THEN k.expires_at
                              ELSE excluded.expires_at END
        RETURNING k.target, k.digest
    ), made AS (
        INSERT INTO @batches (id, expires_at, batch) SELECT $2, $3, $4 FROM claimed WHERE target = $2
        ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, batch = excluded.batch
    )
    SELECT target, digest = $7 FROM claimed"
);

/// The live key with its target, and whether it was used for the same request.
const OF_KEY: &str = now!(
    " SELECT target, digest = $4 FROM @keys
     WHERE kind = $5::bigint AND owner = $2 AND key = $3 AND expires_at > (SELECT ms FROM now)"
);

/// The id that a key leads to.
fn target(row: &Row) -> Result<Uuid, StoreError> {
    if get::<bool>(row, 1)? { get(row, 0) } else { Err(StoreError::KeyReused) }
}

impl PostgresBackend {
    /// What an idempotency key leads to. The kind is 0 for jobs and 1 for batches.
    pub(crate) async fn id_of_key(
        &self,
        kind: i64,
        key: &IdempotencyKey,
    ) -> Result<Option<Uuid>, StoreError> {
        let row = self
            .query_one(
                OF_KEY,
                &[
                    (&self.time.given(), Type::INT8),
                    (&key.owner.as_str(), Type::TEXT),
                    (&key.key, Type::TEXT),
                    (&key.digest.as_slice(), Type::BYTEA),
                    (&kind, Type::INT8),
                ],
            )
            .await?;
        row.as_ref().map(target).transpose()
    }
}

#[async_trait]
impl BatchStore for PostgresBackend {
    async fn create_batch(
        &self,
        batch: &Batch,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created<BatchId>, StoreError> {
        let (id, expires_at, json) = (batch.id.uuid(), batch.expires_at.as_millis(), to_json(batch)?);
        let Some(key) = key else {
            let params = [(&id as _, Type::UUID), (&expires_at as _, Type::INT8), (&json as _, Type::TEXT)];
            self.query(CREATE, &params).await?;
            return Ok(Created::New);
        };
        let row = self
            .query_one(
                CREATE_WITH_KEY,
                &[
                    (&self.time.given(), Type::INT8),
                    (&id, Type::UUID),
                    (&expires_at, Type::INT8),
                    (&json, Type::TEXT),
                    (&key.owner.as_str(), Type::TEXT),
                    (&key.key, Type::TEXT),
                    (&key.digest.as_slice(), Type::BYTEA),
                    (&key.expires_at.as_millis(), Type::INT8),
                ],
            )
            .await?;
        let known = target(&row.ok_or_else(|| pssp_jobs::error::corrupt("answer", "no row"))?)?;
        let known = BatchId::from(known);
        Ok(if known == batch.id { Created::New } else { Created::Existing(known) })
    }

    async fn seal_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        let (id, json) = (batch.id.uuid(), to_json(batch)?);
        let sql = "UPDATE @batches SET batch = $2 WHERE id = $1";
        self.query(sql, &[(&id, Type::UUID), (&json, Type::TEXT)]).await.map(drop)
    }

    async fn batch_of_key(&self, key: &IdempotencyKey) -> Result<Option<BatchId>, StoreError> {
        Ok(self.id_of_key(1, key).await?.map(BatchId::from))
    }

    async fn batch(&self, id: BatchId) -> Result<Option<Batch>, StoreError> {
        let sql = "SELECT batch FROM @batches WHERE id = $1";
        let row = self.query_one(sql, &[(&id.uuid(), Type::UUID)]).await?;
        row.map(|row| from_json("batch", get(&row, 0)?)).transpose()
    }

    async fn delete_batch(&self, id: BatchId) -> Result<bool, StoreError> {
        let sql = "DELETE FROM @batches WHERE id = $1 RETURNING id";
        Ok(self.query_one(sql, &[(&id.uuid(), Type::UUID)]).await?.is_some())
    }
}
