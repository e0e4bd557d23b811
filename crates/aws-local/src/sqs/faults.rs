//! Faults that a test can inject into the stand-in.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::SqsError;

/// A fault of a whole request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 403 `RequestThrottled`.
    Throttled,
    /// 503 `ServiceUnavailable`.
    Unavailable,
    /// 500 `InternalFailure`.
    Internal,
    /// 403 `AccessDenied`.
    Denied,
    /// 400 `AWS.SimpleQueueService.NonExistentQueue`.
    NoQueue,
    /// The connection is closed without an answer, and the request has no effect.
    CutBefore,
    /// The request takes effect, then the connection is closed without an answer.
    CutAfter,
}

impl Fault {
    /// The error response; `None` if the fault is a closed connection.
    pub(super) fn error(self) -> Option<SqsError> {
        let code = match self {
            Self::Throttled => "RequestThrottled",
            Self::Unavailable => "ServiceUnavailable",
            Self::Internal => "InternalFailure",
            Self::Denied => "AccessDenied",
            Self::NoQueue => return Some(SqsError::no_queue()),
            Self::CutBefore | Self::CutAfter => return None,
        };
        Some(SqsError::new(code, "A fault that a test asked for."))
    }
}

/// The faults that are still to happen. Each affects the next matching requests, as often as requested.
#[derive(Debug, Default)]
pub struct Faults(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    requests: HashMap<String, (Fault, u32)>,
    entries: HashMap<String, u32>,
    lost: u32,
    doubled: u32,
    latency: Duration,
}

impl Faults {
    /// The next `times` requests of `action` (`SendMessage`, `ReceiveMessage`, …) fail with `fault`; 0 removes the
    /// fault.
    pub fn inject(&self, action: &str, fault: Fault, times: u32) {
        self.state().requests.insert(action.to_owned(), (fault, times));
    }

    /// In the next batch requests of `action`, `entries` entries in all fail with `InternalFailure`.
    pub fn fail_entries(&self, action: &str, entries: u32) {
        self.state().entries.insert(action.to_owned(), entries);
    }

    /// The next `messages` messages are accepted but never delivered.
    pub fn lose(&self, messages: u32) {
        self.state().lost = messages;
    }

    /// The next `deliveries` received messages are delivered a second time at once, as standard queues sometimes do.
    pub fn double(&self, deliveries: u32) {
        self.state().doubled = deliveries;
    }

    /// Every request waits this long before it is processed.
    pub fn delay(&self, latency: Duration) {
        self.state().latency = latency;
    }

    pub(super) fn of_request(&self, action: &str) -> (Duration, Option<Fault>) {
        let mut state = self.state();
        let latency = state.latency;
        let fault = state.requests.get_mut(action).filter(|(_, times)| *times > 0).map(|(fault, times)| {
            *times -= 1;
            *fault
        });
        (latency, fault)
    }

    pub(super) fn of_entry(&self, action: &str) -> bool {
        self.state().entries.get_mut(action).is_some_and(take)
    }

    pub(super) fn loses(&self) -> bool {
        take(&mut self.state().lost)
    }

    pub(super) fn doubles(&self) -> bool {
        take(&mut self.state().doubled)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take(left: &mut u32) -> bool {
    let some = *left > 0;
    *left -= u32::from(some);
    some
}
