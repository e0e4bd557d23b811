//! Batches: one record for each, with its key.

use async_trait::async_trait;
use pssp_jobs::{Batch, BatchId, BatchStore, Created, IdempotencyKey, StoreError};
use redis::Value;

use crate::RedisBackend;
use crate::codec;
use crate::script::CREATE_BATCH;
use pssp_jobs::error::corrupt;

#[async_trait]
impl BatchStore for RedisBackend {
    async fn create_batch(
        &self,
        batch: &Batch,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created<BatchId>, StoreError> {
        let id = batch.id.to_string();
        let record = codec::to_json(batch)?;
        let answer = self.eval(&CREATE_BATCH, |command| {
            command.arg(self.queue_time()).arg(&id).arg(record).arg(batch.expires_at.as_millis());
            match key {
                Some(key) => {
                    let (name, value) = codec::key("batch", key, &id);
                    command.arg(name).arg(value).arg(key.expires_at.as_millis());
                }
                None => drop(command.arg("").arg("").arg("")),
            }
        });
        let answer: String = self.read(answer.await?)?;
        match answer.as_str() {
            "new" => Ok(Created::New),
            "reused" => Err(StoreError::KeyReused),
            id => Ok(Created::Existing(batch_id(id)?)),
        }
    }

    async fn seal_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut command = redis::cmd("SET");
        command.arg(self.key(format_args!("batch:{}", batch.id))).arg(codec::to_json(batch)?);
        // Only if the batch still exists, and without a change of its expiry.
        command.arg("XX").arg("KEEPTTL");
        self.query(&command).await.map(drop)
    }

    async fn batch_of_key(&self, key: &IdempotencyKey) -> Result<Option<BatchId>, StoreError> {
        self.id_of_key("batch", key).await?.map(|id| batch_id(&id)).transpose()
    }

    async fn batch(&self, id: BatchId) -> Result<Option<Batch>, StoreError> {
        let mut command = redis::cmd("GET");
        command.arg(self.key(format_args!("batch:{id}")));
        match self.query(&command).await? {
            Value::BulkString(record) => codec::from_json("batch", &record).map(Some),
            _ => Ok(None),
        }
    }

    async fn delete_batch(&self, id: BatchId) -> Result<bool, StoreError> {
        let mut command = redis::cmd("DEL");
        command.arg(self.key(format_args!("batch:{id}")));
        Ok(self.query(&command).await? == Value::Int(1))
    }
}

impl RedisBackend {
    /// What an idempotency key leads to.
    pub(crate) async fn id_of_key(
        &self,
        kind: &str,
        key: &IdempotencyKey,
    ) -> Result<Option<String>, StoreError> {
        let (name, value) = codec::key(kind, key, "");
        let mut command = redis::cmd("GET");
        command.arg(self.key(name));
        let found: Option<String> = self.read(self.query(&command).await?)?;
        let Some(found) = found else { return Ok(None) };
        let known = codec::known_key(&found)?;
        if known.expires_at <= self.clock.now() {
            return Ok(None);
        }
        if !value.starts_with(known.digest) {
            return Err(StoreError::KeyReused);
        }
        Ok(Some(known.id.to_owned()))
    }
}

pub(crate) fn batch_id(text: &str) -> Result<BatchId, StoreError> {
    text.parse().map_err(|error| corrupt("idempotency key", error))
}
