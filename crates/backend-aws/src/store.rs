//! Jobs: reads and deletion. Creation, transitions and indexes are in other files.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use pssp_common::Backoff;
use pssp_jobs::{
    Capabilities, Change, Created, Depth, IdempotencyKey, Include, Job, JobId, JobStore, ListQuery, Owner,
    Page, Record, ResultKey, Room, State, StoreError, Submission, Timestamp,
};

use crate::AwsBackend;
use crate::dead;
use crate::item::{
    self, Item, MAX_ITEM_BYTES, MAX_SMALL_BYTES, get_bytes, get_text, job_key, job_partition, key,
};
use crate::keys::{self, Kind};
use crate::pack::unpack;
use crate::schema::SORT;
use crate::table::{Condition, Write, Written};
use pssp_jobs::error::{corrupt, unwritable};

/// Most keys in one batch read, and number of batch reads at the same time.
const MAX_READ_KEYS: usize = 100;
const READ_CONCURRENCY: usize = 4;

/// How often keys that DynamoDB left out of a batch read are requested again.
const MAX_READ_TRIES: u32 = 10;

#[async_trait]
impl JobStore for AwsBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "aws",
            max_create: 1000,
            max_result_bytes: MAX_ITEM_BYTES - MAX_SMALL_BYTES,
            // SQS loses no messages and delivers within a second. A message that is sent again is sent rarely.
            resend_after: Duration::from_secs(2),
            settles_messages: false,
        }
    }

    async fn create(&self, submissions: &[Submission]) -> Vec<Result<Created<JobId>, StoreError>> {
        self.create_all(submissions).await
    }

    async fn read(&self, id: JobId, include: Include) -> Result<Option<Record>, StoreError> {
        if include.result {
            return self.read_with_result(id, include).await;
        }
        let names: &[&'static str] =
            if include.request { &["head", "status", "request"] } else { &["head", "status"] };
        let found = self.table.get_some(job_key(id), names).await?;
        found.map(|item| record(&item, include, None)).transpose()
    }

    async fn get_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        // DynamoDB refuses a batch with duplicate keys.
        let mut wanted = ids.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let reads = wanted.chunks(MAX_READ_KEYS).map(|ids| self.read_many(ids));
        let found: Vec<Vec<(JobId, Job)>> =
            stream::iter(reads.collect::<Vec<_>>()).buffer_unordered(READ_CONCURRENCY).try_collect().await?;
        let found: HashMap<JobId, Job> = found.into_iter().flatten().collect();
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn job_of_key(&self, key: &IdempotencyKey) -> Result<Option<JobId>, StoreError> {
        match self.table.get(keys::key_of(Kind::Job, key)).await? {
            Some(stored) => keys::known(&stored, key, self.clock.now()),
            None => Ok(None),
        }
    }

    async fn reusable(&self, keys: &[ResultKey]) -> Result<Vec<Option<JobId>>, StoreError> {
        self.reusable_of(keys).await
    }

    async fn apply(&self, change: &Change) -> Result<(), StoreError> {
        self.apply_change(change).await
    }

    async fn delete(&self, id: JobId) -> Result<bool, StoreError> {
        let items = self.job_and_results(id, false).await?;
        if !items.iter().any(|item| sort_of(item) == "J") {
            return Ok(false);
        }
        let job = Write::Delete { key: job_key(id), condition: Some(Condition::present()) };
        let letter = Write::Delete { key: dead::key(id), condition: None };
        let results = items.iter().map(sort_of).filter(|sort| *sort != "J");
        let results =
            results.map(|sort| Write::Delete { key: key(job_partition(id), sort), condition: None });
        // A job never has more than a hundred attempts. Further results would stay unseen until they expire.
        let writes: Vec<Write> = [job, letter].into_iter().chain(results).take(100).collect();
        let written = self.table.write(&writes).await?;
        self.hub.notify(id);
        Ok(matches!(written, Written::Done))
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Job, JobId>, StoreError> {
        self.list_page(query).await
    }

    async fn overdue(
        &self,
        now: Timestamp,
        horizon: Duration,
        limit: usize,
    ) -> Result<Vec<JobId>, StoreError> {
        self.candidates(now, horizon, limit).await
    }

    /// DynamoDB deletes expired items by their `ttl`.
    async fn purge(&self, _now: Timestamp, _limit: usize) -> Result<usize, StoreError> {
        Ok(0)
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        self.count().await
    }

    /// Reads a key that never exists, and the attributes of the queue. A worker has the permissions for both.
    async fn ping(&self) -> Result<(), StoreError> {
        self.table.get(key("P", "P")).await?;
        self.queue.counts().await.map(drop)
    }

    async fn owned(&self, owner: &Owner) -> Result<u64, StoreError> {
        self.count_owned(owner.as_str()).await
    }

    /// A table has no limit.
    async fn room(&self) -> Result<Option<Room>, StoreError> {
        Ok(None)
    }

    /// By the `Date` of the latest answer. Makes a call only if there was none yet.
    async fn time(&self) -> Result<Option<Timestamp>, StoreError> {
        if self.server_time.offset_ms().is_none() {
            self.table.get(key("P", "P")).await?;
        }
        let now = self.clock.now().as_millis();
        Ok(self.server_time.offset_ms().map(|offset| Timestamp::from_millis(now.saturating_add(offset))))
    }
}

fn sort_of(item: &Item) -> &str {
    get_text(item, SORT).unwrap_or_default()
}

/// The record from a job's item.
fn record(item: &Item, include: Include, result: Option<Bytes>) -> Result<Record, StoreError> {
    let request = include.request.then(|| item::request(item)).transpose()?;
    Ok(Record { job: item::job(item)?, request, result })
}

impl AwsBackend {
    /// A job with its result, by one query: both are in the partition of the job.
    async fn read_with_result(&self, id: JobId, include: Include) -> Result<Option<Record>, StoreError> {
        let items = self.job_and_results(id, include.request).await?;
        let Some(job) = items.iter().find(|item| sort_of(item) == "J") else { return Ok(None) };
        let status = item::status(job)?;
        if status.state() != State::Finished || status.is_expired(self.clock.now()) {
            return record(job, include, None).map(Some);
        }
        let sort = get_text(job, "result")?;
        let found = match items.iter().find(|item| sort_of(item) == sort) {
            Some(found) => Some(found.clone()),
            // The result was written after its place in the range was read, but before the job was: DynamoDB
            // reads a range item by item.
            None => self.table.get(key(job_partition(id), sort)).await?,
        };
        let Some(found) = found else {
            // The result must exist, unless the job has just been deleted with it.
            let named = self.table.get(job_key(id)).await?;
            let still = named.is_some_and(|job| get_text(&job, "result").is_ok_and(|named| named == sort));
            let lost = || corrupt("result", "the job names one that is not there");
            return if still { Err(lost()) } else { Ok(None) };
        };
        let result = unpack("result", get_bytes(&found, "result")?)?;
        record(job, include, Some(result.into())).map(Some)
    }

    /// All items of a job: the job itself, and then its results.
    async fn job_and_results(&self, id: JobId, request: bool) -> Result<Vec<Item>, StoreError> {
        let projection =
            if request { "sk, #head, #status, #result, #request" } else { "sk, #head, #status, #result" };
        let query = self.table.client.query().table_name(&self.table.name).consistent_read(true);
        let mut query = query
            .key_condition_expression("pk = :job")
            .expression_attribute_values(":job", item::text(job_partition(id)))
            .projection_expression(projection)
            .expression_attribute_names("#head", "head")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#result", "result");
        if request {
            query = query.expression_attribute_names("#request", "request");
        }
        let mut pages = query.into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            items.extend(page.map_err(|error| self.table.error(error))?.items.unwrap_or_default());
        }
        Ok(items)
    }

    /// At most [`MAX_READ_KEYS`] distinct jobs, without their inputs.
    async fn read_many(&self, ids: &[JobId]) -> Result<Vec<(JobId, Job)>, StoreError> {
        let keys = ids.iter().map(|id| job_key(*id)).collect();
        let mut wanted = Some(
            KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .projection_expression("pk, #head, #status")
                .expression_attribute_names("#head", "head")
                .expression_attribute_names("#status", "status")
                .build()
                .map_err(unwritable)?,
        );
        let mut found = Vec::with_capacity(ids.len());
        let mut backoff = Backoff::new(Duration::from_millis(40), Duration::from_secs(1)).with_jitter();
        for tries in 0..MAX_READ_TRIES {
            let Some(request) = wanted.take() else { return Ok(found) };
            if tries > 0 {
                tokio::time::sleep(backoff.next_wait()).await;
            }
            let call = self.table.client.batch_get_item().request_items(&self.table.name, request);
            let answer = call.send().await.map_err(|error| self.table.error(error))?;
            for item in answer.responses.unwrap_or_default().into_values().flatten() {
                found.push((item::job_of(&item)?, item::job(&item)?));
            }
            wanted = answer.unprocessed_keys.unwrap_or_default().remove(&self.table.name);
        }
        match wanted {
            None => Ok(found),
            Some(_) => Err(StoreError::Unavailable(
                format!(
                    "{}: reads are throttled: some keys were left out {MAX_READ_TRIES} times",
                    self.table.place
                )
                .into(),
            )),
        }
    }
}
