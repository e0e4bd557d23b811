//! The operator's notice, in one item.

use async_trait::async_trait;
use pssp_jobs::{Notice, Notices, StoreError};

use crate::AwsBackend;
use crate::item::{from_json, get_text, key, text, to_json, with};
use crate::table::Write;

#[async_trait]
impl Notices for AwsBackend {
    async fn notice(&self) -> Result<Option<Notice>, StoreError> {
        match self.table.get(key("N", "N")).await? {
            Some(item) => from_json("notice", get_text(&item, "notice")?.as_bytes()).map(Some),
            None => Ok(None),
        }
    }

    async fn set_notice(&self, notice: Option<&Notice>) -> Result<(), StoreError> {
        let write = match notice {
            Some(notice) => {
                let item = with(key("N", "N"), [("notice", text(to_json(notice)?))]);
                Write::Put { item, condition: None }
            }
            None => Write::Delete { key: key("N", "N"), condition: None },
        };
        self.table.write(&[write]).await.map(drop)
    }
}
