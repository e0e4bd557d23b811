//! What a host and a worker function agree on: room for a message, and what becomes of it.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::OwnedSemaphorePermit;

use crate::message::Message;
use crate::ports::Record;

/// What becomes of a message; the host turns it into acknowledge or retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Done: delete the message.
    Ack,
    /// The job's last transition has settled the message already
    /// ([`Capabilities::settles_messages`](crate::Capabilities::settles_messages)).
    Settled,
    /// Not now: deliver it again after this time.
    Retry {
        /// How long to wait.
        after: Duration,
    },
    /// Not for us and never will be (no such job, undecodable): delete it and count it.
    Discard,
}

/// Room for one message: a worker claims a job only while it holds one. Dropping it makes the room free.
#[derive(Debug, Default)]
pub struct Slot {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Slot {
    /// A slot that counts against a semaphore.
    #[must_use]
    pub const fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: Some(permit) }
    }

    /// A slot that counts against nothing.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { _permit: None }
    }
}

/// What a host runs for each message: the worker function.
///
/// Must be idempotent, since delivery is at least once.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Waits until there is room for a message, and takes it: at least one slot, and at most `max`
    /// (at least 1). The host receives no more messages than it has slots.
    async fn reserve(&self, max: usize) -> Vec<Slot>;

    /// Handles one message to the end, and returns what becomes of it. `record` is the job as it stood
    /// when the message was taken, where the queue brought it. Never fails: what goes wrong is a
    /// [`Disposition`] and a log line. The slot is free again as soon as another job may be claimed,
    /// which can be before this returns.
    async fn handle(&self, message: Message, record: Option<Box<Record>>, slot: Slot) -> Disposition;
}
