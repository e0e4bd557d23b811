//! Keys of callers, one row each.

use async_trait::async_trait;
use pssp_jobs::stored_key::StoredKey;
use pssp_jobs::{KeyStore, StoreError, Timestamp};
use rusqlite::OptionalExtension;

use crate::SqliteBackend;
use pssp_jobs::rows::{from_json, to_json};

type Row = (String, Option<i64>);

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok((row.get(0)?, row.get(1)?))
}

fn key((json, used_at): Row) -> Result<StoredKey, StoreError> {
    let key: StoredKey = from_json("key", &json)?;
    Ok(StoredKey { used_at: used_at.map(Timestamp::from_millis), ..key })
}

#[async_trait]
impl KeyStore for SqliteBackend {
    async fn key(&self, id: &str) -> Result<Option<StoredKey>, StoreError> {
        let id = id.to_owned();
        self.readers
            .read(move |db| {
                let mut query = db.prepare_cached("SELECT record, used_at FROM api_keys WHERE id = ?1")?;
                let found = query.query_row([&id], row).optional()?;
                Ok(found.map(key).transpose()?)
            })
            .await
    }

    async fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.readers
            .read(|db| {
                let mut query = db.prepare_cached("SELECT record, used_at FROM api_keys")?;
                let rows: Vec<Row> = query.query_map([], row)?.collect::<Result<_, _>>()?;
                Ok(rows.into_iter().map(key).collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn put_key(&self, key: &StoredKey) -> Result<(), StoreError> {
        let (id, json) = (key.id.clone(), to_json(key)?);
        self.writer
            .write(1, move |tx| {
                tx.db
                    .prepare_cached(
                        "INSERT INTO api_keys (id, record) VALUES (?1, ?2)
                         ON CONFLICT (id) DO UPDATE SET record = excluded.record",
                    )?
                    .execute((&id, &json))?;
                Ok(())
            })
            .await
    }

    async fn touch_key(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let (id, at) = (id.to_owned(), at.as_millis());
        self.writer
            .write(1, move |tx| {
                tx.db.prepare_cached("UPDATE api_keys SET used_at = ?2 WHERE id = ?1")?.execute((&id, at))?;
                Ok(())
            })
            .await
    }

    async fn delete_key(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(1, move |tx| {
                let deleted = tx.db.prepare_cached("DELETE FROM api_keys WHERE id = ?1")?.execute([&id])?;
                Ok(deleted > 0)
            })
            .await
    }
}
