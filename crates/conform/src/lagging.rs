//! Waits for the indexes of AWS: they lag behind writes. The contract allows that, but the suite does not wait for it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pssp_jobs::{
    Backend, Capabilities, Change, Created, Depth, IdempotencyKey, Include, Job, JobId, JobStore, ListQuery,
    Page, Record, ResultKey, StoreError, Submission, Timestamp,
};

/// Longer than any lag of an index that was seen under the load of the suite.
const LAG: Duration = Duration::from_secs(3);

/// A store that waits before it reads from an index.
pub(crate) struct Lagging(Arc<dyn JobStore>);

impl Lagging {
    pub(crate) fn wrap(backend: Backend) -> Backend {
        Backend { store: Arc::new(Self(backend.store.clone())), ..backend }
    }
}

#[async_trait]
impl JobStore for Lagging {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn create(&self, submissions: &[Submission]) -> Vec<Result<Created<JobId>, StoreError>> {
        self.0.create(submissions).await
    }

    async fn read(&self, id: JobId, include: Include) -> Result<Option<Record>, StoreError> {
        self.0.read(id, include).await
    }

    async fn get_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        self.0.get_many(ids).await
    }

    async fn apply(&self, change: &Change) -> Result<(), StoreError> {
        self.0.apply(change).await
    }

    async fn job_of_key(&self, key: &IdempotencyKey) -> Result<Option<JobId>, StoreError> {
        self.0.job_of_key(key).await
    }

    async fn reusable(&self, keys: &[ResultKey]) -> Result<Vec<Option<JobId>>, StoreError> {
        self.0.reusable(keys).await
    }

    async fn delete(&self, id: JobId) -> Result<bool, StoreError> {
        self.0.delete(id).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Job, JobId>, StoreError> {
        tokio::time::sleep(LAG).await;
        self.0.list(query).await
    }

    async fn overdue(
        &self,
        now: Timestamp,
        horizon: Duration,
        limit: usize,
    ) -> Result<Vec<JobId>, StoreError> {
        tokio::time::sleep(LAG).await;
        self.0.overdue(now, horizon, limit).await
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.0.purge(now, limit).await
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        tokio::time::sleep(LAG).await;
        self.0.depth().await
    }

    async fn owned(&self, owner: &pssp_jobs::Owner) -> Result<u64, StoreError> {
        self.0.owned(owner).await
    }

    async fn room(&self) -> Result<Option<pssp_jobs::Room>, StoreError> {
        self.0.room().await
    }

    async fn time(&self) -> Result<Option<Timestamp>, StoreError> {
        self.0.time().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.0.ping().await
    }
}
