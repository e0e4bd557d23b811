//! State that all requests share: the queues by name and the faults. Also converts names to URLs and ARNs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::ACCOUNT;
use super::error::SqsError;
use super::faults::Faults;
use super::message::Place;
use super::queue::{Queue, Received};

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) region: String,
    pub(super) address: SocketAddr,
    pub(super) faults: Faults,
    pub(super) requests: Mutex<BTreeMap<String, u64>>,
    queues: Mutex<BTreeMap<String, Queue>>,
}

/// The time, as an instant for comparisons and as milliseconds since the epoch.
pub(super) fn now() -> (Instant, i64) {
    (Instant::now(), jiff::Timestamp::now().as_millisecond())
}

impl Shared {
    pub(super) fn new(region: String, address: SocketAddr) -> Self {
        let (faults, requests, queues) = Default::default();
        Self { region, address, faults, requests, queues }
    }

    pub(super) fn queues(&self) -> MutexGuard<'_, BTreeMap<String, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn url(&self, name: &str) -> String {
        format!("http://{}/{ACCOUNT}/{name}", self.address)
    }

    pub(super) fn arn(&self, name: &str) -> String {
        format!("arn:aws:sqs:{}:{ACCOUNT}:{name}", self.region)
    }

    /// The name of the queue in the queue URL of `input`, which is the last segment.
    pub(super) fn named(&self, input: &Value) -> Result<String, SqsError> {
        let url = input["QueueUrl"].as_str().ok_or_else(|| SqsError::missing("QueueUrl"))?;
        let name = url.rsplit('/').next().unwrap_or_default();
        if !url.contains('/') || name.is_empty() {
            return Err(SqsError::no_queue());
        }
        Ok(name.to_owned())
    }

    /// Calls a function with the queue that `input` names.
    pub(super) fn with_queue<T>(
        &self,
        input: &Value,
        act: impl FnOnce(&mut Queue) -> Result<T, SqsError>,
    ) -> Result<T, SqsError> {
        let name = self.named(input)?;
        act(self.queues().get_mut(&name).ok_or_else(SqsError::no_queue)?)
    }

    /// The messages that can be received now, and the time when more become visible. Moves messages that were received
    /// too often to the dead letters.
    pub(super) fn receive(
        &self,
        input: &Value,
        most: usize,
        hidden: Option<Duration>,
    ) -> Result<(Vec<Received>, Option<Instant>), SqsError> {
        let name = self.named(input)?;
        let now = now();
        let mut queues = self.queues();
        let queue = queues.get_mut(&name).ok_or_else(SqsError::no_queue)?;
        let hidden = hidden.unwrap_or_else(|| queue.settings.seconds("VisibilityTimeout"));
        let (received, dead) = queue.receive(most, hidden, now)?;
        for (_, handle) in &received {
            if self.faults.doubles() {
                queue.show_again(handle, now);
            }
        }
        let next = queue.next_visible();
        let target = queue.settings.redrive().map(|redrive| redrive.target_arn);
        let target = queues.values_mut().find(|queue| Some(self.arn(&queue.name)) == target);
        if let Some(target) = target {
            for mut message in dead {
                message.place = Place::Ready { turn: 0 };
                message.dead_letter_source = Some(self.arn(&name));
                target.put(message);
            }
        }
        Ok((received, next))
    }
}
