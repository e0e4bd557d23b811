//! The operator's notice, in one row.

use async_trait::async_trait;
use pssp_jobs::{Notice, Notices, StoreError};
use rusqlite::OptionalExtension;

use crate::SqliteBackend;
use pssp_jobs::rows::{from_json, to_json};

#[async_trait]
impl Notices for SqliteBackend {
    async fn notice(&self) -> Result<Option<Notice>, StoreError> {
        self.readers
            .read(|db| {
                let json: Option<String> = db
                    .prepare_cached("SELECT notice FROM notice")?
                    .query_row([], |row| row.get(0))
                    .optional()?;
                Ok(json.map(|json| from_json("notice", &json)).transpose()?)
            })
            .await
    }

    async fn set_notice(&self, notice: Option<&Notice>) -> Result<(), StoreError> {
        let json = notice.map(to_json).transpose()?;
        self.writer
            .write(1, move |tx| {
                match &json {
                    Some(json) => tx
                        .db
                        .prepare_cached("INSERT OR REPLACE INTO notice (one, notice) VALUES (1, ?1)")?
                        .execute([json])?,
                    None => tx.db.prepare_cached("DELETE FROM notice")?.execute([])?,
                };
                Ok(())
            })
            .await
    }
}
