//! The bell of the queue: one connection of this process waits for the token that says that
//! something may be ready, and wakes those who wait here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::{RedisError, Value};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::link::{Link, backoff};

/// How long one blocking pop waits. Only bounds how soon a process that has nobody waiting any more
/// lets go.
pub(crate) const BLOCK: Duration = Duration::from_secs(5);

/// Who waits for messages here.
#[derive(Default)]
pub(crate) struct Bell {
    rung: Notify,
    stirred: Notify,
    waiting: AtomicUsize,
}

impl Bell {
    /// Completes at the next ring.
    pub(crate) fn rung(&self) -> Notified<'_> {
        self.rung.notified()
    }

    /// Counts as one who waits until dropped.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.stirred.notify_one();
        Waiting(self)
    }

    fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Rings as tokens come, for ever. `link` is used for nothing else: it blocks.
    pub(crate) async fn attend(self: Arc<Self>, link: Arc<Link>) {
        let mut failures = 0;
        loop {
            if !self.is_awaited() {
                self.stirred.notified().await;
                continue;
            }
            match self.token(&link).await {
                Ok(came) => {
                    failures = 0;
                    if came {
                        self.ring(&link).await;
                    }
                }
                Err(error) => {
                    // Those who wait look by themselves meanwhile.
                    tracing::debug!(%error, "waiting for messages failed");
                    tokio::time::sleep(backoff(failures)).await;
                    failures += 1;
                }
            }
        }
    }

    async fn token(&self, link: &Link) -> Result<bool, RedisError> {
        let mut command = redis::cmd("BLPOP");
        command.arg(format!("{}wake", link.target.prefix)).arg(BLOCK.as_secs());
        Ok(link.query(&command).await? != Value::Nil)
    }

    async fn ring(&self, link: &Link) {
        if self.is_awaited() {
            self.rung.notify_one();
            return;
        }
        // Nobody here wants it any more: another process may.
        let mut command = redis::cmd("RPUSH");
        command.arg(format!("{}wake", link.target.prefix)).arg(1);
        drop(link.query(&command).await);
    }
}

/// One who waits.
pub(crate) struct Waiting<'a>(&'a Bell);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
