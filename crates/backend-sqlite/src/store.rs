//! Jobs: [`JobStore`] on the writer and the readers.

use std::time::Duration;

use async_trait::async_trait;
use pssp_jobs::policy::MAX_DELAY;
use pssp_jobs::{
    Capabilities, Change, Created, Depth, IdempotencyKey, Include, Job, JobId, JobStore, ListQuery, Owner,
    Page, Record, ResultKey, Room, StoreError, Submission, Timestamp,
};
use rusqlite::{OptionalExtension, params};

use crate::SqliteBackend;
use crate::error::Fault;
use crate::ids::{IdBytes, job_id};
use crate::jobs::{KeyKind, known};
use crate::{jobs, room, upkeep};
use pssp_jobs::rows::{self, ChangeRow, NewRow, state_code, state_of};

/// Most jobs on one page, in one list of candidates or in one creation.
const MAX_BATCH: usize = 1000;

/// Number of jobs that one step of a purge deletes. Other requests wait for one step at most.
const PURGE_STEP: usize = 100;

/// Largest result in bytes. SQLite itself allows 1 GB.
const MAX_RESULT_BYTES: usize = 64 * 1024 * 1024;

#[async_trait]
impl JobStore for SqliteBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "sqlite",
            max_create: MAX_BATCH,
            max_result_bytes: MAX_RESULT_BYTES,
            // Sending again merges with the message that is there, so it is always cheap.
            resend_after: Duration::ZERO,
            settles_messages: true,
        }
    }

    async fn create(&self, submissions: &[Submission]) -> Vec<Result<Created<JobId>, StoreError>> {
        if submissions.is_empty() {
            return Vec::new();
        }
        let mut outcomes: Vec<Option<Result<Created<JobId>, StoreError>>> = Vec::new();
        let mut rows = Vec::with_capacity(submissions.len());
        for submission in submissions {
            match NewRow::of(submission) {
                Ok(row) => {
                    rows.push(row);
                    outcomes.push(None);
                }
                Err(error) => outcomes.push(Some(Err(error))),
            }
        }
        let now = self.clock.now().as_millis();
        let written = self
            .writer
            .write(rows.len(), move |tx| {
                let mut made = Vec::with_capacity(rows.len());
                for row in &rows {
                    made.push(match jobs::create(tx, row, now) {
                        Ok(created) => Ok(created),
                        Err(Fault::Answer(error)) => Err(error),
                        Err(fault) => return Err(fault),
                    });
                }
                Ok(made)
            })
            .await;
        let (mut made, failure) = match written {
            Ok(made) => (made.into_iter(), None),
            Err(error) => (Vec::new().into_iter(), Some(error)),
        };
        let answer = |outcome: Option<_>| {
            outcome
                .or_else(|| made.next())
                .unwrap_or_else(|| Err(failure.as_ref().map_or_else(lost, StoreError::copied)))
        };
        outcomes.into_iter().map(answer).collect()
    }

    async fn read(&self, id: JobId, include: Include) -> Result<Option<Record>, StoreError> {
        let id = id.uuid().into_bytes();
        self.readers
            .read(move |db| {
                // Parts that are not requested are not read.
                let sql = match (include.request, include.result) {
                    (false, false) => "SELECT head, status, NULL, NULL FROM jobs WHERE id = ?1",
                    (true, false) => {
                        "SELECT head, status, request, NULL FROM jobs JOIN requests USING (seq) WHERE id = ?1"
                    }
                    (false, true) => {
                        "SELECT head, status, NULL, result FROM jobs LEFT JOIN results USING (seq) WHERE id = ?1"
                    }
                    (true, true) => {
                        "SELECT head, status, request, result FROM jobs JOIN requests USING (seq)
                         LEFT JOIN results USING (seq) WHERE id = ?1"
                    }
                };
                type Row = (String, String, Option<String>, Option<Vec<u8>>);
                let found: Option<Row> = db
                    .prepare_cached(sql)?
                    .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
                    .optional()?;
                let record = found.map(|(head, status, request, result)| {
                    rows::record(&head, &status, request.as_deref(), result)
                });
                Ok(record.transpose()?)
            })
            .await
    }

    async fn get_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        let ids: Vec<IdBytes> = ids.iter().map(|id| id.uuid().into_bytes()).collect();
        self.readers
            .read(move |db| {
                let mut select = db.prepare_cached("SELECT head, status FROM jobs WHERE id = ?1")?;
                let mut found = Vec::with_capacity(ids.len());
                for id in &ids {
                    let texts: Option<[String; 2]> =
                        select.query_row([id], |row| Ok([row.get(0)?, row.get(1)?])).optional()?;
                    found.push(texts.map(|[head, status]| rows::job(&head, &status)).transpose()?);
                }
                Ok(found)
            })
            .await
    }

    async fn job_of_key(&self, key: &IdempotencyKey) -> Result<Option<JobId>, StoreError> {
        let (key, now) = (key.clone(), self.clock.now().as_millis());
        self.readers.read(move |db| Ok(known(db, KeyKind::Job, &key, now)?.map(job_id))).await
    }

    async fn reusable(&self, keys: &[ResultKey]) -> Result<Vec<Option<JobId>>, StoreError> {
        let keys = keys.to_vec();
        self.readers
            .read(move |db| {
                let mut select = db.prepare_cached(
                    "SELECT jobs.id FROM results JOIN jobs USING (seq) WHERE results.key = ?1
                     ORDER BY results.seq DESC LIMIT 1",
                )?;
                let mut found = Vec::with_capacity(keys.len());
                for key in keys {
                    let id: Option<IdBytes> =
                        select.query_row([key.as_bytes()], |row| row.get(0)).optional()?;
                    found.push(id.map(job_id));
                }
                Ok(found)
            })
            .await
    }

    async fn apply(&self, change: &Change) -> Result<(), StoreError> {
        let send_at = change.send.map(|delay| self.clock.now().plus(delay.min(MAX_DELAY)));
        let row = ChangeRow::of(change, send_at)?;
        self.writer.write(1, move |tx| jobs::apply(tx, &row)).await
    }

    async fn delete(&self, id: JobId) -> Result<bool, StoreError> {
        self.writer.write(1, move |tx| jobs::delete(tx, id)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Job, JobId>, StoreError> {
        let limit = query.limit.clamp(1, MAX_BATCH);
        let owner = query.owner.as_str().to_owned();
        let state = query.state.map(state_code);
        // Without a bound: this value is greater than any id.
        let before = query.before.map_or([0xff; 16], |id| id.uuid().into_bytes());
        let mut items: Vec<Job> = self
            .readers
            .read(move |db| {
                let mut select = db.prepare_cached(match state {
                    None => {
                        "SELECT head, status FROM jobs WHERE owner = ?1 AND id < ?2 AND ?3 IS NULL
                         ORDER BY id DESC LIMIT ?4"
                    }
                    Some(_) => {
                        "SELECT head, status FROM jobs WHERE owner = ?1 AND id < ?2 AND state = ?3
                         ORDER BY id DESC LIMIT ?4"
                    }
                })?;
                let mut rows = select.query(params![owner, before, state, limit as i64 + 1])?;
                let mut items = Vec::new();
                while let Some(row) = rows.next()? {
                    items.push(rows::job(
                        row.get_ref(0)?.as_str().map_err(from_sql)?,
                        row.get_ref(1)?.as_str().map_err(from_sql)?,
                    )?);
                }
                Ok(items)
            })
            .await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| last.head.id);
        Ok(Page { items, next })
    }

    async fn overdue(
        &self,
        now: Timestamp,
        horizon: Duration,
        limit: usize,
    ) -> Result<Vec<JobId>, StoreError> {
        let limit = limit.min(MAX_BATCH);
        let (now, far) = (now.as_millis(), now.plus(horizon).as_millis());
        self.readers
            .read(move |db| {
                let mut found: Vec<IdBytes> = Vec::new();
                for sql in [
                    "SELECT id FROM jobs WHERE due_at <= ?1 AND due_at <= ?2 ORDER BY due_at LIMIT ?3",
                    "SELECT id FROM jobs WHERE due_at > ?1 AND due_at > ?2 ORDER BY due_at LIMIT ?3",
                ] {
                    let left = limit - found.len();
                    let mut select = db.prepare_cached(sql)?;
                    let rows = select.query_map([now, far, left as i64], |row| row.get::<_, IdBytes>(0))?;
                    found.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
                }
                Ok(found.into_iter().map(job_id).collect())
            })
            .await
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let now = now.as_millis();
        let mut purged = 0;
        for step in [jobs::purge, jobs::purge_others] {
            while purged < limit {
                let wanted = (limit - purged).min(PURGE_STEP);
                let removed = self.writer.write(wanted, move |tx| step(tx, now, wanted as i64)).await?;
                purged += removed;
                if removed < wanted {
                    break;
                }
            }
        }
        // The remaining free pages are returned when nobody writes. A part is returned here, for a writer that
        // is never idle.
        if purged > 0 {
            self.writer.write(PURGE_STEP, |tx| Ok(upkeep::return_free_pages(tx.db)?)).await?;
        }
        Ok(purged)
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        self.readers
            .read(|db| {
                let mut depth = Depth::default();
                let mut select = db.prepare_cached(
                    "SELECT state, count(*) FROM jobs WHERE due_at IS NOT NULL GROUP BY state",
                )?;
                let mut rows = select.query([])?;
                while let Some(row) = rows.next()? {
                    let count = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
                    match state_of(row.get(0)?)? {
                        pssp_jobs::State::Submitted => depth.submitted = count,
                        pssp_jobs::State::Running => depth.running = count,
                        _ => {}
                    }
                }
                let dead: i64 =
                    db.prepare_cached("SELECT count(*) FROM dead")?.query_row([], |row| row.get(0))?;
                depth.dead = u64::try_from(dead).unwrap_or(0);
                Ok(depth)
            })
            .await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let now = self.clock.now().as_millis();
        let write = "UPDATE health SET pinged = ?1";
        self.writer.write(1, move |tx| Ok(tx.db.prepare_cached(write)?.execute([now]).map(drop)?)).await
    }

    async fn owned(&self, owner: &Owner) -> Result<u64, StoreError> {
        let owner = owner.as_str().to_owned();
        self.readers
            .read(move |db| {
                let mut query = db.prepare_cached("SELECT count(*) FROM jobs WHERE owner = ?1")?;
                let count: i64 = query.query_row([&owner], |row| row.get(0))?;
                Ok(u64::try_from(count).unwrap_or(0))
            })
            .await
    }

    async fn room(&self) -> Result<Option<Room>, StoreError> {
        let (path, max_bytes) = (self.path.clone(), self.max_bytes);
        self.readers.read(move |db| Ok(room::of(db, &path, max_bytes)?)).await
    }

    async fn time(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(Some(self.clock.now()))
    }
}

fn from_sql(error: rusqlite::types::FromSqlError) -> Fault {
    Fault::Answer(pssp_jobs::error::corrupt("job", error))
}

pub(crate) fn lost() -> StoreError {
    StoreError::Unavailable("the writer gave no answer".into())
}
