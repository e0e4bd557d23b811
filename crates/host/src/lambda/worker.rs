//! The worker as a Lambda function: it handles batches of messages, scheduled sweeps, and events that submit jobs.
//!
//! The response to a batch lists the messages that shall be delivered again (`batchItemFailures`). The platform deletes
//! the others. Shortly before the function's time is over, unfinished jobs are released, so that they need not wait
//! until their leases expire.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use lambda_runtime::{LambdaEvent, service_fn};
use pssp_common::error_chain;
use pssp_jobs::{Disposition, Handler, Jobs, Receipt};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::event::{Event, Record as SqsRecord, Submit};
use super::{Invocation, runtime_error};
use crate::processor::{self, MessageProcessor};
use crate::sweep;

/// Unfinished jobs are released this long before the end of the function's time, or less if the time is short.
const RELEASE_MARGIN: Duration = Duration::from_secs(2);

/// What this host needs of the worker function.
#[async_trait]
pub trait Function: Send + Sync {
    /// A new handler, which releases its jobs once `release` is cancelled. All handlers share the limits of the
    /// function.
    fn handler(&self, release: CancellationToken) -> Arc<dyn Handler>;

    /// Waits until no computation of a dropped handler runs any more.
    async fn idle(&self);

    /// Submits the job of an event. A repeated event creates no second job. The invoker gets the returned value, for
    /// its log.
    async fn submit(&self, event: Submit) -> anyhow::Result<Value>;
}

/// A worker on Lambda.
pub struct Host<F> {
    jobs: Jobs,
    function: F,
    /// Limit of messages that are handled at the same time; at least 1.
    slots: usize,
}

impl<F: Function + 'static> Host<F> {
    /// A worker for these jobs with this function.
    pub fn new(jobs: Jobs, function: F, slots: usize) -> Self {
        Self { jobs, function, slots: slots.max(1) }
    }

    /// Handles events until the platform ends the process.
    ///
    /// # Errors
    /// If the Runtime API does not answer.
    pub async fn run(self) -> anyhow::Result<()> {
        let this = Arc::new(self);
        let answer = service_fn(move |event: LambdaEvent<Value>| {
            let this = this.clone();
            async move {
                let invocation = Invocation::of(&event.context);
                this.answer(event.payload, &invocation).await.map_err(|error| {
                    let text = error_chain(error.as_ref());
                    tracing::error!(request_id = invocation.request_id, "event failed: {text}");
                    lambda_runtime::Error::from(text)
                })
            }
        });
        lambda_runtime::run(answer).await.map_err(runtime_error)
    }

    /// Handles one event to the end.
    ///
    /// # Errors
    /// If the event has no known form, or could not be handled at all.
    pub async fn answer(&self, event: Value, invocation: &Invocation) -> anyhow::Result<Value> {
        let margin = RELEASE_MARGIN.min(invocation.left() / 4);
        let (release, abandon) = (invocation.deadline - margin, invocation.deadline - margin / 2);
        crate::clock::compare(&self.jobs).await;
        match Event::read(event)? {
            Event::Messages(records) => Ok(self.messages(records, release, abandon).await),
            Event::Sweep => self.sweep(release).await,
            Event::Submit(submit) => {
                let submitted = tokio::time::timeout_at(release, self.function.submit(submit)).await;
                submitted.unwrap_or_else(|_| anyhow::bail!("the store did not answer in time"))
            }
        }
    }

    // --- messages ----------------------------------------------------------------------------

    async fn messages(&self, records: Vec<SqsRecord>, release: Instant, abandon: Instant) -> Value {
        let token = CancellationToken::new();
        let handler = self.function.handler(token.clone());
        let processor = MessageProcessor { jobs: self.jobs.clone(), handler };
        let mut again: Vec<String> = records.iter().map(|record| record.message_id.clone()).collect();
        let mut outcomes =
            stream::iter(records).map(|record| self.message(&processor, record)).buffer_unordered(self.slots);
        let all = async {
            while let Some((id, disposition)) = outcomes.next().await {
                if !matches!(disposition, Disposition::Retry { .. }) {
                    again.retain(|other| *other != id);
                }
            }
        };
        let in_time = async {
            tokio::time::sleep_until(release).await;
            tracing::info!("the function's time is nearly over: releasing what is unfinished");
            token.cancel();
            tokio::time::sleep_until(abandon).await;
        };
        tokio::select! {
            () = all => {}
            () = in_time => tracing::warn!(left = again.len(), "leaving jobs to the end of their lease"),
        }
        drop(outcomes); // stops handlers that still run
        let _ = tokio::time::timeout_at(abandon, self.function.idle()).await;
        let failures: Vec<Value> = again.iter().map(|id| json!({ "itemIdentifier": id })).collect();
        json!({ "batchItemFailures": failures })
    }

    async fn message(&self, processor: &MessageProcessor, record: SqsRecord) -> (String, Disposition) {
        let receives = record.receives();
        // A job is claimed only when a thread is free for it.
        let slot = processor.handler.reserve(1).await.pop().unwrap_or_default();
        let disposition = processor.process(record.body, receives, None, slot).await;
        processor::count(disposition);
        if let Disposition::Retry { after } = disposition {
            self.show_again(record.receipt_handle, after).await;
        }
        (record.message_id, disposition)
    }

    /// Makes an unfinished message visible again after `after`. Otherwise it stays hidden for the queue's visibility
    /// timeout.
    async fn show_again(&self, receipt: String, after: Duration) {
        let Some(receiver) = self.jobs.receiver().filter(|_| !receipt.is_empty()) else {
            return;
        };
        if let Err(error) = receiver.retry(Receipt::new(receipt), after).await {
            metrics::counter!("pssp_worker_settle_errors_total").increment(1);
            tracing::warn!(%error, "cannot bring a message back sooner than its visibility allows: {error}");
        }
    }

    // --- sweep -------------------------------------------------------------------------------

    async fn sweep(&self, until: Instant) -> anyhow::Result<Value> {
        match tokio::time::timeout_at(until, sweep::until_done(&self.jobs)).await {
            Ok(swept) => Ok(json!({ "swept": format!("{:?}", swept?) })),
            // Each repair is complete in itself, and the next scheduled sweep goes on.
            Err(_) => Ok(json!({ "swept": "as much as the time allowed" })),
        }
    }
}
