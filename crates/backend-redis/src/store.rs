//! Jobs: creation, transitions, reads, lists.

use std::time::Duration;

use async_trait::async_trait;
use pssp_jobs::{
    Capabilities, Change, Created, Depth, IdempotencyKey, Include, Job, JobId, JobStore, ListQuery, Owner,
    Page, Record, ResultKey, Room, StoreError, Submission, Timestamp,
};
use redis::{Pipeline, RedisError, Value};

use crate::codec::{self, NewJob, NewState};
use crate::script::{DELETE, MEND, PING, PURGE};
use crate::{QueueTime, RedisBackend, check};
use pssp_jobs::batcher::Call;
use pssp_jobs::error::corrupt;

/// Most jobs that one call reads or changes. The next call continues.
const MAX_STEP: usize = 1000;

/// A list with a filter reads at least this many jobs in one step.
const MIN_FILTERED_STEP: usize = 100;

/// When the server deletes an expired record by itself, as `delete_at` in `lua/lib.lua`.
const DELETED_AFTER: Duration = Duration::from_hours(1);

/// Records that one script purges or mends. Other clients wait meanwhile.
const PURGE_STEP: usize = 200;

/// Bytes of `maxmemory` that are not for jobs: the buffers of commands on their way, and of scripts.
const BUFFER_BYTES: u64 = 2 << 20;

/// Largest result in bytes. The server takes 512 MB, far more than any result needs.
const MAX_RESULT_BYTES: usize = 32 << 20;

#[async_trait]
impl JobStore for RedisBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "redis",
            max_create: MAX_STEP,
            max_result_bytes: MAX_RESULT_BYTES,
            // While the message waits, sending again does nothing: the message is the id of the job.
            resend_after: Duration::ZERO,
            settles_messages: true,
        }
    }

    async fn create(&self, submissions: &[Submission]) -> Vec<Result<Created<JobId>, StoreError>> {
        // The submissions of one call share round trips, also with other callers.
        let calls = submissions.iter().map(|submission| async move {
            let answer = self.creates.call(NewJob::of(submission)?).await;
            match answer.map_err(|error| self.link.error(&error))?.as_str() {
                "new" => Ok(Created::New),
                "exists" => Err(StoreError::Exists),
                "reused" => Err(StoreError::KeyReused),
                id => match id.parse() {
                    Ok(id) => Ok(Created::Existing(id)),
                    Err(error) => Err(corrupt("idempotency key", error)),
                },
            }
        });
        futures::future::join_all(calls).await
    }

    async fn read(&self, id: JobId, include: Include) -> Result<Option<Record>, StoreError> {
        let found = self.reads.call(Read { id, include }).await.map_err(|error| self.link.error(&error))?;
        let Value::Array(values) = found else { return Err(corrupt("answer", "not a list of fields")) };
        let mut values = values.into_iter().map(codec::bytes_of);
        let Some(head) = values.next().flatten() else { return Ok(None) };
        let missing = || corrupt("record of a job", "a field is missing");
        let status = values.next().flatten().ok_or_else(missing)?;
        let request = match include.request {
            true => Some(values.next().flatten().ok_or_else(missing)?),
            false => None,
        };
        let result = values.next().flatten().filter(|_| include.result);
        codec::record([head, status], request, result).map(Some)
    }

    async fn get_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        let mut all = Vec::with_capacity(ids.len());
        for ids in ids.chunks(MAX_STEP) {
            let mut commands = Pipeline::with_capacity(ids.len());
            for id in ids {
                commands.cmd("HMGET").arg(self.job_key(*id)).arg("head").arg("status");
            }
            for found in self.query_all(&commands).await? {
                all.push(codec::fields(found)?.map(codec::job).transpose()?);
            }
        }
        Ok(all)
    }

    async fn job_of_key(&self, key: &IdempotencyKey) -> Result<Option<JobId>, StoreError> {
        let id = self.id_of_key("job", key).await?;
        id.map(|id| id.parse().map_err(|error| corrupt("idempotency key", error))).transpose()
    }

    async fn reusable(&self, keys: &[ResultKey]) -> Result<Vec<Option<JobId>>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MAX_STEP) {
            // `MGET` is not used, because a Redis user that was created for an earlier release may have no
            // right to it.
            let mut commands = Pipeline::with_capacity(keys.len());
            for key in keys {
                commands.cmd("GET").arg(self.key(format_args!("reuse:{key}")));
            }
            found.extend(self.query_all(&commands).await?.into_iter().map(|id| match id {
                Value::BulkString(id) => codec::id_of(&id),
                _ => None,
            }));
        }
        Ok(found)
    }

    async fn apply(&self, change: &Change) -> Result<(), StoreError> {
        let answer = self.applies.call(NewState::of(change)?).await;
        match answer.map_err(|error| self.link.error(&error))?.as_str() {
            "ok" => Ok(()),
            "gone" => Err(StoreError::NotFound),
            fence => Err(codec::conflict(fence)),
        }
    }

    async fn delete(&self, id: JobId) -> Result<bool, StoreError> {
        let answer = self.eval(&DELETE, |command| {
            command.arg(id.to_string());
        });
        let answer = answer.await?;
        Ok(answer == Value::Int(1))
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Job, JobId>, StoreError> {
        let limit = query.limit.clamp(1, MAX_STEP);
        let index = self.key(format_args!("owner:{}", query.owner.as_str()));
        // With a filter a step may find few jobs or none. The step is bounded, and the page says where the next
        // one begins.
        let step = if query.state.is_some() { limit.max(MIN_FILTERED_STEP) } else { limit };
        let mut steps = (MAX_STEP / step).max(1);
        let (mut items, mut before) = (Vec::new(), query.before);
        loop {
            let (ids, more) = self.ids_before(&index, before, step).await?;
            let found = self.get_many(&ids).await?;
            let last = ids.last().copied();
            let mut gone = Vec::new();
            for (id, found) in ids.into_iter().zip(found) {
                before = Some(id);
                match found {
                    None => gone.push(id.to_string()),
                    Some(job) if query.state.is_none_or(|state| job.status.state() == state) => {
                        items.push(job);
                    }
                    Some(_) => {}
                }
                if items.len() == limit {
                    break;
                }
            }
            self.forget(&index, &gone).await;
            steps -= 1;
            if !more && (last.is_none() || last == before) {
                return Ok(Page { items, next: None });
            }
            if items.len() == limit || steps == 0 || query.state.is_none() {
                return Ok(Page { items, next: before });
            }
        }
    }

    async fn overdue(
        &self,
        now: Timestamp,
        horizon: Duration,
        limit: usize,
    ) -> Result<Vec<JobId>, StoreError> {
        let (now, far) = (now.as_millis(), now.plus(horizon).as_millis());
        let mut commands = Pipeline::new();
        for name in ["submitted", "running"] {
            for (from, to) in [("-inf".to_owned(), now.to_string()), (format!("({far}"), "+inf".to_owned())] {
                commands.cmd("ZRANGE").arg(self.key(name)).arg(from).arg(to);
                commands.arg("BYSCORE").arg("LIMIT").arg(0).arg(limit.min(MAX_STEP)).arg("WITHSCORES");
            }
        }
        let mut due: Vec<(i64, JobId)> = Vec::new();
        for found in self.query_all(&commands).await? {
            let pairs: Vec<(Vec<u8>, f64)> = self.read(found)?;
            #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds, below 2^53")]
            due.extend(pairs.iter().filter_map(|(id, at)| Some((*at as i64, codec::id_of(id)?))));
        }
        due.sort_unstable();
        due.truncate(limit.min(MAX_STEP));
        self.mend(&due).await?;
        Ok(due.into_iter().map(|(_, id)| id).collect())
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut purged = 0;
        while purged < limit {
            let step = PURGE_STEP.min(limit - purged);
            let answer = self.eval(&PURGE, |command| {
                command.arg(now.as_millis()).arg(step);
            });
            let gone: usize = self.read(answer.await?)?;
            purged += gone;
            if gone < step {
                break;
            }
        }
        Ok(purged)
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        let mut commands = Pipeline::new();
        for name in ["submitted", "running", "dead"] {
            commands.cmd("ZCARD").arg(self.key(name));
        }
        let counts: Vec<u64> = self.read(Value::Array(self.query_all(&commands).await?))?;
        match counts[..] {
            [submitted, running, dead] => Ok(Depth { submitted, running, dead }),
            _ => Err(corrupt("answer", "not three counts")),
        }
    }

    /// Writes as a creation does, so that a full, read-only or half-broken server, or one that has taken a right
    /// away, fails the check.
    async fn ping(&self) -> Result<(), StoreError> {
        self.eval(&PING, |_| {}).await.map(drop)
    }

    async fn owned(&self, owner: &Owner) -> Result<u64, StoreError> {
        let mut command = redis::cmd("ZCARD");
        command.arg(self.key(format!("owner:{}", owner.as_str())));
        self.read(self.query(&command).await?)
    }

    async fn room(&self) -> Result<Option<Room>, StoreError> {
        let info = check::info(&self.link).await?;
        let field = |name: &str| info.get(name).and_then(|value| value.parse::<u64>().ok());
        let Some(limit) = field("maxmemory").filter(|limit| *limit > 0) else { return Ok(None) };
        // Buffers of replicas and of the log do not count against maxmemory.
        let used = field("used_memory").unwrap_or(0);
        let used = used.saturating_sub(field("mem_not_counted_for_evict").unwrap_or(0));
        let mut commands = Pipeline::new();
        commands.cmd("ZCARD").arg(self.key("submitted")).cmd("ZCARD").arg(self.key("running"));
        commands.cmd("GET").arg(self.key("open"));
        let answer = Value::Array(self.query_all(&commands).await?);
        let (submitted, running, residues): (u64, u64, Option<u64>) = self.read(answer)?;
        let results = Room::of_results(submitted + running, residues.unwrap_or(0));
        // The allocator rounds sizes up, by a quarter at most.
        let reserved = results.saturating_add(results / 4);
        Ok(Some(Room { used, reserved, limit: limit.saturating_sub(BUFFER_BYTES) }))
    }

    async fn time(&self) -> Result<Option<Timestamp>, StoreError> {
        if self.options.queue_time == QueueTime::Clock {
            return Ok(Some(self.clock.now()));
        }
        let (seconds, micros): (i64, i64) = self.read(self.query(&redis::cmd("TIME")).await?)?;
        Ok(Some(Timestamp::from_millis(seconds * 1000 + micros / 1000)))
    }
}

impl RedisBackend {
    /// Ids of an index that are before `before`, newest first, and whether there are more.
    pub(crate) async fn ids_before(
        &self,
        index: &str,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<(Vec<JobId>, bool), StoreError> {
        let from = before.map_or_else(|| "+".to_owned(), |id| format!("({id}"));
        let mut command = redis::cmd("ZRANGE");
        command.arg(index).arg(from).arg("-").arg("BYLEX").arg("REV");
        command.arg("LIMIT").arg(0).arg(limit + 1);
        let mut found: Vec<Vec<u8>> = self.read(self.query(&command).await?)?;
        let more = found.len() > limit;
        found.truncate(limit);
        Ok((found.iter().filter_map(|id| codec::id_of(id)).collect(), more))
    }

    /// Mends the entries of overdue jobs that do not agree with their records.
    async fn mend(&self, due: &[(i64, JobId)]) -> Result<(), StoreError> {
        for some in due.chunks(PURGE_STEP) {
            let answer = self.eval(&MEND, |command| {
                for (score, id) in some {
                    command.arg(id.to_string()).arg(score);
                }
            });
            let mended: Vec<Vec<u8>> = self.read(answer.await?)?;
            for id in mended.iter().filter_map(|id| codec::id_of(id)) {
                tracing::warn!(job = %id, "job {id} was listed in a state that it is not in; mended");
                self.let_expire(id).await?;
            }
        }
        Ok(())
    }

    /// Makes a job that has ended expire, as the script does that ends it.
    async fn let_expire(&self, id: JobId) -> Result<(), StoreError> {
        let Some(at) = self.get(id).await?.and_then(|job| job.status.expires_at) else { return Ok(()) };
        let mut commands = Pipeline::new();
        let later = at.plus(DELETED_AFTER).as_millis();
        commands.cmd("PEXPIREAT").arg(self.key(format!("job:{id}"))).arg(later);
        commands.cmd("ZADD").arg(self.key("expiry")).arg(at.as_millis()).arg(format!("j{id}"));
        self.query_all(&commands).await.map(drop)
    }

    /// Removes ids of expired records from an index. An id is never used again, so this is safe. If it fails,
    /// the next reader does it.
    pub(crate) async fn forget(&self, index: &str, gone: &[String]) {
        if !gone.is_empty() {
            let mut command = redis::cmd("ZREM");
            command.arg(index).arg(gone);
            drop(self.query(&command).await);
        }
    }
}

/// A read of one record, which can share its round trip.
pub(crate) struct Read {
    id: JobId,
    include: Include,
}

impl Call for Read {
    type Answer = Value;
    type Error = redis::RedisError;

    fn bytes(&self) -> usize {
        100
    }
}

impl RedisBackend {
    /// Reads the records. A record that does not exist has only `nil` fields.
    pub(crate) async fn read_group(
        link: std::sync::Arc<crate::link::Link>,
        group: Vec<Read>,
    ) -> Result<Vec<Value>, RedisError> {
        let mut commands = Pipeline::with_capacity(group.len());
        for Read { id, include } in group {
            let key = format!("{}job:{id}", link.target.prefix);
            commands.cmd("HMGET").arg(key).arg("head").arg("status");
            if include.request {
                commands.arg("request");
            }
            if include.result {
                commands.arg("result");
            }
        }
        link.query_all(&commands).await
    }
}
