//! A backend that counts its calls and the bytes that it reads and writes.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use crate::backend::Backend;
use crate::error::StoreError;
use crate::id::{JobId, Owner};
use crate::job::{Job, Request};
use crate::ports::{
    Capabilities, Change, Created, Delivery, Depth, IdempotencyKey, Include, JobReceiver, JobStore,
    ListQuery, Page, Receipt, Record, Room, Submission,
};
use crate::reuse::ResultKey;
use crate::time::Timestamp;
use crate::transfer::{Arrived, Crossing, Entry, Scan, Transfer};

/// The calls and bytes of a backend.
#[derive(Debug, Default)]
pub struct Counts {
    calls: Mutex<Vec<&'static str>>,
    bytes: AtomicUsize,
    input_bytes: AtomicUsize,
    receives: AtomicUsize,
}

impl Counts {
    /// The names of the calls since the last time, in order. Receives are not counted.
    pub fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Bytes of records and results that were read or written since the last time, as JSON.
    pub fn take_bytes(&self) -> usize {
        self.bytes.swap(0, Relaxed)
    }

    /// Of these, the bytes of requests (inputs), including those that came with a delivery.
    pub fn take_input_bytes(&self) -> usize {
        self.input_bytes.swap(0, Relaxed)
    }

    /// Number of receives since the last time.
    pub fn take_receives(&self) -> usize {
        self.receives.swap(0, Relaxed)
    }

    fn call(&self, name: &'static str) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }

    fn job(&self, job: &Job) {
        self.bytes.fetch_add(json(&job.head) + json(&job.status), Relaxed);
    }

    fn request(&self, request: &Request) {
        self.bytes.fetch_add(json(request), Relaxed);
        self.input_bytes.fetch_add(json(request), Relaxed);
    }

    fn record(&self, record: &Record) {
        self.job(&record.job);
        if let Some(request) = &record.request {
            self.request(request);
        }
        self.bytes.fetch_add(record.result.as_ref().map_or(0, bytes::Bytes::len), Relaxed);
    }
}

fn json(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(0, |text| text.len())
}

/// A backend that counts its calls and bytes.
pub struct Counting {
    inner: Backend,
    counts: Arc<Counts>,
}

impl Counting {
    /// Wraps the store, the receiver and the transfer of `inner`.
    #[must_use]
    pub fn wrap(inner: &Backend) -> (Backend, Arc<Counts>) {
        let counts = Arc::new(Counts::default());
        let counting = Arc::new(Self { inner: inner.clone(), counts: counts.clone() });
        let (store, receiver, transfer) = (counting.clone(), counting.clone(), counting);
        (Backend { store, receiver: Some(receiver), transfer, ..inner.clone() }, counts)
    }

    fn receiver(&self) -> &dyn JobReceiver {
        self.inner.receiver.as_deref().expect("a harness brings a receiver")
    }
}

#[async_trait]
impl Transfer for Counting {
    async fn scan(&self, from: Option<&str>, limit: usize) -> Result<Scan, StoreError> {
        self.counts.call("scan");
        self.inner.transfer.scan(from, limit).await
    }

    async fn arrive(&self, entries: &[Entry], crossing: Crossing) -> Vec<Result<Arrived, StoreError>> {
        self.counts.call("arrive");
        self.inner.transfer.arrive(entries, crossing).await
    }

    async fn last_move(&self) -> Result<u64, StoreError> {
        self.counts.call("last_move");
        self.inner.transfer.last_move().await
    }
}

#[async_trait]
impl JobStore for Counting {
    fn capabilities(&self) -> Capabilities {
        self.inner.store.capabilities()
    }

    async fn create(&self, submissions: &[Submission]) -> Vec<Result<Created<JobId>, StoreError>> {
        self.counts.call("create");
        for new in submissions {
            self.counts.job(&new.job);
            self.counts.request(&new.request);
        }
        self.inner.store.create(submissions).await
    }

    async fn read(&self, id: JobId, include: Include) -> Result<Option<Record>, StoreError> {
        self.counts.call("read");
        let record = self.inner.store.read(id, include).await?;
        record.iter().for_each(|record| self.counts.record(record));
        Ok(record)
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.counts.call("get");
        let job = self.inner.store.get(id).await?;
        job.iter().for_each(|job| self.counts.job(job));
        Ok(job)
    }

    async fn get_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        self.counts.call("get_many");
        let jobs = self.inner.store.get_many(ids).await?;
        jobs.iter().flatten().for_each(|job| self.counts.job(job));
        Ok(jobs)
    }

    async fn job_of_key(&self, key: &IdempotencyKey) -> Result<Option<JobId>, StoreError> {
        self.counts.call("job_of_key");
        self.inner.store.job_of_key(key).await
    }

    async fn reusable(&self, keys: &[ResultKey]) -> Result<Vec<Option<JobId>>, StoreError> {
        self.counts.call("reusable");
        self.inner.store.reusable(keys).await
    }

    async fn apply(&self, change: &Change) -> Result<(), StoreError> {
        self.counts.call("apply");
        let result = change.result.as_ref().map_or(0, |result| result.bytes.len());
        self.counts.bytes.fetch_add(json(&change.status) + result, Relaxed);
        self.inner.store.apply(change).await
    }

    async fn delete(&self, id: JobId) -> Result<bool, StoreError> {
        self.counts.call("delete");
        self.inner.store.delete(id).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Job, JobId>, StoreError> {
        self.counts.call("list");
        self.inner.store.list(query).await
    }

    async fn overdue(
        &self,
        now: Timestamp,
        horizon: Duration,
        limit: usize,
    ) -> Result<Vec<JobId>, StoreError> {
        self.counts.call("overdue");
        self.inner.store.overdue(now, horizon, limit).await
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.counts.call("purge");
        self.inner.store.purge(now, limit).await
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        self.counts.call("depth");
        self.inner.store.depth().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.counts.call("ping");
        self.inner.store.ping().await
    }

    async fn owned(&self, owner: &Owner) -> Result<u64, StoreError> {
        self.counts.call("owned");
        self.inner.store.owned(owner).await
    }

    async fn room(&self) -> Result<Option<Room>, StoreError> {
        self.inner.store.room().await
    }

    async fn time(&self) -> Result<Option<Timestamp>, StoreError> {
        self.counts.call("time");
        self.inner.store.time().await
    }
}

#[async_trait]
impl JobReceiver for Counting {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.counts.receives.fetch_add(1, Relaxed);
        let deliveries = self.receiver().receive(max, wait, visibility).await?;
        deliveries.iter().filter_map(|d| d.record.as_deref()).for_each(|record| self.counts.record(record));
        Ok(deliveries)
    }

    async fn ack(&self, receipt: Receipt) -> Result<(), StoreError> {
        self.counts.call("ack");
        self.receiver().ack(receipt).await
    }

    async fn retry(&self, receipt: Receipt, after: Duration) -> Result<(), StoreError> {
        self.counts.call("retry");
        self.receiver().retry(receipt, after).await
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<bool, StoreError> {
        self.counts.call("extend");
        self.receiver().extend(receipt, visibility).await
    }
}
