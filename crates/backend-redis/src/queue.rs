//! The queue: messages in a sorted set by the time from which they may be delivered.
//!
//! Waiting, delayed and hidden messages differ only in that time. So a message never moves from one structure
//! to another, and cannot be lost between two.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use pssp_jobs::policy::MAX_DELAY;
use pssp_jobs::{Delivery, JobQueue, JobReceiver, Message, Receipt, Record, StoreError};
use redis::{Pipeline, Value};
use tokio::time::Instant;

use crate::RedisBackend;
use crate::codec::{self, delay_ms};
use crate::script::{EXTEND, RECEIVE, RETRY, SEND};
use pssp_jobs::batcher::Call;
use pssp_jobs::error::corrupt;

/// Most messages in one receive.
const MAX_MESSAGES: usize = 1000;

/// Most jobs that one receive reads. A job has up to about 30 kB, and a worker seldom takes this many messages.
const MAX_RECORDS: usize = 256;

/// Longest sleep of a receiver before it checks the queue without a wake-up. The process that took a wake-up
/// may crash before it uses it.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

#[async_trait]
impl JobQueue for RedisBackend {
    async fn send(&self, message: &Message, delay: Duration) -> Result<(), StoreError> {
        let answer = self.eval(&SEND, |command| {
            command.arg(self.queue_time()).arg(message.job.to_string()).arg(delay_ms(delay));
        });
        answer.await.map(drop)
    }
}

#[async_trait]
impl JobReceiver for RedisBackend {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        let deadline = Instant::now() + wait;
        loop {
            // This is created before the check, so that no later message is missed.
            let mut woken = std::pin::pin!(self.listener.woken());
            woken.as_mut().enable();
            let (taken, next) = self.take(max.clamp(1, MAX_MESSAGES), visibility).await?;
            let now = Instant::now();
            if !taken.is_empty() || now >= deadline {
                return Ok(taken);
            }
            let _waiting = self.listener.wait();
            let next_check = now + next.map_or(POLL_INTERVAL, |next| next.min(POLL_INTERVAL));
            drop(tokio::time::timeout_at(next_check.min(deadline), woken).await);
        }
    }

    async fn ack(&self, receipt: Receipt) -> Result<(), StoreError> {
        let answer = self.acks.call(Ack(Held::of(&receipt)?)).await;
        answer.map(drop).map_err(|error| self.link.error(&error))
    }

    async fn retry(&self, receipt: Receipt, after: Duration) -> Result<(), StoreError> {
        let held = Held::of(&receipt)?;
        let answer = self.eval(&RETRY, |command| {
            command.arg(self.queue_time()).arg(held.message).arg(held.entry).arg(delay_ms(after));
        });
        answer.await.map(drop)
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<bool, StoreError> {
        let held = Held::of(receipt)?;
        let answer = self.eval(&EXTEND, |command| {
            command.arg(self.queue_time()).arg(held.message).arg(held.entry);
            command.arg(visibility.as_millis().to_string());
        });
        Ok(answer.await? == Value::Int(1))
    }
}

impl RedisBackend {
    /// Puts a raw body into the queue, as a foreign sender does.
    ///
    /// # Errors
    /// As for [`JobQueue::send`].
    pub async fn inject(&self, body: &str) -> Result<(), StoreError> {
        let queue = self.key("queue");
        self.query(redis::cmd("ZADD").arg(queue).arg(0).arg(body)).await.map(drop)
    }

    /// Takes messages that are ready. If there is none, returns when the next one is due.
    async fn take(
        &self,
        max: usize,
        visibility: Duration,
    ) -> Result<(Vec<Delivery>, Option<Duration>), StoreError> {
        let receipt = self.next_receipt();
        let horizon = MAX_DELAY.max(visibility) * 2;
        let answer = self.eval(&RECEIVE, |command| {
            command.arg(self.queue_time()).arg(max);
            command.arg(visibility.as_millis().to_string());
            command.arg(horizon.as_millis().to_string()).arg(&receipt);
        });
        let mut answer = match answer.await? {
            Value::Array(values) => values.into_iter(),
            _ => return Err(corrupt("answer", "not a list of messages")),
        };
        let next = match answer.next() {
            Some(Value::Int(ms)) => u64::try_from(ms).ok().map(Duration::from_millis),
            _ => None,
        };
        let mut taken = Vec::with_capacity(answer.len() / 2);
        while let (Some(Value::BulkString(message)), Some(Value::Int(times))) = (answer.next(), answer.next())
        {
            let receives = u32::try_from(times).unwrap_or(u32::MAX);
            taken.push(Delivery {
                body: body(&message),
                receives,
                record: None,
                receipt: Held { entry: format!("{receipt}:{times}"), message }.receipt(),
            });
        }
        self.add_records(&mut taken).await;
        Ok((taken, next))
    }

    /// Reads the jobs of the first messages. Plain commands do this with less work for the server than a script.
    /// A message whose job cannot be read keeps none, and the claim reports the error.
    async fn add_records(&self, taken: &mut [Delivery]) {
        let read = taken.len().min(MAX_RECORDS);
        let taken = &mut taken[..read];
        let mut commands = Pipeline::with_capacity(taken.len());
        for delivery in &*taken {
            let id = Message::decode(&delivery.body).map(|message| message.job.to_string());
            let key = self.key(format_args!("job:{}", id.unwrap_or_default()));
            commands.cmd("HMGET").arg(key).arg("head").arg("status").arg("request");
        }
        let Ok(answers) = self.query_all(&commands).await else { return };
        for (delivery, answer) in taken.iter_mut().zip(answers) {
            delivery.record = record_of(answer).map(Box::new);
        }
    }

    /// A text that no other receive uses.
    fn next_receipt(&self) -> String {
        let number = self.receipts.fetch_add(1, Ordering::Relaxed);
        let mut text = self.name.clone();
        let _ = write!(text, "{number:x}");
        text
    }
}

/// The job of a received message. If the record cannot be read, this returns `None`, and the claim reports the
/// error.
fn record_of(answer: Value) -> Option<Record> {
    let [head, status, request] = codec::fields(answer).ok()??;
    codec::record([head, status], Some(request), None).ok()
}

/// A message of a job is stored as the job's id. Any other text is a foreign body.
fn body(message: &[u8]) -> String {
    match codec::id_of(message) {
        Some(id) if message.len() == 36 => Message::new(id).encode(),
        _ => String::from_utf8_lossy(message).into_owned(),
    }
}

/// A message, and its entry in `held` for this delivery.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) message: Vec<u8>,
    pub(crate) entry: String,
}

impl Held {
    /// `entry/message`. A message that is not text is written in hex after `//`.
    fn receipt(&self) -> Receipt {
        let mut token = self.entry.clone();
        match std::str::from_utf8(&self.message) {
            Ok(text) if !text.starts_with('/') => {
                token.push('/');
                token.push_str(text);
            }
            _ => {
                token.push_str("//");
                token.push_str(&base16ct::lower::encode_string(&self.message));
            }
        }
        Receipt::new(token)
    }

    fn of(receipt: &Receipt) -> Result<Self, StoreError> {
        let bad = || corrupt("receipt", "not one of ours");
        let (entry, message) = receipt.token().split_once('/').ok_or_else(bad)?;
        let message = match message.strip_prefix('/') {
            None => message.as_bytes().to_vec(),
            Some(hex) => base16ct::lower::decode_vec(hex).map_err(|_| bad())?,
        };
        Ok(Self { message, entry: entry.to_owned() })
    }
}

/// An acknowledgement, which can share its round trip.
pub(crate) struct Ack(pub(crate) Held);

impl Call for Ack {
    type Answer = bool;
    type Error = redis::RedisError;

    fn bytes(&self) -> usize {
        self.0.message.len() + self.0.entry.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_bodies_and_foreign_bodies() {
        let ours = body(b"0190f3c4-7d1e-7c3b-9c55-6f1f2ab3c0de");
        assert!(Message::decode(&ours).is_ok());
        assert_eq!(body(b"not ours"), "not ours");
        assert_eq!(body(ours.as_bytes()), ours);
    }

    #[test]
    fn receipts_settle_any_body() {
        for message in [&b"plain"[..], b"a/b", b"/x", b"//", b"", b"\xff\x00"] {
            let held = Held { message: message.to_vec(), entry: "a.1:2".to_owned() };
            assert_eq!(Held::of(&held.receipt()).unwrap(), held);
        }
    }
}
