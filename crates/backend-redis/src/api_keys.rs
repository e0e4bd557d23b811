//! Keys of callers: a hash of records, and a hash of the times of their last use.

use std::collections::HashMap;

use async_trait::async_trait;
use pssp_jobs::stored_key::StoredKey;
use pssp_jobs::{KeyStore, StoreError, Timestamp};
use redis::Pipeline;

use crate::RedisBackend;
use crate::codec;

pub(crate) fn key(record: &[u8], used_at: Option<i64>) -> Result<StoredKey, StoreError> {
    let key: StoredKey = codec::from_json("key", record)?;
    Ok(StoredKey { used_at: used_at.map(Timestamp::from_millis), ..key })
}

#[async_trait]
impl KeyStore for RedisBackend {
    async fn key(&self, id: &str) -> Result<Option<StoredKey>, StoreError> {
        let mut commands = Pipeline::new();
        commands.cmd("HGET").arg(self.key("keys")).arg(id);
        commands.cmd("HGET").arg(self.key("keys_used")).arg(id);
        let answer = redis::Value::Array(self.query_all(&commands).await?);
        let (record, used_at): (Option<Vec<u8>>, Option<i64>) = self.read(answer)?;
        record.map(|record| key(&record, used_at)).transpose()
    }

    async fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        let mut commands = Pipeline::new();
        commands.cmd("HGETALL").arg(self.key("keys"));
        commands.cmd("HGETALL").arg(self.key("keys_used"));
        let answer = redis::Value::Array(self.query_all(&commands).await?);
        let (records, used): (HashMap<String, Vec<u8>>, HashMap<String, i64>) = self.read(answer)?;
        records.iter().map(|(id, record)| key(record, used.get(id).copied())).collect()
    }

    async fn put_key(&self, key: &StoredKey) -> Result<(), StoreError> {
        let mut command = redis::cmd("HSET");
        command.arg(self.key("keys")).arg(&key.id).arg(codec::to_json(key)?);
        self.query(&command).await.map(drop)
    }

    /// The time of a key that is deleted meanwhile stays, and is never read.
    async fn touch_key(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let mut command = redis::cmd("HSET");
        command.arg(self.key("keys_used")).arg(id).arg(at.as_millis());
        self.query(&command).await.map(drop)
    }

    async fn delete_key(&self, id: &str) -> Result<bool, StoreError> {
        let mut commands = Pipeline::new();
        commands.cmd("HDEL").arg(self.key("keys")).arg(id);
        commands.cmd("HDEL").arg(self.key("keys_used")).arg(id);
        let answer = redis::Value::Array(self.query_all(&commands).await?);
        let (deleted, _): (u64, u64) = self.read(answer)?;
        Ok(deleted > 0)
    }
}
