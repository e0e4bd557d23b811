//! The interface between a host and a worker function: slots for messages, and how a message is settled.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::message::Message;
use crate::ports::Record;

/// How a message is settled. The host acknowledges or retries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The message is done: delete it.
    Ack,
    /// The last transition of the job has already settled the message
    /// ([`Capabilities::settles_messages`](crate::Capabilities::settles_messages)).
    Settled {
        /// Whether it will be delivered again (a retry or a release), and is not deleted.
        again: bool,
    },
    /// The message cannot be handled now: deliver it again after this time.
    Retry {
        /// How long to wait.
        after: Duration,
    },
    /// The message is of no use (no such job, or not decodable): delete it and count it.
    Discard,
}

/// Capacity for one message. A worker claims a job only while it holds a slot. Dropping the slot frees it.
#[derive(Debug, Default)]
pub struct Slot {
    permit: Option<OwnedSemaphorePermit>,
}

impl Slot {
    /// A slot that holds a permit of a semaphore.
    #[must_use]
    pub const fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { permit: Some(permit) }
    }

    /// Whether the slot holds a permit of this semaphore.
    #[must_use]
    pub fn is_of(&self, semaphore: &Arc<Semaphore>) -> bool {
        self.permit.as_ref().is_some_and(|permit| Arc::ptr_eq(permit.semaphore(), semaphore))
    }

    /// A slot without a semaphore.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { permit: None }
    }
}

/// What a host runs for each message: the worker function.
///
/// Must be idempotent, since delivery is at least once.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Waits until a message can be handled, and returns at least one slot and at most `max` (at least 1). The
    /// host receives no more messages than it has slots.
    async fn reserve(&self, max: usize) -> Vec<Slot>;

    /// Handles one message and returns how it is settled. `record` is the job as it was when the message was
    /// received, where the queue returns it. This never fails: an error becomes a [`Disposition`] and a log
    /// line. The slot is dropped as soon as another job may be claimed, which can be before this returns.
    async fn handle(&self, message: Message, record: Option<Box<Record>>, slot: Slot) -> Disposition;
}
