//! The receipt handles of this process, with the end of their visibility timeouts by the clock of this process.
//!
//! SQS accepts an expired receipt handle, and may then delete a message that was delivered to another worker.
//! So the expiry of each handle that this process receives is stored here, counted from before the call. A
//! handle from elsewhere (on Lambda, from the platform) is used without a check.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// SQS' limit on the total time for which a message is hidden.
pub(crate) const MAX_HIDDEN: Duration = Duration::from_hours(12);

/// How long a handle is stored after its expiry.
const EXPIRED_KEPT_TIME: Duration = Duration::from_hours(1);

/// Most handles that are stored. A process that settles its messages needs few.
const MAX_HANDLES: usize = 50_000;

#[derive(Debug, Clone, Copy)]
struct Held {
    since: Instant,
    until: Instant,
}

/// The state of a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandleState {
    /// The handle is valid. The message may be hidden for this much longer.
    Valid(Duration),
    /// The handle has expired: another worker may have the message.
    Expired,
    /// This process did not receive the handle.
    Unknown,
}

#[derive(Debug, Default)]
pub(crate) struct Receipts(Mutex<HashMap<String, Held>>);

impl Receipts {
    /// Adds a message that was received by a call that began at `since`.
    pub(crate) fn add(&self, handle: &str, since: Instant, visibility: Duration) {
        let mut held = self.lock();
        if held.len() >= MAX_HANDLES {
            let now = Instant::now();
            held.retain(|_, held| held.until + EXPIRED_KEPT_TIME > now);
        }
        if held.len() < MAX_HANDLES {
            held.insert(handle.to_owned(), Held { since, until: since + visibility });
        }
    }

    pub(crate) fn state_of(&self, handle: &str) -> HandleState {
        let now = Instant::now();
        match self.lock().get(handle) {
            None => HandleState::Unknown,
            Some(held) if held.until <= now => HandleState::Expired,
            Some(held) => HandleState::Valid(MAX_HIDDEN.saturating_sub(now.duration_since(held.since))),
        }
    }

    /// Extends the visibility timeout by a call that began at `since`.
    pub(crate) fn extend(&self, handle: &str, since: Instant, visibility: Duration) {
        if let Some(held) = self.lock().get_mut(handle) {
            held.until = since + visibility;
        }
    }

    pub(crate) fn remove(&self, handle: &str) {
        self.lock().remove(handle);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_handle_is_valid_until_its_time_and_for_twelve_hours_in_all() {
        let receipts = Receipts::default();
        let hour = Duration::from_hours(1);
        receipts.add("h", Instant::now(), hour);
        assert_eq!(receipts.state_of("h"), HandleState::Valid(MAX_HIDDEN));
        tokio::time::advance(hour / 2).await;
        receipts.extend("h", Instant::now(), hour);
        tokio::time::advance(hour - Duration::from_secs(1)).await;
        let left = MAX_HIDDEN - hour * 3 / 2 + Duration::from_secs(1);
        assert_eq!(receipts.state_of("h"), HandleState::Valid(left));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(receipts.state_of("h"), HandleState::Expired);
        receipts.remove("h");
        assert_eq!(receipts.state_of("h"), HandleState::Unknown);
    }

    #[tokio::test(start_paused = true)]
    async fn unsettled_handles_are_removed() {
        let receipts = Receipts::default();
        for n in 0..MAX_HANDLES + 10 {
            receipts.add(&n.to_string(), Instant::now(), Duration::from_secs(1));
        }
        assert_eq!(receipts.lock().len(), MAX_HANDLES);
        tokio::time::advance(EXPIRED_KEPT_TIME * 2).await;
        receipts.add("new", Instant::now(), Duration::from_secs(1));
        assert_eq!(receipts.lock().len(), 1);
    }
}
