//! Reads from the indexes: lists, candidates of the sweep, counts. The indexes lag behind writes, so no
//! decision depends on them.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use pssp_jobs::{Depth, Job, JobId, ListQuery, Page, State, StoreError, Timestamp};

use crate::AwsBackend;
use crate::item::{self, Item, due_key, get_text, number, text};
use crate::schema::{BY_DUE, BY_OWNER, SHARDS};
use pssp_jobs::error::corrupt;

/// Most jobs that one call reads. The next call continues.
const MAX_STEP: usize = 1000;

/// A list with a filter reads at least this many jobs in one step.
const MIN_FILTERED_STEP: usize = 100;

/// Number of queries of one call at the same time.
const QUERY_CONCURRENCY: usize = 8;

/// Most pages of 1 MB (about 7,000 jobs) of each shard that are counted. Beyond that the counts of the queue
/// are used.
const MAX_COUNTED_PAGES: usize = 4;

impl AwsBackend {
    pub(crate) async fn list_page(&self, query: &ListQuery) -> Result<Page<Job, JobId>, StoreError> {
        let limit = query.limit.clamp(1, MAX_STEP);
        // With a filter a step may find few jobs or none. The step is bounded, and the page says where the next
        // one begins.
        let step = if query.state.is_some() { limit.max(MIN_FILTERED_STEP) } else { limit };
        let mut steps = (MAX_STEP / step).max(1);
        let (mut items, mut before) = (Vec::new(), query.before);
        loop {
            let (found, more) = self.owned(query.owner.as_str(), before, step).await?;
            let seen = found.len();
            for (n, job) in found.into_iter().enumerate() {
                before = Some(job.id());
                if query.state.is_none_or(|state| job.state() == state) {
                    items.push(job);
                }
                if items.len() == limit {
                    let left = more || n + 1 < seen;
                    return Ok(Page { items, next: before.filter(|_| left) });
                }
            }
            steps -= 1;
            if !more {
                return Ok(Page { items, next: None });
            }
            if steps == 0 || query.state.is_none() {
                return Ok(Page { items, next: before });
            }
        }
    }

    /// Jobs of an owner that are before `before`, newest first, and whether there may be more.
    async fn owned(
        &self,
        owner: &str,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<(Vec<Job>, bool), StoreError> {
        let mut call = self.table.client.query().table_name(&self.table.name).index_name(BY_OWNER.name);
        call = call
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(owner));
        let mut condition = "#owner = :owner".to_owned();
        if let Some(before) = before {
            condition += " AND id < :before";
            call = call.expression_attribute_values(":before", text(before.to_string()));
        }
        let call = call.key_condition_expression(condition).scan_index_forward(false).limit(amount(limit));
        let answer = call.send().await.map_err(|error| self.table.error(error))?;
        let more = answer.last_evaluated_key().is_some();
        let found = answer.items().iter().map(item::job).collect::<Result<_, _>>()?;
        Ok((found, more))
    }

    /// Counts the jobs of an owner: at most [`MAX_COUNTED_PAGES`] pages, so it may be too few for very many.
    pub(crate) async fn count_owned(&self, owner: &str) -> Result<u64, StoreError> {
        let (mut count, mut from) = (0, None);
        for _ in 0..MAX_COUNTED_PAGES {
            let call = self.table.client.query().table_name(&self.table.name).index_name(BY_OWNER.name);
            let call = call.select(Select::Count).key_condition_expression("#owner = :owner");
            let call = call
                .expression_attribute_names("#owner", "owner")
                .expression_attribute_values(":owner", text(owner));
            let answer = call.set_exclusive_start_key(from).send().await;
            let answer = answer.map_err(|error| self.table.error(error))?;
            count += u64::try_from(answer.count()).unwrap_or_default();
            from = answer.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(count)
    }

    pub(crate) async fn candidates(
        &self,
        now: Timestamp,
        horizon: Duration,
        limit: usize,
    ) -> Result<Vec<JobId>, StoreError> {
        let (limit, far) = (limit.clamp(1, MAX_STEP), now.plus(horizon));
        let queries =
            shards().flat_map(|shard| [(shard.clone(), "due_at <= :at", now), (shard, "due_at > :at", far)]);
        let queries = queries.map(|(shard, range, at)| self.due(shard, range, at, limit));
        let queries = stream::iter(queries.collect::<Vec<_>>()).buffer_unordered(QUERY_CONCURRENCY);
        let mut due: Vec<(i64, JobId)> = queries.try_concat().await?;
        due.sort_unstable();
        due.truncate(limit);
        Ok(due.into_iter().map(|(_, id)| id).collect())
    }

    /// Jobs of one shard in a range of times, the longest overdue first.
    async fn due(
        &self,
        shard: String,
        range: &str,
        at: Timestamp,
        limit: usize,
    ) -> Result<Vec<(i64, JobId)>, StoreError> {
        let call = self.table.client.query().table_name(&self.table.name).index_name(BY_DUE.name);
        let call = call.key_condition_expression(format!("due_key = :shard AND {range}"));
        let call = call.expression_attribute_values(":shard", text(shard));
        let call = call.expression_attribute_values(":at", number(at.as_millis())).limit(amount(limit));
        let answer = call.send().await.map_err(|error| self.table.error(error))?;
        answer.items().iter().map(due_of).collect()
    }

    pub(crate) async fn count(&self) -> Result<Depth, StoreError> {
        let counts = [State::Submitted, State::Running].map(|state| self.count_state(state));
        let [submitted, running] = counts;
        let (submitted, running, dead) =
            futures::future::try_join3(submitted, running, self.count_dead()).await?;
        let mut depth = Depth { submitted: submitted.0, running: running.0, dead };
        if submitted.1 || running.1 {
            // There are too many jobs to count. The queue has an approximate number.
            let queue = self.queue.counts().await?;
            depth.submitted = depth.submitted.max(queue.waiting);
            depth.running = depth.running.max(queue.held);
        }
        Ok(depth)
    }

    /// The number of jobs in a state, and whether there are more than were counted.
    async fn count_state(&self, state: State) -> Result<(u64, bool), StoreError> {
        let counts = (0..SHARDS).map(|shard| self.count_shard(due_key(state, shard)));
        let counts: Vec<(u64, bool)> = stream::iter(counts.collect::<Vec<_>>())
            .buffer_unordered(QUERY_CONCURRENCY)
            .try_collect()
            .await?;
        Ok((counts.iter().map(|(n, _)| n).sum(), counts.iter().any(|(_, more)| *more)))
    }

    async fn count_shard(&self, shard: String) -> Result<(u64, bool), StoreError> {
        let mut count = 0;
        let mut from = None;
        for _ in 0..MAX_COUNTED_PAGES {
            let call = self.table.client.query().table_name(&self.table.name).index_name(BY_DUE.name);
            let call = call.select(Select::Count).key_condition_expression("due_key = :shard");
            let call = call.expression_attribute_values(":shard", text(&shard)).set_exclusive_start_key(from);
            let answer = call.send().await.map_err(|error| self.table.error(error))?;
            count += u64::try_from(answer.count()).unwrap_or_default();
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok((count, false));
            }
        }
        Ok((count, true))
    }
}

/// The partitions of the index by due time.
fn shards() -> impl Iterator<Item = String> {
    let states = [State::Submitted, State::Running];
    states.into_iter().flat_map(|state| (0..SHARDS).map(move |shard| due_key(state, shard)))
}

fn due_of(item: &Item) -> Result<(i64, JobId), StoreError> {
    let due = item.get("due_at").and_then(|at: &AttributeValue| at.as_n().ok()?.parse().ok());
    let due = due.ok_or_else(|| corrupt("index by due time", "due_at is missing"))?;
    get_text(item, "pk").and_then(|_| item::job_of(item)).map(|id| (due, id))
}

fn amount(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}
