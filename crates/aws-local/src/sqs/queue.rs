//! One queue: messages and the times at which they become visible. Callers pass the time in.
//!
//! Message groups take turns, as in the fair queues of AWS: a turn has one message of each group. AWS promises less: it
//! delivers messages of quiet groups before the backlog of a busy one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Counts;
use super::error::SqsError;
use super::message::{Handle, Message, Place};
use super::settings::Settings;

/// Limit of messages in flight of a standard queue.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>
const MAX_IN_FLIGHT: usize = 120_000;
/// How long a message can be hidden after one receive, extensions included.
const MAX_VISIBILITY_TIMEOUT: Duration = Duration::from_secs(43_200);

/// A received message with the receipt handle of this receive.
pub(super) type Received = (Message, String);

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) settings: Settings,
    /// Notified whenever a message may have become visible.
    pub(super) changed: Arc<Notify>,
    messages: BTreeMap<u64, Message>,
    /// Turn and number of each visible message.
    ready: BTreeSet<(u64, u64)>,
    /// The turn of the last visible message of each group.
    turns: HashMap<String, u64>,
    /// The latest turn that was delivered.
    current_turn: u64,
    waiting: BTreeSet<(Instant, u64)>,
    delayed: usize,
    last: u64,
}

impl Queue {
    pub(super) fn new(name: &str, settings: Settings) -> Self {
        Self {
            name: name.to_owned(),
            settings,
            changed: Arc::default(),
            messages: BTreeMap::new(),
            ready: BTreeSet::new(),
            turns: HashMap::new(),
            current_turn: 0,
            waiting: BTreeSet::new(),
            delayed: 0,
            last: 0,
        }
    }

    pub(super) fn put(&mut self, mut message: Message) {
        self.last += 1;
        match message.place {
            Place::Ready { .. } => message.place = self.make_ready(self.last, &message),
            Place::Delayed { until } => {
                self.delayed += 1;
                self.waiting.insert((until, self.last));
            }
            Place::InFlight { until, .. } => drop(self.waiting.insert((until, self.last))),
        }
        self.messages.insert(self.last, message);
        // Waiting receivers must also update the time when the next message becomes visible.
        self.changed.notify_waiters();
    }

    /// Lets the message wait for its turn. A message without a group, or one that was received before, is next.
    fn make_ready(&mut self, number: u64, message: &Message) -> Place {
        let turn = match &message.group {
            Some(group) if message.receives == 0 => {
                let last = self.turns.entry(group.clone()).or_default();
                *last = self.current_turn.max(*last) + 1;
                *last
            }
            _ => self.current_turn,
        };
        self.ready.insert((turn, number));
        Place::Ready { turn }
    }

    /// Receives up to `most` visible messages and hides them for `hidden`. The second list has messages that were
    /// received too often: they are removed from this queue and belong in the dead letters.
    pub(super) fn receive(
        &mut self,
        most: usize,
        hidden: Duration,
        (now, now_ms): (Instant, i64),
    ) -> Result<(Vec<Received>, Vec<Message>), SqsError> {
        self.advance(now, now_ms);
        if self.counts().in_flight >= MAX_IN_FLIGHT {
            return Err(SqsError::new("OverLimit", "Too many messages in flight."));
        }
        let limit = self.settings.redrive().map_or(u32::MAX, |redrive| redrive.max_receives);
        let (mut received, mut dead) = (Vec::new(), Vec::new());
        while received.len() < most {
            let Some((turn, number)) = self.ready.pop_first() else { break };
            self.current_turn = self.current_turn.max(turn);
            let Some(message) = self.messages.get_mut(&number) else { continue };
            if message.receives >= limit {
                dead.extend(self.messages.remove(&number));
                continue;
            }
            message.receives += 1;
            message.first_received_ms.get_or_insert(now_ms);
            let until = now + hidden;
            message.place = Place::InFlight { since: now, until };
            let handle = Handle { queue: self.name.clone(), number, receive: message.receives };
            received.push((message.clone(), handle.write(&message.id)));
            self.waiting.insert((until, number));
        }
        if self.ready.is_empty() {
            self.turns.clear();
        }
        Ok((received, dead))
    }

    /// When the next message that is now hidden or delayed becomes visible.
    pub(super) fn next_visible(&self) -> Option<Instant> {
        self.waiting.first().map(|(until, _)| *until)
    }

    /// Deletes the message of `handle`. As on AWS, only the handle of the latest receive deletes it. With the handle of
    /// an earlier receive, or of a deleted message, the call succeeds and does nothing. The handle stays valid after
    /// the end of the visibility timeout, until the next receive.
    pub(super) fn delete(&mut self, handle: &str) -> Result<(), SqsError> {
        let handle = Handle::read(handle, &self.name)?;
        let latest = self.messages.get(&handle.number).is_some_and(|m| m.receives == handle.receive);
        if latest {
            self.remove(handle.number);
        }
        Ok(())
    }

    /// Hides the message of `handle` for `hidden` from now on. Zero makes it visible at once.
    pub(super) fn hide(
        &mut self,
        handle: &str,
        hidden: Duration,
        (now, now_ms): (Instant, i64),
    ) -> Result<(), SqsError> {
        self.advance(now, now_ms);
        let parsed = Handle::read(handle, &self.name)?;
        let Some(message) = self.messages.get_mut(&parsed.number) else {
            let reason = "Message does not exist or is not available for visibility timeout change.";
            return Err(SqsError::invalid("ReceiptHandle", handle, reason));
        };
        let Place::InFlight { since, until } = message.place else { return Err(not_in_flight()) };
        if message.receives != parsed.receive {
            return Err(not_in_flight());
        }
        if now + hidden > since + MAX_VISIBILITY_TIMEOUT {
            let reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
            return Err(SqsError::invalid("VisibilityTimeout", hidden.as_secs(), reason));
        }
        message.place = Place::InFlight { since, until: now + hidden };
        self.waiting.remove(&(until, parsed.number));
        self.waiting.insert((now + hidden, parsed.number));
        self.changed.notify_waiters();
        Ok(())
    }

    /// Makes the message of `handle` visible again right after its receive, which causes a double delivery.
    pub(super) fn show_again(&mut self, handle: &str, now: (Instant, i64)) {
        // The message was just received, so the handle is valid.
        let _ = self.hide(handle, Duration::ZERO, now);
    }

    pub(super) fn purge(&mut self) {
        self.messages.clear();
        self.ready.clear();
        self.turns.clear();
        self.waiting.clear();
        self.delayed = 0;
    }

    pub(super) fn counts(&self) -> Counts {
        let visible = self.ready.len();
        let in_flight = self.messages.len() - visible - self.delayed;
        Counts { visible, in_flight, delayed: self.delayed }
    }

    /// Bodies of all messages, oldest first.
    pub(super) fn bodies(&self) -> Vec<String> {
        self.messages.values().map(|message| message.body.clone()).collect()
    }

    /// Makes messages visible whose time has come, and drops those that are older than the retention period.
    pub(super) fn advance(&mut self, now: Instant, now_ms: i64) {
        while let Some(&(until, number)) = self.waiting.first().filter(|(until, _)| *until <= now) {
            self.waiting.remove(&(until, number));
            let Some(mut message) = self.messages.remove(&number) else { continue };
            self.delayed -= usize::from(matches!(message.place, Place::Delayed { .. }));
            message.place = self.make_ready(number, &message);
            self.messages.insert(number, message);
        }
        let kept_ms = i64::try_from(self.settings.seconds("MessageRetentionPeriod").as_millis());
        let oldest_ms = now_ms.saturating_sub(kept_ms.unwrap_or(i64::MAX));
        while let Some(number) =
            self.messages.iter().next().filter(|(_, m)| m.sent_ms < oldest_ms).map(|(n, _)| *n)
        {
            self.remove(number);
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(message) = self.messages.remove(&number) else { return };
        match message.place {
            Place::Ready { turn } => drop(self.ready.remove(&(turn, number))),
            Place::Delayed { until } => {
                self.delayed -= 1;
                self.waiting.remove(&(until, number));
            }
            Place::InFlight { until, .. } => drop(self.waiting.remove(&(until, number))),
        }
    }
}

fn not_in_flight() -> SqsError {
    let message = "The specified message isn't in flight.";
    SqsError::new("AWS.SimpleQueueService.MessageNotInflight", message)
}
