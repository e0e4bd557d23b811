//! Jobs: [`JobStore`] on the statements of `create`, `apply` and `jobs`.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use pssp_jobs::rows::state_code;
use pssp_jobs::{
    Capabilities, Change, Created, Depth, IdempotencyKey, Include, Job, JobId, JobStore, ListQuery, Owner,
    Page, Record, ResultKey, Room, State, StoreError, Submission, Timestamp,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::apply::Transition;
use crate::create::NewJob;
use crate::database::Param;
use crate::jobs::{self, get, id_of};
use crate::{PostgresBackend, QueueTime, now, room};

/// Most jobs on one page, in one list of candidates or in one creation.
const MAX_BATCH: usize = 1000;

/// Number of jobs that one step of a purge deletes.
const PURGE_STEP: usize = 500;

/// Largest result in bytes. PostgreSQL itself allows 1 GB.
const MAX_RESULT_BYTES: usize = 64 * 1024 * 1024;

impl PostgresBackend {
    /// Runs one statement.
    pub(crate) async fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        self.database.query(sql, params).await.map_err(|fault| self.database.error(fault))
    }

    /// Runs one statement that counts, or returns at most one row.
    pub(crate) async fn query_one(&self, sql: &str, params: &[Param<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Runs one statement whose text is always another one, so that no connection keeps it.
    pub(crate) async fn query_unprepared(&self, sql: &str) -> Result<Option<Row>, StoreError> {
        let rows = self.database.query_unprepared(sql).await.map_err(|fault| self.database.error(fault))?;
        Ok(rows.into_iter().next())
    }

    async fn count(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        let row = self.query_one(sql, params).await?;
        Ok(row.map(|row| get::<i64>(&row, 0)).transpose()?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
    }
}

#[async_trait]
impl JobStore for PostgresBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "postgres",
            max_create: MAX_BATCH,
            max_result_bytes: MAX_RESULT_BYTES,
            // Sending again merges with the message that is there, so it is always cheap.
            resend_after: Duration::ZERO,
            settles_messages: true,
        }
    }

    async fn create(&self, submissions: &[Submission]) -> Vec<Result<Created<JobId>, StoreError>> {
        let mut due = false;
        let calls = submissions.iter().map(|submission| {
            let job = NewJob::of(submission);
            due |= job.as_ref().is_ok_and(NewJob::has_message);
            async {
                let made = self.creates.call(job?).await.flatten();
                made.map_err(|fault| self.database.error(fault))?.answer()
            }
        });
        let calls: Vec<_> = calls.collect();
        let outcomes = futures::future::join_all(calls).await;
        if due && outcomes.iter().any(|outcome| matches!(outcome, Ok(Created::New))) {
            self.message_arrived();
        }
        outcomes
    }

    async fn read(&self, id: JobId, include: Include) -> Result<Option<Record>, StoreError> {
        // Parts that are not requested are not read.
        let sql = match (include.request, include.result) {
            (false, false) => "SELECT head, status, NULL::text, NULL::bytea FROM @jobs WHERE id = $1",
            (true, false) => {
                "SELECT head, status, request, NULL::bytea FROM @jobs JOIN @requests USING (id) WHERE id = $1"
            }
            (false, true) => {
                "SELECT head, status, NULL::text, result FROM @jobs LEFT JOIN @results USING (id) WHERE id = $1"
            }
            (true, true) => {
                "SELECT head, status, request, result FROM @jobs JOIN @requests USING (id)
                 LEFT JOIN @results USING (id) WHERE id = $1"
            }
        };
        let row = self.query_one(sql, &[(&id.uuid(), Type::UUID)]).await?;
        row.map(|row| jobs::record(&row, 0)).transpose()
    }

    async fn get_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows = self
            .query("SELECT head, status FROM @jobs WHERE id = ANY ($1)", &[(&ids, Type::UUID_ARRAY)])
            .await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in &rows {
            let job = jobs::job(row)?;
            found.insert(job.id().uuid(), job);
        }
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn job_of_key(&self, key: &IdempotencyKey) -> Result<Option<JobId>, StoreError> {
        Ok(self.id_of_key(0, key).await?.map(JobId::from))
    }

    async fn reusable(&self, keys: &[ResultKey]) -> Result<Vec<Option<JobId>>, StoreError> {
        let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes().as_slice()).collect();
        let rows = self
            .query(
                "SELECT (SELECT id FROM @results r WHERE r.key = k.key ORDER BY id DESC LIMIT 1)
                 FROM unnest($1::bytea[]) WITH ORDINALITY AS k (key, n) ORDER BY n",
                &[(&keys, Type::BYTEA_ARRAY)],
            )
            .await?;
        rows.iter().map(|row| Ok(get::<Option<Uuid>>(row, 0)?.map(JobId::from))).collect()
    }

    async fn apply(&self, change: &Change) -> Result<(), StoreError> {
        let made = self.applies.call(Transition::of(change)?).await.flatten();
        made.map_err(|fault| self.database.error(fault))?.answer()?;
        self.changed(change.id);
        if change.send.is_some() {
            self.message_arrived();
        }
        Ok(())
    }

    async fn delete(&self, id: JobId) -> Result<bool, StoreError> {
        let lock = (jobs::LOCK_ONE, [(&id.uuid() as _, Type::UUID)]);
        let deleted = self.database.lock_then((lock.0, &lock.1), jobs::DELETE).await;
        let existed = !deleted.map_err(|fault| self.database.error(fault))?.is_empty();
        if existed {
            self.changed(id);
        }
        Ok(existed)
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Job, JobId>, StoreError> {
        let limit = query.limit.clamp(1, MAX_BATCH);
        // The state is a part of the text, so that the server sees which index has it.
        let state =
            query.state.map_or_else(String::new, |state| format!("AND state = {}", state_code(state)));
        let sql = format!(
            "SELECT head, status FROM @jobs WHERE owner = $1 AND id < $2 {state} ORDER BY id DESC LIMIT $3"
        );
        let rows = self
            .query(
                &sql,
                &[
                    (&query.owner.as_str(), Type::TEXT),
                    (&before(query.before), Type::UUID),
                    (&(limit as i64 + 1), Type::INT8),
                ],
            )
            .await?;
        let items = rows.iter().map(jobs::job).collect::<Result<Vec<_>, _>>()?;
        Ok(page(items, limit, Job::id))
    }

    async fn overdue(
        &self,
        now: Timestamp,
        horizon: Duration,
        limit: usize,
    ) -> Result<Vec<JobId>, StoreError> {
        let rows = self
            .query(
                "SELECT id FROM (
                    (SELECT id, due_at, 0 AS n FROM @jobs WHERE due_at <= $1 AND due_at <= $2
                     ORDER BY due_at LIMIT $3)
                    UNION ALL
                    (SELECT id, due_at, 1 FROM @jobs WHERE due_at > $2 ORDER BY due_at LIMIT $3)
                 ) AS due ORDER BY n, due_at LIMIT $3",
                &[
                    (&now.as_millis(), Type::INT8),
                    (&now.plus(horizon).as_millis(), Type::INT8),
                    (&(limit.min(MAX_BATCH) as i64), Type::INT8),
                ],
            )
            .await?;
        rows.iter().map(id_of).collect()
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let at = now.as_millis();
        let mut purged = 0;
        while purged < limit {
            let wanted = (limit - purged).min(PURGE_STEP);
            let params: [Param<'_>; 2] = [(&at, Type::INT8), (&(wanted as i64), Type::INT8)];
            let removed = self.database.lock_then((jobs::LOCK_EXPIRED, &params), jobs::DELETE).await;
            let removed = removed.map_err(|fault| self.database.error(fault))?;
            purged += removed.len();
            for id in &removed {
                self.changed(JobId::from(*id));
            }
            if removed.len() < wanted {
                break;
            }
        }
        for sql in [
            "DELETE FROM @batches WHERE id IN
                (SELECT id FROM @batches WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id",
            "DELETE FROM @dead WHERE id IN
                (SELECT id FROM @dead WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id",
            "DELETE FROM @keys WHERE (kind, owner, key) IN
                (SELECT kind, owner, key FROM @keys WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
             RETURNING target",
            "DELETE FROM @arrivals WHERE name IN
                (SELECT name FROM @arrivals WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
             RETURNING move",
        ] {
            if purged < limit {
                let left = (limit - purged).min(MAX_BATCH) as i64;
                purged += self.query(sql, &[(&at, Type::INT8), (&left, Type::INT8)]).await?.len();
            }
        }
        Ok(purged)
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        let row = self
            .query_one(
                "SELECT count(*) FILTER (WHERE state = $1::bigint), count(*) FILTER (WHERE state = $2::bigint),
                    (SELECT count(*) FROM @dead) FROM @jobs WHERE due_at IS NOT NULL",
                &[
                    (&state_code(State::Submitted), Type::INT8),
                    (&state_code(State::Running), Type::INT8),
                ],
            )
            .await?;
        let Some(row) = row else { return Ok(Depth::default()) };
        let count = |at| get::<i64>(&row, at).map(|n| u64::try_from(n).unwrap_or(0));
        Ok(Depth { submitted: count(0)?, running: count(1)?, dead: count(2)? })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let now = self.time.clock.now().as_millis();
        self.query("UPDATE @health SET pinged = $1", &[(&now, Type::INT8)]).await.map(drop)
    }

    async fn room(&self) -> Result<Option<Room>, StoreError> {
        let Some(limit) = self.database.target.max_bytes else { return Ok(None) };
        room::of(self, limit).await.map(Some)
    }

    async fn owned(&self, owner: &Owner) -> Result<u64, StoreError> {
        let owner = owner.as_str();
        self.count("SELECT count(*) FROM @jobs WHERE owner = $1", &[(&owner, Type::TEXT)]).await
    }

    async fn time(&self) -> Result<Option<Timestamp>, StoreError> {
        if self.time.whose == QueueTime::Clock {
            return Ok(Some(self.time.clock.now()));
        }
        let given: Option<i64> = None;
        let row = self.query_one(now!(" SELECT ms FROM now"), &[(&given, Type::INT8)]).await?;
        row.map(|row| get(&row, 0).map(Timestamp::from_millis)).transpose()
    }
}

/// The id before which a page begins; without one the greatest id.
pub(crate) fn before(id: Option<JobId>) -> Uuid {
    id.map_or(Uuid::max(), |id| id.uuid())
}

/// A page of rows of which one more was read than there is room for.
pub(crate) fn page<T>(mut items: Vec<T>, limit: usize, id: impl Fn(&T) -> JobId) -> Page<T, JobId> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(id);
    Page { items, next }
}
