//! The sending side: messages in groups of ten. Messages that fail alone are sent again alone.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, QueueAttributeName as Attribute, SendMessageBatchRequestEntry,
};
use futures::stream::{self, StreamExt as _};
use pssp_common::Backoff;
use pssp_jobs::policy::MAX_DELAY;
use pssp_jobs::{JobQueue, Message, Owner, StoreError};
use sha2::{Digest as _, Sha256};

use crate::AwsBackend;
use crate::error::{self, About};
use pssp_jobs::error::unwritable;

/// SQS' limit on the number of messages in one call.
pub(crate) const MAX_GROUP: usize = 10;

/// Limit on the bytes of one message or one call. SQS' own limit is 1 MB today, but queues may be set to this
/// one.
const MAX_BYTES: usize = 256 << 10;

/// How often a message that fails alone is tried.
const MAX_TRIES: u32 = 4;

/// Number of calls at the same time.
const SEND_CONCURRENCY: usize = 8;

/// The approximate counts of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Visible or delayed messages.
    pub(crate) waiting: u64,
    /// Messages that were received and are neither deleted nor visible again.
    pub(crate) held: u64,
}

/// The queue, with what a call needs.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) client: Client,
    pub(crate) url: String,
    /// `queue pssp-test in eu-west-1`
    pub(crate) place: String,
}

/// A message to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) message: Message,
    /// The owner of the job. SQS lets groups take turns.
    pub(crate) owner: Option<Owner>,
    pub(crate) delay: Duration,
}

/// The message group of an owner. A standard queue delivers messages of quiet groups before the backlog of a busy
/// one. A group takes up to 128 printable ASCII characters without blanks; another name is replaced by its digest.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>
fn group(owner: &Owner) -> String {
    let name = owner.as_str();
    if (1..=128).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return name.to_owned();
    }
    base16ct::lower::encode_string(&Sha256::digest(name))
}

/// Whole seconds, rounded up: a message that arrives too early is refused by its job.
pub(crate) fn seconds(time: Duration) -> i32 {
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    i32::try_from(whole).unwrap_or(i32::MAX)
}

impl Queue {
    pub(crate) fn error<E, R>(&self, error: SdkError<E, R>) -> StoreError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        error::store_error(error, self.about())
    }

    fn about(&self) -> About<'_> {
        About {
            place: &self.place,
            missing: ": there is no such queue in this region: check `queue` and `region` of the aws URL, or create \
                      it with infra/",
        }
    }

    /// Sends all messages. Logs how many could not be sent.
    pub(crate) async fn send_all(&self, messages: &[Outgoing]) {
        let groups: Vec<_> = messages.chunks(MAX_GROUP).map(|group| self.send_group(group)).collect();
        let sent: Vec<Result<(), StoreError>> =
            stream::iter(groups).buffer_unordered(SEND_CONCURRENCY).collect().await;
        let failed: Vec<StoreError> = sent.into_iter().filter_map(Result::err).collect();
        if let Some(error) = failed.first() {
            tracing::warn!(
                %error, batches = failed.len(),
                "messages could not be sent, the sweep will send them again: {error}"
            );
        }
    }

    /// Sends at most ten messages. Those that fail alone are tried again alone.
    async fn send_group(&self, messages: &[Outgoing]) -> Result<(), StoreError> {
        let mut left = entries(messages)?;
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2)).with_jitter();
        for tries in 0..MAX_TRIES {
            if tries > 0 {
                tokio::time::sleep(backoff.next_wait()).await;
            }
            let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(left.clone()));
            let answer = call.send().await.map_err(|error| self.error(error))?;
            let failed = answer.failed();
            if failed.is_empty() {
                return Ok(());
            }
            if let Some(refused) = failed.iter().find(|entry| !is_temporary(entry)) {
                return Err(self.refusal(refused));
            }
            left.retain(|entry| failed.iter().any(|failed| failed.id() == entry.id()));
            if tries + 1 == MAX_TRIES {
                return Err(self.refusal(&failed[0]));
            }
        }
        Ok(())
    }

    fn refusal(&self, entry: &BatchResultErrorEntry) -> StoreError {
        let message = entry.message().unwrap_or("no message");
        if is_temporary(entry) {
            return StoreError::Unavailable(format!("{}: {}: {message}", self.place, entry.code()).into());
        }
        error::of_code(entry.code(), message, self.about())
    }

    pub(crate) async fn counts(&self) -> Result<Counts, StoreError> {
        let call = self.client.get_queue_attributes().queue_url(&self.url);
        let call = call.attribute_names(Attribute::ApproximateNumberOfMessages);
        let call = call.attribute_names(Attribute::ApproximateNumberOfMessagesDelayed);
        let call = call.attribute_names(Attribute::ApproximateNumberOfMessagesNotVisible);
        let answer = call.send().await.map_err(|error| self.error(error))?;
        let of = |name| {
            let value = answer.attributes().and_then(|all| all.get(&name)?.parse::<u64>().ok());
            value.unwrap_or_default()
        };
        Ok(Counts {
            waiting: of(Attribute::ApproximateNumberOfMessages)
                + of(Attribute::ApproximateNumberOfMessagesDelayed),
            held: of(Attribute::ApproximateNumberOfMessagesNotVisible),
        })
    }
}

/// Whether the service failed, so that another try may succeed.
fn is_temporary(entry: &BatchResultErrorEntry) -> bool {
    !entry.sender_fault() || error::is_temporary_code(entry.code())
}

fn entries(messages: &[Outgoing]) -> Result<Vec<SendMessageBatchRequestEntry>, StoreError> {
    let bodies: Vec<String> = messages.iter().map(|outgoing| outgoing.message.encode()).collect();
    check_size(bodies.iter().map(String::len).sum())?;
    let entry = |(n, (outgoing, body)): (usize, (&Outgoing, String))| {
        let entry = SendMessageBatchRequestEntry::builder().id(n.to_string()).message_body(body);
        let entry = entry.set_message_group_id(outgoing.owner.as_ref().map(group));
        entry.delay_seconds(seconds(outgoing.delay.min(MAX_DELAY))).build().map_err(unwritable)
    };
    messages.iter().zip(bodies).enumerate().map(entry).collect()
}

fn check_size(bytes: usize) -> Result<(), StoreError> {
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    Err(StoreError::TooLarge(format!("messages of {bytes} bytes: a queue takes {MAX_BYTES} in one call")))
}

#[async_trait]
impl JobQueue for AwsBackend {
    async fn send(&self, message: &Message, delay: Duration) -> Result<(), StoreError> {
        self.queue.send_group(&[Outgoing { message: *message, owner: None, delay }]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pssp_jobs::{JobId, Timestamp};

    #[test]
    fn delays_are_whole_seconds_never_early_and_never_over_the_limit() {
        let of = |delay| {
            let message = Message::new(JobId::new(Timestamp::from_millis(1)));
            let outgoing = Outgoing { message, owner: None, delay };
            entries(&[outgoing]).unwrap()[0].delay_seconds()
        };
        for (delay, seconds) in [(0, 0), (1, 1), (1000, 1), (1001, 2), (10_000_000, 900)] {
            assert_eq!(of(Duration::from_millis(delay)), Some(seconds), "{delay}");
        }
    }

    #[test]
    fn groups_of_owners_are_allowed_and_distinct() {
        assert_eq!(group(&Owner::new("ana:lab-7")), "ana:lab-7");
        let odd = ["", "two words", "größe", &"x".repeat(129)].map(|name| group(&Owner::new(name)));
        for (n, name) in odd.iter().enumerate() {
            assert!(name.len() == 64 && !odd[n + 1..].contains(name), "{odd:?}");
        }
    }

    #[test]
    fn too_large_messages_are_not_sent() {
        assert!(check_size(MAX_BYTES).is_ok());
        assert!(matches!(check_size(MAX_BYTES + 1), Err(StoreError::TooLarge(_))));
    }
}
