//! Sending and receiving: [`JobQueue`] and [`JobReceiver`] over the statements in `queue`.

use std::time::Duration;

use async_trait::async_trait;
use pssp_jobs::policy::MAX_DELAY;
use pssp_jobs::{Delivery, JobQueue, JobReceiver, Message, Receipt, StoreError, Timestamp};
use tokio::time::Instant;

use crate::SqliteBackend;
use crate::queue::{HORIZON, Token, next_visible, put_back, put_foreign, send, take};
use crate::writer::Writer;

/// How often a waiting receiver looks at the clock (not at the file): it may jump forwards.
const CLOCK_POLL: Duration = Duration::from_millis(250);

/// Most messages that one call receives.
const MAX_RECEIVE: usize = 1000;

/// Deliveries on their way to the receiver. Where it has gone away meanwhile they are put back at
/// once, or they would stay hidden until their time is up.
struct InHand {
    deliveries: Vec<Delivery>,
    /// When the next one becomes visible, if there is none now.
    next: Option<Timestamp>,
    writer: Writer,
}

impl Drop for InHand {
    fn drop(&mut self) {
        let tokens: Vec<Token> = self.deliveries.iter().filter_map(|d| Token::of(&d.receipt)).collect();
        if !tokens.is_empty() {
            // An error means that the writer is gone too; then their time runs out.
            let _ = self.writer.begin(tokens.len(), move |tx| put_back(tx, &tokens));
        }
    }
}

impl SqliteBackend {
    /// Puts a raw body into the queue, as a foreign sender would.
    ///
    /// # Errors
    /// As for [`JobQueue::send`].
    pub async fn inject(&self, body: &str) -> Result<(), StoreError> {
        let (body, now) = (body.to_owned(), self.clock.now().as_millis());
        self.writer.write(1, move |tx| Ok(put_foreign(tx, &body, now)?)).await
    }

    async fn take(&self, max: usize, visibility: Duration) -> Result<InHand, StoreError> {
        let (clock, writer) = (self.clock.clone(), self.writer.clone());
        self.writer
            .write(max.min(64), move |tx| {
                let deliveries = take(tx, max, clock.now(), visibility)?;
                let next = if deliveries.is_empty() { next_visible(tx)? } else { None };
                Ok(InHand { deliveries, next, writer: writer.clone() })
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
    /// A visibility beyond twice the longest delay is cut to that: what is hidden for longer counts
    /// as left behind by a clock that jumped back.
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
            // Until something arrives, the next one comes due, or the time is up.
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
                    // Sent again meanwhile: that message stays, as a new one.
                    let left = tx
                        .db
                        .prepare_cached(
                            "UPDATE queue SET visible_at = again_at, again_at = NULL, token = NULL, receives = 0
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
                // One message from here on, visible when the first of the two would be.
                tx.db
                    .prepare_cached(
                        "UPDATE queue SET visible_at = min(?3, ifnull(again_at, ?3)), again_at = NULL, token = NULL
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
                        "UPDATE queue SET visible_at = min(?3, ifnull(again_at, ?3)) WHERE seq = ?1 AND token = ?2",
                    )?
                    .execute([token.seq, token.random, until])?;
                Ok(extended > 0)
            })
            .await
    }
}
