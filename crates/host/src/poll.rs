//! The poll loop: takes messages from a receiver, runs the handler for each, settles each.
//!
//! - Never more in hand than there are slots, and nothing is fetched beyond the free ones.
//! - A message stays hidden from others as long as its handler runs.
//! - A body that cannot be decoded goes to the dead letters; a handler that panics is retried.
//! - Errors of the receiver are waited out; the loop ends on shutdown and on nothing else.
//! - On shutdown fetching stops at once, handlers get the grace time to finish, then to give back.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use pssp_jobs::{Delivery, Disposition, Handler, JobReceiver, Jobs, Message, Receipt, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;
use crate::liveness::Liveness;

/// The longest that a receive may hang beyond its own wait before it counts as failed.
const HUNG: Duration = Duration::from_secs(30);

/// How long a receive waits for messages at the start, and after an error.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// How long a receive that is under way at shutdown may take to bring what it has taken already.
const LINGER: Duration = Duration::from_millis(500);

/// When a message is tried again whose handler panicked, or that could not be buried.
const AFTER_PANIC: Duration = Duration::from_secs(10);

/// The bounds of a poll loop.
#[derive(Debug, Clone)]
pub struct PollOptions {
    /// Messages in hand at the same time; 1 to 1,000.
    pub slots: usize,
    /// How long a receive waits for the first message.
    pub wait: Duration,
    /// How long shutdown may take.
    pub grace: Duration,
}

impl PollOptions {
    /// As the settings say.
    #[must_use]
    pub fn of(settings: &crate::Settings) -> Self {
        Self { slots: settings.worker.slots, wait: Duration::from_secs(20), grace: settings.grace }
    }

    /// The times, counted from the start of shutdown, at which handlers are asked to give back, and
    /// at which those are left alone that did not.
    fn phases(&self) -> (Duration, Duration) {
        let margin = Duration::from_secs(5).min(self.grace / 3);
        (self.grace.saturating_sub(margin), self.grace.saturating_sub(margin / 2))
    }
}

/// Takes messages and runs a handler for them.
pub struct Poller {
    jobs: Jobs,
    receiver: Arc<dyn JobReceiver>,
    handler: Arc<dyn Handler>,
    options: PollOptions,
    give_back: CancellationToken,
    /// Handlers still running are dropped.
    abandon: CancellationToken,
    liveness: Liveness,
}

impl Poller {
    /// `give_back` is cancelled when the handler shall give back what it works on.
    #[must_use]
    pub fn new(
        jobs: Jobs,
        receiver: Arc<dyn JobReceiver>,
        handler: Arc<dyn Handler>,
        options: PollOptions,
        give_back: CancellationToken,
    ) -> Self {
        let liveness = Liveness::default();
        Self { jobs, receiver, handler, options, give_back, abandon: CancellationToken::new(), liveness }
    }

    /// Tells how the loop is doing.
    #[must_use]
    pub fn liveness(&self) -> Liveness {
        self.liveness.clone()
    }

    /// Runs until `shutdown` is cancelled and every message in hand is settled.
    pub async fn run(self, shutdown: CancellationToken) {
        let this = Arc::new(self);
        let slots = Arc::new(Semaphore::new(this.options.slots));
        let tasks = TaskTracker::new();
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(15));
        while let Some(permits) = this.free_slots(&slots, &shutdown).await {
            let fetched = this.fetch(permits.num_permits(), &shutdown).await;
            match fetched {
                Ok(deliveries) => {
                    this.liveness.answered();
                    if backoff.reset() {
                        tracing::info!("receiving messages again");
                    }
                    this.start(deliveries, permits, &tasks);
                }
                Err(error) => {
                    drop(permits);
                    this.wait_out(&error, &mut backoff, &shutdown).await;
                }
            }
        }
        tasks.close();
        this.drain(&tasks).await;
    }

    /// All slots that are free, at least one; `None` on shutdown.
    async fn free_slots(
        &self,
        slots: &Arc<Semaphore>,
        shutdown: &CancellationToken,
    ) -> Option<OwnedSemaphorePermit> {
        let _waiting = self.liveness.busy();
        // Only this loop takes permits, so what is free stays free until they are taken below.
        let free = u32::try_from(slots.available_permits().max(1)).unwrap_or(1);
        tokio::select! {
            biased;
            () = shutdown.cancelled() => None,
            permits = slots.clone().acquire_many_owned(free) => permits.ok(),
        }
    }

    async fn fetch(&self, max: usize, shutdown: &CancellationToken) -> Result<Vec<Delivery>, StoreError> {
        // Until the queue has answered (again) nobody knows that it does, so do not wait long for the
        // answer that there is nothing.
        let wait =
            if self.liveness.answers() { self.options.wait } else { self.options.wait.min(FIRST_WAIT) };
        let receive = self.receiver.receive(max, wait, self.jobs.policy().lease);
        let mut receive = pin!(tokio::time::timeout(wait + HUNG, receive));
        let received = tokio::select! {
            biased;
            () = shutdown.cancelled() => {
                // What it has taken already would be hidden for a whole lease if it were dropped now.
                if let Ok(Ok(Ok(taken))) = tokio::time::timeout(LINGER, &mut receive).await {
                    self.return_all(taken).await;
                }
                return Ok(Vec::new());
            }
            received = &mut receive => received,
        };
        received.unwrap_or_else(|_| {
            let hung = format!("no answer within {} s", (wait + HUNG).as_secs());
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
            () = tokio::time::sleep(backoff.next()) => {}
            () = shutdown.cancelled() => {}
        }
    }

    /// One task a delivery, each with one of the permits; the permits left over are free again.
    fn start(
        self: &Arc<Self>,
        deliveries: Vec<Delivery>,
        mut permits: OwnedSemaphorePermit,
        tasks: &TaskTracker,
    ) {
        for delivery in deliveries {
            // A backend that brought more than was asked for breaks its contract; what it brought is
            // handled all the same.
            let permit = permits.split(1);
            let this = Arc::clone(self);
            tasks.spawn(async move {
                metrics::gauge!("pssp_worker_in_hand").increment(1.0);
                this.deal_with(delivery).await;
                metrics::gauge!("pssp_worker_in_hand").decrement(1.0);
                drop(permit);
            });
        }
    }

    async fn drain(&self, tasks: &TaskTracker) {
        let start = Instant::now();
        let (give_back, abandon) = self.options.phases();
        if tokio::time::timeout_at(start + give_back, tasks.wait()).await.is_ok() {
            return;
        }
        let left = tasks.len();
        tracing::info!(left, "giving back {left} jobs that do not finish in the grace time");
        self.give_back.cancel();
        if tokio::time::timeout_at(start + abandon, tasks.wait()).await.is_ok() {
            return;
        }
        let left = tasks.len();
        tracing::warn!(left, "leaving {left} jobs to the end of their lease");
        self.abandon.cancel();
        let _ = tokio::time::timeout_at(start + self.options.grace, tasks.wait()).await;
    }

    // --- one message -------------------------------------------------------------------------

    async fn deal_with(&self, delivery: Delivery) {
        let Delivery { body, receives, receipt } = delivery;
        let disposition = match Message::decode(&body) {
            Ok(message) => {
                tokio::select! {
                    disposition = self.handle(message, receives) => disposition,
                    never = self.keep_hidden(&receipt) => match never {},
                    () = self.abandon.cancelled() => Disposition::Retry { after: Duration::ZERO },
                }
            }
            Err(error) => self.bury(body, &error.to_string()).await,
        };
        self.settle(receipt, disposition).await;
    }

    async fn handle(&self, message: Message, receives: u32) -> Disposition {
        let job = message.job;
        // Nothing of the handler is used again after a panic but what is shared, and that is behind
        // the backend.
        AssertUnwindSafe(self.handler.handle(message)).catch_unwind().await.unwrap_or_else(|_| {
            metrics::counter!("pssp_worker_handler_panics_total").increment(1);
            tracing::error!(%job, receives, "the handler panicked on job {job}, delivery {receives}: will be retried");
            Disposition::Retry { after: AFTER_PANIC }
        })
    }

    /// Hides the message from others for another lease, every heartbeat.
    async fn keep_hidden(&self, receipt: &Receipt) -> Infallible {
        let policy = self.jobs.policy();
        loop {
            tokio::time::sleep(policy.heartbeat).await;
            match self.receiver.extend(receipt, policy.lease).await {
                Ok(true) => {}
                // Somebody else has it too. The job's own lease decides who works on it.
                Ok(false) => std::future::pending().await,
                Err(error) => {
                    metrics::counter!("pssp_worker_settle_errors_total").increment(1);
                    tracing::debug!(%error, "cannot keep a message hidden: {error}");
                }
            }
        }
    }

    /// Moves what cannot be decoded to the dead letters.
    async fn bury(&self, body: String, reason: &str) -> Disposition {
        metrics::counter!("pssp_worker_messages_total", "disposition" => "undecodable").increment(1);
        match self.jobs.bury(body, reason.to_owned()).await {
            Ok(()) => {
                tracing::warn!(reason, "a message went to the dead letters: {reason}");
                Disposition::Discard
            }
            Err(error) => {
                tracing::warn!(%error, reason, "cannot move a message to the dead letters, will retry: {error}");
                Disposition::Retry { after: AFTER_PANIC }
            }
        }
    }

    /// A message that cannot be settled comes again, and then finds its job settled.
    async fn settle(&self, receipt: Receipt, disposition: Disposition) {
        let (name, settled) = match disposition {
            Disposition::Ack => ("ack", self.receiver.ack(receipt).await),
            Disposition::Discard => ("discard", self.receiver.ack(receipt).await),
            Disposition::Retry { after } => ("retry", self.receiver.retry(receipt, after).await),
        };
        metrics::counter!("pssp_worker_messages_total", "disposition" => name).increment(1);
        if let Err(error) = settled {
            metrics::counter!("pssp_worker_settle_errors_total").increment(1);
            tracing::warn!(%error, disposition = name, "cannot settle a message ({name}), it will come again: {error}");
        }
    }
}
