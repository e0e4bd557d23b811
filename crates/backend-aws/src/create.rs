//! Creation: the records, several at the same time, and then their messages.

use futures::stream::{self, StreamExt as _};
use pssp_jobs::job::Phase;
use pssp_jobs::{Created, IdempotencyKey, JobId, Message, StoreError, Submission};

use crate::AwsBackend;
use crate::item::{self, Item, get_bytes};
use crate::keys::{self, Kind};
use crate::queue::Outgoing;
use crate::table::{Condition, Write, Written};

/// Number of records of one call that are written at the same time.
const WRITE_CONCURRENCY: usize = 32;

type Outcome = Result<Created<JobId>, StoreError>;

impl AwsBackend {
    pub(crate) async fn create_all(&self, submissions: &[Submission]) -> Vec<Outcome> {
        let writes: Vec<_> = submissions.iter().map(|submission| self.create_one(submission)).collect();
        let outcomes: Vec<Outcome> = stream::iter(writes).buffered(WRITE_CONCURRENCY).collect().await;
        let made = submissions.iter().zip(&outcomes).filter(|(_, made)| matches!(made, Ok(Created::New)));
        // A finished job has no message.
        let made = made.filter(|(submission, _)| submission.result.is_none());
        let messages: Vec<Outgoing> = made
            .map(|(submission, _)| Outgoing {
                message: Message::new(submission.job.id()),
                owner: Some(submission.job.head.owner.clone()),
                delay: submission.delay(),
            })
            .collect();
        // The sweep sends messages that could not be sent here. The jobs are accepted already.
        self.queue.send_all(&messages).await;
        outcomes
    }

    async fn create_one(&self, submission: &Submission) -> Outcome {
        let job = &submission.job;
        // A result must not be written for a job that will not be created, so the key is checked first.
        if let (Some(key), Some(_)) = (&submission.key, &submission.result)
            && let Some(stored) = self.table.get(keys::key_of(Kind::Job, key)).await?
            && let Some(id) = keys::known(&stored, key, self.clock.now())?
        {
            return Ok(Created::Existing(id));
        }
        let tag: [u8; 8] = rand::random();
        let mut item = item::new_job(job, &submission.request, &tag)?;
        match (&job.status.phase, &submission.result) {
            (Phase::Submitted { .. }, None) => {}
            (Phase::Finished { .. }, Some(result)) => {
                item = item::with(
                    item,
                    [("result", item::text(self.put_result(job.id(), &job.status, result).await?))],
                );
            }
            _ => return Err(StoreError::Conflict(job.fence())),
        }
        let record = Write::Put { item, condition: Some(Condition::absent()) };
        match &submission.key {
            None => match self.table.write(&[record]).await? {
                Written::Done => Ok(Created::New),
                Written::Failed(_, stored) => existing(stored, &tag),
            },
            Some(key) => self.create_with_key(job.id(), key, record, &tag).await,
        }
    }

    async fn create_with_key(&self, id: JobId, key: &IdempotencyKey, record: Write, tag: &[u8]) -> Outcome {
        let now = self.clock.now();
        let taking = keys::take(Kind::Job, key, &id.to_string(), now);
        match self.table.write(&[taking, record]).await? {
            Written::Done => Ok(Created::New),
            Written::Failed(0, stored) => {
                let stored = match stored {
                    Some(stored) => Some(stored),
                    None => self.table.get(keys::key_of(Kind::Job, key)).await?,
                };
                let gone = || StoreError::Unavailable("the idempotency key has just gone: try again".into());
                keys::outcome(&stored.ok_or_else(gone)?, key, id, now)
            }
            Written::Failed(_, stored) => existing(stored, tag),
        }
    }
}

/// The outcome if a job with this id exists: an earlier try of this call made it, or it existed before.
fn existing(stored: Option<Item>, tag: &[u8]) -> Outcome {
    match stored {
        Some(stored) if get_bytes(&stored, "tag").is_ok_and(|stored| stored == tag) => Ok(Created::New),
        _ => Err(StoreError::Exists),
    }
}
