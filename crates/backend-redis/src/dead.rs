//! Dead letters: failed jobs, read from their records, and letters that belong to no job.

use async_trait::async_trait;
use pssp_jobs::job::Phase;
use pssp_jobs::{DeadLetter, DeadLetters, JobId, Page, StoreError, Timestamp};
use redis::{Pipeline, Value};

use crate::RedisBackend;
use crate::codec;
use crate::script::{BURY, DISCARD};

/// Most letters on one page.
const MAX_PAGE: usize = 1000;

#[async_trait]
impl DeadLetters for RedisBackend {
    async fn bury(&self, letter: &DeadLetter, expires_at: Timestamp) -> Result<(), StoreError> {
        let record = codec::to_json(letter)?;
        let answer = self.eval(&BURY, |command| {
            command.arg(letter.id.to_string()).arg(record).arg(expires_at.as_millis());
        });
        answer.await.map(drop)
    }

    async fn dead_letters(
        &self,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<Page<DeadLetter, JobId>, StoreError> {
        let index = self.key("dead");
        let limit = limit.clamp(1, MAX_PAGE);
        let (ids, more) = self.ids_before(&index, before, limit).await?;
        let mut commands = Pipeline::with_capacity(ids.len() * 2);
        for id in &ids {
            commands.cmd("HGET").arg(self.job_key(*id)).arg("status");
            commands.cmd("GET").arg(self.key(format_args!("letter:{id}")));
        }
        let found = self.query_all(&commands).await?;
        let mut items = Vec::with_capacity(ids.len());
        let mut gone = Vec::new();
        for (id, found) in ids.iter().zip(found.chunks(2)) {
            match letter(*id, found)? {
                Some(letter) => items.push(letter),
                None => gone.push(id.to_string()),
            }
        }
        self.forget(&index, &gone).await;
        Ok(Page { items, next: ids.last().copied().filter(|_| more) })
    }

    async fn discard(&self, id: JobId) -> Result<bool, StoreError> {
        let answer = self.eval(&DISCARD, |command| {
            command.arg(id.to_string());
        });
        let answer = answer.await?;
        Ok(answer == Value::Int(1))
    }
}

/// The letter with this id: from the status for a failed job, else from the record; `None` if it has expired.
fn letter(id: JobId, found: &[Value]) -> Result<Option<DeadLetter>, StoreError> {
    match found {
        [Value::BulkString(status), _] => {
            let status = codec::status(status)?;
            Ok(match status.phase {
                Phase::Failed { at, error } => {
                    Some(DeadLetter { id, job: Some(id), at, reason: error.detail, body: None })
                }
                _ => None,
            })
        }
        [_, Value::BulkString(record)] => codec::from_json("dead letter", record).map(Some),
        _ => Ok(None),
    }
}
