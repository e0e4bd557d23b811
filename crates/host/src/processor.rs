//! Processes one message, whichever host received it: decodes it, runs its handler, catches a panic, and moves
//! undecodable messages to the dead letters.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use pssp_jobs::{Disposition, Handler, Jobs, Message, Record, Slot};

/// The delay before a message is delivered again after its handler panicked, or after it could not be moved to the dead
/// letters.
const RETRY_DELAY: Duration = Duration::from_secs(10);

/// Processes messages, one at a time or many at once.
#[derive(Clone)]
pub(crate) struct MessageProcessor {
    pub(crate) jobs: Jobs,
    pub(crate) handler: Arc<dyn Handler>,
}

impl MessageProcessor {
    /// Processes one message to the end. Does not panic, even if the handler does. May be dropped.
    pub(crate) async fn process(
        &self,
        body: String,
        receives: u32,
        record: Option<Box<Record>>,
        slot: Slot,
    ) -> Disposition {
        let _in_hand = InHand::new();
        match Message::decode(&body) {
            Ok(message) => self.handle(message, receives, record, slot).await,
            Err(error) => self.move_to_dead_letters(body, &error.to_string()).await,
        }
    }

    async fn handle(
        &self,
        message: Message,
        receives: u32,
        record: Option<Box<Record>>,
        slot: Slot,
    ) -> Disposition {
        let job = message.job;
        // After a panic only the handler's shared state is used again, and the backend keeps that consistent.
        AssertUnwindSafe(self.handler.handle(message, record, slot)).catch_unwind().await.unwrap_or_else(|_| {
            metrics::counter!("pssp_worker_handler_panics_total").increment(1);
            tracing::error!(%job, receives, "the handler panicked on job {job}, delivery {receives}: will be retried");
            Disposition::Retry { after: RETRY_DELAY }
        })
    }

    /// Moves an undecodable message to the dead letters.
    async fn move_to_dead_letters(&self, body: String, reason: &str) -> Disposition {
        match self.jobs.bury(body, reason.to_owned()).await {
            Ok(()) => {
                tracing::warn!(reason, "a message went to the dead letters: {reason}");
                Disposition::Discard
            }
            Err(error) => {
                tracing::warn!(%error, reason, "cannot move a message to the dead letters, will retry: {error}");
                Disposition::Retry { after: RETRY_DELAY }
            }
        }
    }
}

/// Counts the disposition of a message, and returns its name.
pub(crate) fn count(disposition: Disposition) -> &'static str {
    let name = match disposition {
        Disposition::Ack | Disposition::Settled { again: false } => "ack",
        Disposition::Discard => "discard",
        Disposition::Retry { .. } | Disposition::Settled { again: true } => "retry",
    };
    metrics::counter!("pssp_worker_messages_total", "disposition" => name).increment(1);
    name
}

/// Counts a message as in progress until the value is dropped, so also if processing is dropped half-way.
struct InHand;

impl InHand {
    fn new() -> Self {
        metrics::gauge!("pssp_worker_in_hand").increment(1.0);
        Self
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        metrics::gauge!("pssp_worker_in_hand").decrement(1.0);
    }
}
