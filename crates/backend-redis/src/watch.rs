//! Wake-ups of watchers of jobs: this process has one subscription to the channel of changes.
//!
//! The subscription begins when a process prepares for watches, so a worker without watches receives no changes. It
//! is probed, and renewed when it ends. It is also renewed when another connection is given up: after a failover the
//! subscription may still be alive, on a server on which nothing changes any more. After every start all watchers
//! are woken once, because changes may have been missed before it. A poll finds other missed changes.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use pssp_jobs::hub::Hub;
use pssp_jobs::{JobId, JobWatch, Watcher};
use redis::RedisError;
use tokio::sync::{Notify, watch};

use crate::RedisBackend;
use crate::codec::id_of;
use crate::link::{Link, backoff, timed_out};

/// Longest time until a watcher reads the job without an event.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Time after which a silent subscription is probed.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// The watchers of this process.
pub(crate) struct Changes {
    hub: Hub,
    wanted: Notify,
    /// Number of subscriptions so far. A change of it wakes every watcher.
    begun: watch::Sender<u64>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { hub: Hub::default(), wanted: Notify::new(), begun: watch::Sender::new(0) }
    }
}

impl Changes {
    /// Listens for changes from the first [`JobWatch::prepare`] on, for ever.
    pub(crate) async fn keep_listening(self: Arc<Self>, link: Arc<Link>, limit: Duration) {
        self.wanted.notified().await;
        let mut backoff = backoff();
        let mut failed = false;
        loop {
            let before = *self.begun.borrow();
            let ended = self.listen(&link, limit).await;
            if *self.begun.borrow() != before {
                backoff.reset();
                failed = false;
            }
            match ended {
                Err(error) if !failed => {
                    tracing::warn!(%error, "cannot listen for changes of jobs; waits end late until it works again: {error}");
                    failed = true;
                }
                Err(error) => tracing::debug!(%error, "listening for changes failed: {error}"),
                Ok(()) => {}
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    async fn listen(&self, link: &Link, limit: Duration) -> Result<(), RedisError> {
        let mut given_up = link.given_up();
        let (mut sink, mut stream) = link.listen(limit).await?.split();
        let channel = format!("{}changed", link.target.prefix);
        within(limit, sink.subscribe(&channel)).await?;
        self.begun.send_modify(|begun| *begun += 1);
        loop {
            let message = tokio::select! {
                message = tokio::time::timeout(PROBE_INTERVAL, stream.next()) => message,
                _ = given_up.changed() => return Ok(()),
            };
            match message {
                Ok(Some(message)) => {
                    for id in message.get_payload_bytes().chunks(36).filter_map(id_of) {
                        self.hub.notify(id);
                    }
                }
                Ok(None) => return Ok(()),
                Err(_) => within(limit, sink.ping::<redis::Value>()).await.map(drop)?,
            }
        }
    }
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, RedisError> {
    tokio::time::timeout(limit, call).await.map_err(|_| timed_out("listening"))?
}

impl JobWatch for RedisBackend {
    fn prepare(&self) {
        self.changes.wanted.notify_one();
    }

    fn watch(&self, id: JobId) -> Box<dyn Watcher> {
        let begun = self.changes.begun.subscribe();
        let watcher = self.changes.hub.watch_renewed(id, POLL_INTERVAL, begun);
        self.prepare();
        watcher
    }
}
