//! The operator's notice, in one row.

use async_trait::async_trait;
use pssp_jobs::rows::{from_json, to_json};
use pssp_jobs::{Notice, Notices, StoreError};
use tokio_postgres::types::Type;

use crate::PostgresBackend;
use crate::jobs::get;

#[async_trait]
impl Notices for PostgresBackend {
    async fn notice(&self) -> Result<Option<Notice>, StoreError> {
        let row = self.query_one("SELECT notice FROM @notice", &[]).await?;
        row.map(|row| from_json("notice", get(&row, 0)?)).transpose()
    }

    async fn set_notice(&self, notice: Option<&Notice>) -> Result<(), StoreError> {
        let Some(notice) = notice else {
            return self.query("DELETE FROM @notice", &[]).await.map(drop);
        };
        self.query(
            "INSERT INTO @notice (one, notice) VALUES (true, $1)
             ON CONFLICT (one) DO UPDATE SET notice = excluded.notice",
            &[(&to_json(notice)?, Type::TEXT)],
        )
        .await
        .map(drop)
    }
}
