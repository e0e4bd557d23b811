//! The poll loop: takes messages from a receiver, runs the handler for each, settles each.
//!
//! - Never more in hand than there are slots, and nothing is fetched beyond the free ones.
//! - A message stays hidden from others as long as its handler runs.
//! - A body that cannot be decoded goes to the dead letters; a handler that panics is retried.
//! - Errors of the receiver are waited out; the loop ends on shutdown and on nothing else.
//! - On shutdown fetching stops at once, handlers get the grace time to finish, then to give back.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use pssp_jobs::{Delivery, Disposition, Handler, JobReceiver, Jobs, Receipt, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;
use crate::deal::{self, Dealer};
use crate::liveness::Liveness;

/// The longest that a receive may hang beyond its own wait before it counts as failed.
const HUNG: Duration = Duration::from_secs(30);

/// How long a receive waits for messages at the start, and after an error.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// How long a receive that is under way at shutdown may take to bring what it has taken already.
const LINGER: Duration = Duration::from_millis(500);

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
    dealer: Dealer,
    receiver: Arc<dyn JobReceiver>,
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
        let (dealer, abandon) = (Dealer { jobs, handler }, CancellationToken::new());
        Self { dealer, receiver, options, give_back, abandon, liveness }
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
        let receive = self.receiver.receive(max, wait, self.dealer.jobs.policy().lease);
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
                this.deal_with(delivery).await;
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
        let disposition = tokio::select! {
            disposition = self.dealer.deal(body, receives) => disposition,
            never = self.keep_hidden(&receipt) => match never {},
            () = self.abandon.cancelled() => Disposition::Retry { after: Duration::ZERO },
        };
        self.settle(receipt, disposition).await;
    }

    /// Hides the message from others for another lease, every heartbeat.
    async fn keep_hidden(&self, receipt: &Receipt) -> Infallible {
        let policy = self.dealer.jobs.policy();
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

    /// A message that cannot be settled comes again, and then finds its job settled.
    async fn settle(&self, receipt: Receipt, disposition: Disposition) {
        let name = deal::count(disposition);
        let settled = match disposition {
            Disposition::Ack | Disposition::Discard => self.receiver.ack(receipt).await,
            Disposition::Retry { after } => self.receiver.retry(receipt, after).await,
        };
        if let Err(error) = settled {
            metrics::counter!("pssp_worker_settle_errors_total").increment(1);
            tracing::warn!(%error, disposition = name, "cannot settle a message ({name}), it will come again: {error}");
        }
    }
}
