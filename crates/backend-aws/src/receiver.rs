//! The receiving side, if this process receives messages itself. A receipt is SQS' own receipt handle.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::MessageSystemAttributeName as Attribute;
use futures::stream::{self, StreamExt as _};
use pssp_jobs::policy::MAX_DELAY;
use pssp_jobs::{Delivery, JobReceiver, Receipt, StoreError};
use tokio::time::Instant;

use crate::AwsBackend;
use crate::queue::{MAX_GROUP, seconds};
use crate::receipts::HandleState;

/// Most messages in one receive.
const MAX_MESSAGES: usize = 1000;

/// The longest long poll of SQS.
const MAX_LONG_POLL: Duration = Duration::from_secs(20);

/// Interval between two calls of a wait that is too short for a long poll, which takes whole seconds.
const SHORT_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Number of calls at the same time when more than ten messages are requested.
const RECEIVE_CONCURRENCY: usize = 8;

#[async_trait]
impl JobReceiver for AwsBackend {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        let (max, visibility) = (max.clamp(1, MAX_MESSAGES), visibility.min(MAX_DELAY * 2));
        let deadline = Instant::now() + wait;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let poll = Duration::from_secs(left.min(MAX_LONG_POLL).as_secs());
            let first = self.take(max.min(MAX_GROUP), poll, visibility).await?;
            if first.len() == MAX_GROUP && max > MAX_GROUP {
                return Ok(self.take_more(first, max, visibility).await);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if !first.is_empty() || left.is_zero() || (wait >= Duration::from_secs(1) && left.as_secs() == 0)
            {
                return Ok(first);
            }
            if poll.is_zero() {
                tokio::time::sleep(SHORT_POLL_INTERVAL.min(left)).await;
            }
        }
    }

    async fn ack(&self, receipt: Receipt) -> Result<(), StoreError> {
        let handle = receipt.token();
        if self.receipts.state_of(handle) != HandleState::Expired {
            let call = self.queue.client.delete_message().queue_url(&self.queue.url).receipt_handle(handle);
            if let Err(error) = call.send().await
                && !is_gone(error.code())
            {
                return Err(self.queue.error(error));
            }
        }
        self.receipts.remove(handle);
        Ok(())
    }

    async fn retry(&self, receipt: Receipt, after: Duration) -> Result<(), StoreError> {
        let handle = receipt.token();
        match self.receipts.state_of(handle) {
            HandleState::Expired => {}
            HandleState::Valid(left) => drop(self.hide(handle, after.min(MAX_DELAY).min(left)).await?),
            HandleState::Unknown => drop(self.hide(handle, after.min(MAX_DELAY)).await?),
        }
        self.receipts.remove(handle);
        Ok(())
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<bool, StoreError> {
        let (handle, since) = (receipt.token(), Instant::now());
        let visibility = match self.receipts.state_of(handle) {
            HandleState::Expired => return Ok(false),
            HandleState::Valid(left) => visibility.min(MAX_DELAY * 2).min(left),
            HandleState::Unknown => visibility.min(MAX_DELAY * 2),
        };
        let ours = self.hide(handle, visibility).await?;
        if ours {
            self.receipts.extend(handle, since, visibility);
        }
        Ok(ours)
    }
}

impl AwsBackend {
    /// Receives messages with one call.
    async fn take(
        &self,
        max: usize,
        poll: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        let since = Instant::now();
        let call = self.queue.client.receive_message().queue_url(&self.queue.url);
        let call = call.max_number_of_messages(i32::try_from(max.min(MAX_GROUP)).unwrap_or(1));
        let call = call.wait_time_seconds(seconds(poll)).visibility_timeout(seconds(visibility));
        let call = call.message_system_attribute_names(Attribute::ApproximateReceiveCount);
        // If a response is lost, its messages stay hidden, and another try would hide more. The caller tries
        // again later.
        let config = aws_sdk_sqs::config::Builder::new()
            .timeout_config(self.options.timeouts(poll))
            .retry_config(RetryConfig::disabled());
        let answer = call.customize().config_override(config).send().await;
        let messages = answer.map_err(|error| self.queue.error(error))?.messages.unwrap_or_default();
        let deliveries = messages.into_iter().filter_map(|message| {
            let handle = message.receipt_handle?;
            self.receipts.add(&handle, since, visibility);
            let receives =
                message.attributes.as_ref().and_then(|all| all.get(&Attribute::ApproximateReceiveCount));
            Some(Delivery {
                receives: receives.and_then(|times| times.parse().ok()).unwrap_or(1),
                body: message.body.unwrap_or_default(),
                receipt: Receipt::new(handle),
                record: None,
            })
        });
        Ok(deliveries.collect())
    }

    /// Receives further messages that are ready, several calls at a time, until a round returns fewer than
    /// requested. A call that fails is skipped, because the messages that were received must be returned.
    async fn take_more(&self, first: Vec<Delivery>, max: usize, visibility: Duration) -> Vec<Delivery> {
        let mut taken = first;
        while taken.len() < max {
            let left = max - taken.len();
            let sizes = (0..left.div_ceil(MAX_GROUP).min(RECEIVE_CONCURRENCY))
                .map(|n| MAX_GROUP.min(left - n * MAX_GROUP));
            let calls: Vec<_> = sizes.map(|size| self.take(size, Duration::ZERO, visibility)).collect();
            let asked = left.min(RECEIVE_CONCURRENCY * MAX_GROUP);
            let answers: Vec<_> = stream::iter(calls).buffer_unordered(RECEIVE_CONCURRENCY).collect().await;
            let more: Vec<Delivery> = answers.into_iter().filter_map(Result::ok).flatten().collect();
            let short = more.len() < asked;
            taken.extend(more);
            if short {
                break;
            }
        }
        taken
    }

    /// Hides the message for this time from now on. Returns whether SQS still accepts the handle.
    async fn hide(&self, handle: &str, visibility: Duration) -> Result<bool, StoreError> {
        let call = self.queue.client.change_message_visibility().queue_url(&self.queue.url);
        let call = call.receipt_handle(handle).visibility_timeout(seconds(visibility));
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_gone(error.code()) => Ok(false),
            Err(error) => Err(self.queue.error(error)),
        }
    }
}

/// Whether a handle was refused because its message is deleted, visible again, or not of this queue.
fn is_gone(code: Option<&str>) -> bool {
    const GONE: &[&str] = &[
        "MessageNotInflight",
        "AWS.SimpleQueueService.MessageNotInflight",
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",
        "InvalidParameterValueException",
    ];
    code.is_some_and(|code| GONE.contains(&code))
}
