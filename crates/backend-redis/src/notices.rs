//! The operator's notice, in one key.

use async_trait::async_trait;
use pssp_jobs::{Notice, Notices, StoreError};
use redis::Value;

use crate::RedisBackend;
use crate::codec;

#[async_trait]
impl Notices for RedisBackend {
    async fn notice(&self) -> Result<Option<Notice>, StoreError> {
        let mut command = redis::cmd("GET");
        command.arg(self.key("notice"));
        match self.query(&command).await? {
            Value::BulkString(record) => codec::from_json("notice", &record).map(Some),
            _ => Ok(None),
        }
    }

    async fn set_notice(&self, notice: Option<&Notice>) -> Result<(), StoreError> {
        let key = self.key("notice");
        let mut command = redis::cmd(if notice.is_some() { "SET" } else { "DEL" });
        command.arg(key);
        if let Some(notice) = notice {
            command.arg(codec::to_json(notice)?);
        }
        self.query(&command).await.map(drop)
    }
}
