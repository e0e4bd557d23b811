//! The poll loop: receives messages, runs the handler for each, and settles each.
//!
//! - A message is received only when the handler has room for it ([`Handler::reserve`]) and a slot is free.
//! - A message stays hidden from other workers as long as its handler runs.
//! - A message that cannot be decoded goes to the dead letters. If a handler panics, its message is retried.
//! - After an error of the receiver the loop waits and goes on. Only shutdown ends it.
//! - On shutdown the loop receives no more messages. Within the grace time handlers finish or release their jobs.

use std::convert::Infallible;
use std::iter;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use pssp_common::Backoff;
use pssp_jobs::{Delivery, Disposition, Handler, JobReceiver, Jobs, Receipt, Slot, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::liveness::Liveness;
use crate::processor::{self, MessageProcessor};

/// How long a receive may take beyond its own wait. After that it counts as failed.
const HANG_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a receive waits for messages at the start and after an error.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// How long the last receive may take after shutdown began. The messages that it has taken are returned to the queue.
const LAST_RECEIVE_TIMEOUT: Duration = Duration::from_millis(500);

/// The bounds of a poll loop.
#[derive(Debug, Clone)]
pub struct PollOptions {
    /// Limit of messages that are computed or settled at the same time. 1 to 1,000.
    pub slots: usize,
    /// How long a receive waits for its first message.
    pub wait: Duration,
    /// How long shutdown may take.
    pub grace: Duration,
}

impl PollOptions {
    /// The options from the settings.
    #[must_use]
    pub fn of(settings: &crate::Settings) -> Self {
        Self { slots: settings.worker.slots, wait: Duration::from_secs(20), grace: settings.grace }
    }

    /// Two times, counted from the start of shutdown: when handlers are asked to release their jobs, and when the loop
    /// stops waiting for handlers.
    fn phases(&self) -> (Duration, Duration) {
        let margin = Duration::from_secs(5).min(self.grace / 3);
        (self.grace.saturating_sub(margin), self.grace.saturating_sub(margin / 2))
    }
}

/// Room for one message: a slot of the handler, and a permit of the loop's own limit.
struct Room {
    slot: Slot,
    in_hand: OwnedSemaphorePermit,
}

/// Receives messages and runs a handler for each.
pub struct Poller {
    processor: MessageProcessor,
    receiver: Arc<dyn JobReceiver>,
    options: PollOptions,
    release: CancellationToken,
    /// Cancelled when the loop stops waiting: handlers that still run are dropped.
    abandon: CancellationToken,
    liveness: Liveness,
}

impl Poller {
    /// The loop cancels `release` when the handler shall release its jobs.
    #[must_use]
    pub fn new(
        jobs: Jobs,
        receiver: Arc<dyn JobReceiver>,
        handler: Arc<dyn Handler>,
        options: PollOptions,
        release: CancellationToken,
    ) -> Self {
        let liveness = Liveness::default();
        let (processor, abandon) = (MessageProcessor { jobs, handler }, CancellationToken::new());
        Self { processor, receiver, options, release, abandon, liveness }
    }

    /// The state of the loop, for probes.
    #[must_use]
    pub fn liveness(&self) -> Liveness {
        self.liveness.clone()
    }

    /// Runs until `shutdown` is cancelled and every received message is settled.
    pub async fn run(self, shutdown: CancellationToken) {
        let this = Arc::new(self);
        let slots = Arc::new(Semaphore::new(this.options.slots));
        let tasks = TaskTracker::new();
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(15)).with_jitter();
        while let Some(room) = this.room(&slots, &shutdown).await {
            match this.fetch(room.len(), &shutdown).await {
                Ok(deliveries) => {
                    this.liveness.answered();
                    if backoff.reset() {
                        tracing::info!("receiving messages again");
                    }
                    this.start(deliveries, room, &tasks);
                }
                Err(error) => {
                    drop(room);
                    this.wait_out(&error, &mut backoff, &shutdown).await;
                }
            }
        }
        tasks.close();
        this.drain(&tasks).await;
    }

    /// Waits until there is room for at least one message, and returns all free room. `None` on shutdown.
    async fn room(&self, slots: &Arc<Semaphore>, shutdown: &CancellationToken) -> Option<Vec<Room>> {
        let _waiting = self.liveness.busy();
        let reserve = async {
            // Only this loop takes permits, so free ones stay free until they are taken below.
            let first = Arc::clone(slots).acquire_owned().await.ok()?;
            let reserved = self.processor.handler.reserve(slots.available_permits() + 1).await;
            let permits =
                iter::once(first).chain(iter::from_fn(|| Arc::clone(slots).try_acquire_owned().ok()));
            Some(reserved.into_iter().zip(permits).map(|(slot, in_hand)| Room { slot, in_hand }).collect())
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => None,
            room = reserve => room,
        }
    }

    async fn fetch(&self, max: usize, shutdown: &CancellationToken) -> Result<Vec<Delivery>, StoreError> {
        // Until the queue has answered once (again after errors), the receive waits only briefly, to show readiness
        // soon.
        let wait =
            if self.liveness.answers() { self.options.wait } else { self.options.wait.min(FIRST_WAIT) };
        let receive = self.receiver.receive(max, wait, self.processor.jobs.policy().lease);
        let mut receive = pin!(tokio::time::timeout(wait + HANG_TIMEOUT, receive));
        let received = tokio::select! {
            biased;
            () = shutdown.cancelled() => {
                // If the receive were dropped now, the messages that it has taken would stay hidden for a whole lease.
                if let Ok(Ok(Ok(taken))) = tokio::time::timeout(LAST_RECEIVE_TIMEOUT, &mut receive).await {
                    self.return_all(taken).await;
                }
                return Ok(Vec::new());
            }
            received = &mut receive => received,
        };
        received.unwrap_or_else(|_| {
            let hung = format!("no answer within {} s", (wait + HANG_TIMEOUT).as_secs());
            Err(StoreError::Unavailable(hung.into()))
        })
    }

    async fn return_all(&self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            self.settle(delivery.receipt, Disposition::Retry { after: Duration::ZERO }).await;
        }
    }

    async fn wait_out(&self, error: &StoreError, backoff: &mut Backoff, shutdown: &CancellationToken) {
        self.liveness.failed();
        metrics::counter!("pssp_worker_receive_errors_total").increment(1);
        if backoff.is_fresh() {
            tracing::warn!(%error, "cannot receive messages, will go on trying: {error}");
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_wait()) => {}
            () = shutdown.cancelled() => {}
        }
    }

    /// Starts one task for each delivery, each with its own room. Unused room becomes free again.
    fn start(self: &Arc<Self>, deliveries: Vec<Delivery>, room: Vec<Room>, tasks: &TaskTracker) {
        let mut room = room.into_iter();
        for delivery in deliveries {
            // A backend that returns more messages than requested breaks its contract. They are handled anyway.
            let (slot, in_hand) =
                room.next().map_or((Slot::unlimited(), None), |r| (r.slot, Some(r.in_hand)));
            let this = Arc::clone(self);
            tasks.spawn(async move {
                this.process(delivery, slot).await;
                drop(in_hand);
            });
        }
    }

    async fn drain(&self, tasks: &TaskTracker) {
        let start = Instant::now();
        let (release, abandon) = self.options.phases();
        if tokio::time::timeout_at(start + release, tasks.wait()).await.is_ok() {
            return;
        }
        let left = tasks.len();
        tracing::info!(left, "releasing {left} jobs that do not finish in the grace time");
        self.release.cancel();
        if tokio::time::timeout_at(start + abandon, tasks.wait()).await.is_ok() {
            return;
        }
        let left = tasks.len();
        tracing::warn!(left, "leaving {left} jobs to the end of their lease");
        self.abandon.cancel();
        let _ = tokio::time::timeout_at(start + self.options.grace, tasks.wait()).await;
    }

    // --- one message -------------------------------------------------------------------------

    async fn process(&self, delivery: Delivery, slot: Slot) {
        let Delivery { body, receives, receipt, record } = delivery;
        let disposition = tokio::select! {
            disposition = self.processor.process(body, receives, record, slot) => disposition,
            never = self.keep_hidden(&receipt) => match never {},
            () = self.abandon.cancelled() => Disposition::Retry { after: Duration::ZERO },
        };
        self.settle(receipt, disposition).await;
    }

    /// At every heartbeat: hides the message from other workers for another lease.
    async fn keep_hidden(&self, receipt: &Receipt) -> Infallible {
        let policy = self.processor.jobs.policy();
        loop {
            tokio::time::sleep(policy.heartbeat).await;
            match self.receiver.extend(receipt, policy.lease).await {
                Ok(true) => {}
                // Another worker has the message too. The job's lease decides who works on it.
                Ok(false) => std::future::pending().await,
                Err(error) => {
                    metrics::counter!("pssp_worker_settle_errors_total").increment(1);
                    tracing::debug!(%error, "cannot keep a message hidden: {error}");
                }
            }
        }
    }

    /// Settles the message. If this fails, the message is delivered again, and its job is then found settled.
    async fn settle(&self, receipt: Receipt, disposition: Disposition) {
        let name = processor::count(disposition);
        let settled = match disposition {
            Disposition::Settled { .. } => Ok(()),
            Disposition::Ack | Disposition::Discard => self.receiver.ack(receipt).await,
            Disposition::Retry { after } => self.receiver.retry(receipt, after).await,
        };
        if let Err(error) = settled {
            metrics::counter!("pssp_worker_settle_errors_total").increment(1);
            tracing::warn!(%error, disposition = name, "cannot settle a message ({name}), it will come again: {error}");
        }
    }
}
