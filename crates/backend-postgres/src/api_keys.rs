//! Keys of callers, one row each.

use async_trait::async_trait;
use pssp_jobs::rows::{from_json, to_json};
use pssp_jobs::stored_key::StoredKey;
use pssp_jobs::{KeyStore, StoreError, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::PostgresBackend;
use crate::jobs::get;

fn key(row: &Row) -> Result<StoredKey, StoreError> {
    let key: StoredKey = from_json("key", get(row, 0)?)?;
    Ok(StoredKey { used_at: get::<Option<i64>>(row, 1)?.map(Timestamp::from_millis), ..key })
}

#[async_trait]
impl KeyStore for PostgresBackend {
    async fn key(&self, id: &str) -> Result<Option<StoredKey>, StoreError> {
        let sql = "SELECT record, used_at FROM @api_keys WHERE id = $1";
        self.query_one(sql, &[(&id, Type::TEXT)]).await?.as_ref().map(key).transpose()
    }

    async fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.query("SELECT record, used_at FROM @api_keys", &[]).await?.iter().map(key).collect()
    }

    async fn put_key(&self, key: &StoredKey) -> Result<(), StoreError> {
        self.query(
            "INSERT INTO @api_keys (id, record) VALUES ($1, $2)
             ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            &[(&key.id, Type::TEXT), (&to_json(key)?, Type::TEXT)],
        )
        .await
        .map(drop)
    }

    async fn touch_key(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE @api_keys SET used_at = $2 WHERE id = $1";
        self.query(sql, &[(&id, Type::TEXT), (&at.as_millis(), Type::INT8)]).await.map(drop)
    }

    async fn delete_key(&self, id: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM @api_keys WHERE id = $1 RETURNING id";
        Ok(self.query_one(sql, &[(&id, Type::TEXT)]).await?.is_some())
    }
}
