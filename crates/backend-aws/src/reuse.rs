//! The job of each stored result: one item for each key, a hint that is written just before the job is
//! finished.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use pssp_jobs::{JobId, ResultKey, Status, StoreError, StoredResult};

use crate::AwsBackend;
use crate::item::{self, Item, expiry, get_text, text, with};

/// Number of keys that are looked up at the same time.
const LOOKUP_CONCURRENCY: usize = 32;

impl AwsBackend {
    /// Writes the hint. If that fails, the result is not reused and will be computed again.
    pub(crate) async fn note_reusable(&self, id: JobId, status: &Status, result: &StoredResult) {
        let (Some(key), Some(expires_at)) = (result.key, status.expires_at) else { return };
        let item = with(key_of(key), [("leads_to", text(id.to_string()))]);
        if let Err(error) = self.table.put(with(item, expiry(expires_at))).await {
            tracing::debug!(job = %id, %error, "the result of job {id} will not be reused: {error}");
        }
    }

    pub(crate) async fn reusable_of(&self, keys: &[ResultKey]) -> Result<Vec<Option<JobId>>, StoreError> {
        let reads: Vec<_> = keys.iter().map(|key| self.lookup(*key)).collect();
        stream::iter(reads).buffered(LOOKUP_CONCURRENCY).try_collect().await
    }

    async fn lookup(&self, key: ResultKey) -> Result<Option<JobId>, StoreError> {
        let found = self.table.get(key_of(key)).await?;
        Ok(found.and_then(|item| get_text(&item, "leads_to").ok()?.parse().ok()))
    }
}

fn key_of(key: ResultKey) -> Item {
    item::key(format!("U#{key}"), "U")
}
