//! Faults that a test can ask the stand-in for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::SqsError;

/// What goes wrong with a whole request.
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
    /// The connection is closed without an answer, and nothing happened.
    CutBefore,
    /// The connection is closed without an answer, after the request took effect.
    CutAfter,
}

impl Fault {
    /// The answer, unless the fault is that there is none.
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

/// The faults that are still to happen. Each happens as often as asked, to the next requests it fits.
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
    /// The next `times` requests of `action` (`SendMessage`, `ReceiveMessage`, …) meet `fault`; 0 takes it back.
    pub fn inject(&self, action: &str, fault: Fault, times: u32) {
        self.state().requests.insert(action.to_owned(), (fault, times));
    }

    /// In the next batch requests of `action`, `entries` entries in all fail with `InternalFailure`.
    pub fn fail_entries(&self, action: &str, entries: u32) {
        self.state().entries.insert(action.to_owned(), entries);
    }

    /// The next `messages` sent are acknowledged and never delivered.
    pub fn lose(&self, messages: u32) {
        self.state().lost = messages;
    }

    /// The next `deliveries` are delivered once more at once, as standard queues sometimes do.
    pub fn double(&self, deliveries: u32) {
        self.state().doubled = deliveries;
    }

    /// Every request waits this long before it is looked at.
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
