//! Sending and receiving: [`JobQueue`] and [`JobReceiver`] with the statements of `queue`.

use std::time::Duration;

use async_trait::async_trait;
use pssp_jobs::policy::MAX_DELAY;
use pssp_jobs::{Delivery, JobQueue, JobReceiver, Message, Receipt, StoreError, Timestamp};
use tokio::time::Instant;

use crate::SqliteBackend;
use crate::queue::{HORIZON, Token, next_visible, put_back, put_foreign, send, take};
use crate::writer::Writer;

/// How often a waiting receiver reads the clock (not the file), because the clock may jump forwards.
const CLOCK_POLL: Duration = Duration::from_millis(250);

/// Most messages in one receive.
const MAX_RECEIVE: usize = 1000;

/// Deliveries on their way from the writer to the receiver. If the receiver is dropped meanwhile, they are
/// returned to the queue at once. Otherwise they would stay hidden until their visibility timeout.
struct ReturnOnDrop {
    deliveries: Vec<Delivery>,
    /// When the next message becomes visible, if there is none now.
    next: Option<Timestamp>,
    writer: Writer,
}

impl Drop for ReturnOnDrop {
    fn drop(&mut self) {
        let tokens: Vec<Token> = self.deliveries.iter().filter_map(|d| Token::of(&d.receipt)).collect();
        if !tokens.is_empty() {
            // An error means that the writer has stopped too. Then the visibility timeouts expire.
            let _ = self.writer.begin(tokens.len(), move |tx| put_back(tx, &tokens));
        }
    }
}

impl SqliteBackend {
    /// Puts a raw body into the queue, as a foreign sender does.
    ///
    /// # Errors
    /// As for [`JobQueue::send`].
    pub async fn inject(&self, body: &str) -> Result<(), StoreError> {
        let (body, now) = (body.to_owned(), self.clock.now().as_millis());
        self.writer.write(1, move |tx| Ok(put_foreign(tx, &body, now)?)).await
    }

    async fn take(&self, max: usize, visibility: Duration) -> Result<ReturnOnDrop, StoreError> {
        let (clock, writer) = (self.clock.clone(), self.writer.clone());
        self.writer
            .write(max.min(64), move |tx| {
                let deliveries = take(tx, max, clock.now(), visibility)?;
                let next = if deliveries.is_empty() { next_visible(tx)? } else { None };
                Ok(ReturnOnDrop { deliveries, next, writer: writer.clone() })
            })
            .await
    }
}

#[async_trait]
impl JobQueue for SqliteBackend {
    async fn send(&self, message: &Message, delay: Duration) -> Result<(), StoreError> {
        let (job, at) = (message.job, self.clock.now().plus(delay.min(MAX_DELAY)).as_millis());
        self.writer.write(1, move |tx| send(tx, job, at)).await
    }
}

#[async_trait]
impl JobReceiver for SqliteBackend {
    /// The visibility is at most twice the longest delay: a message that is hidden for longer counts as hidden
    /// before the clock jumped back.
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        let deadline = Instant::now() + wait;
        let (max, visibility) = (max.clamp(1, MAX_RECEIVE), visibility.min(HORIZON));
        let _receiving = (!wait.is_zero()).then(|| self.wakeups.receiving());
        loop {
            let arrival = self.wakeups.arrival();
            tokio::pin!(arrival);
            let mut taken = self.take(max, visibility).await?;
            if !taken.deliveries.is_empty() || Instant::now() >= deadline {
                return Ok(std::mem::take(&mut taken.deliveries));
            }
            // Waits until a message arrives, the next one is due, or the time is over.
            loop {
                let now = self.clock.now();
                let due_in = taken.next.map_or(CLOCK_POLL, |at| at.since(now).min(CLOCK_POLL));
                if taken.next.is_some_and(|at| at <= now) || Instant::now() >= deadline {
                    break;
                }
                let pause = (Instant::now() + due_in).min(deadline);
                if tokio::time::timeout_at(pause, arrival.as_mut()).await.is_ok() {
                    break;
                }
            }
        }
    }

    async fn ack(&self, receipt: Receipt) -> Result<(), StoreError> {
        let Some(token) = Token::of(&receipt) else {
            return Ok(());
        };
        self.writer
            .write(1, move |tx| {
                let by = [token.seq, token.random];
                let acknowledged = tx
                    .db
                    .prepare_cached("DELETE FROM queue WHERE seq = ?1 AND token = ?2 AND again_at IS NULL")?
                    .execute(by)?;
                if acknowledged == 0 {
                    // The message was sent again: it stays, as a new message.
                    let left = tx
                        .db
                        .prepare_cached(
                            "UPDATE queue SET visible_at = again_at, again_at = NULL, token = NULL, receives = 0,
                                 turn = NULL
                             WHERE seq = ?1 AND token = ?2",
                        )?
                        .execute(by)?;
                    if left > 0 {
                        tx.arrived();
                    }
                }
                Ok(())
            })
            .await
    }

    async fn retry(&self, receipt: Receipt, after: Duration) -> Result<(), StoreError> {
        let Some(token) = Token::of(&receipt) else {
            return Ok(());
        };
        let at = self.clock.now().plus(after.min(MAX_DELAY)).as_millis();
        self.writer
            .write(1, move |tx| {
                // From now on there is one message. It becomes visible at the earlier of the two times.
                tx.db
                    .prepare_cached(
                        "UPDATE queue SET visible_at = min(?3, ifnull(again_at, ?3)), again_at = NULL, token = NULL,
                             turn = NULL
                         WHERE seq = ?1 AND token = ?2",
                    )?
                    .execute([token.seq, token.random, at])?;
                tx.arrived();
                Ok(())
            })
            .await
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<bool, StoreError> {
        let Some(token) = Token::of(receipt) else {
            return Ok(false);
        };
        let until = self.clock.now().plus(visibility.min(HORIZON)).as_millis();
        self.writer
            .write(1, move |tx| {
                let extended = tx
                    .db
                    .prepare_cached(
                        "UPDATE queue SET visible_at = min(?3, ifnull(again_at, ?3)), turn = NULL
                         WHERE seq = ?1 AND token = ?2",
                    )?
                    .execute([token.seq, token.random, until])?;
                Ok(extended > 0)
            })
            .await
    }
}
