//! Wake-ups of waiting receivers. One connection of this process waits for the token in `wake`, which says that
//! a message may be ready, and then wakes one receiver of this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::{RedisError, Value};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::link::{Link, backoff};

/// Time-out of one blocking pop. When no receiver of the process waits any more, the process stops listening
/// after this time.
pub(crate) const BLOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Wakes the receivers of this process.
#[derive(Default)]
pub(crate) struct WakeListener {
    woken: Notify,
    wanted: Notify,
    waiting: AtomicUsize,
}

impl WakeListener {
    /// Completes at the next wake-up.
    pub(crate) fn woken(&self) -> Notified<'_> {
        self.woken.notified()
    }

    /// Counts a waiting receiver until the returned value is dropped.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.wanted.notify_one();
        Waiting(self)
    }

    fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Takes tokens and wakes receivers, for ever. No other code may use `link`, because the command blocks it.
    pub(crate) async fn listen(self: Arc<Self>, link: Arc<Link>) {
        let mut backoff = backoff();
        loop {
            if !self.is_awaited() {
                self.wanted.notified().await;
                continue;
            }
            match self.token(&link).await {
                Ok(came) => {
                    backoff.reset();
                    if came {
                        self.wake_one(&link).await;
                    }
                }
                Err(error) => {
                    // Waiting receivers check the queue by themselves meanwhile.
                    tracing::debug!(%error, "waiting for messages failed");
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
        }
    }

    async fn token(&self, link: &Link) -> Result<bool, RedisError> {
        let mut command = redis::cmd("BLPOP");
        command.arg(format!("{}wake", link.target.prefix)).arg(BLOCK_TIMEOUT.as_secs());
        Ok(link.query(&command).await? != Value::Nil)
    }

    async fn wake_one(&self, link: &Link) {
        if self.is_awaited() {
            self.woken.notify_one();
            return;
        }
        // No receiver waits here any more. Give the token to another process.
        let mut command = redis::cmd("RPUSH");
        command.arg(format!("{}wake", link.target.prefix)).arg(1);
        drop(link.query(&command).await);
    }
}

pub(crate) struct Waiting<'a>(&'a WakeListener);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
