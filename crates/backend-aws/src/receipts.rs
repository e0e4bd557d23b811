//! Whose a message in hand is: until when, by this process' own clock.
//!
//! SQS takes a receipt handle whose time has run out, and may then delete a message that somebody else has in hand.
//! So the time of each handle that was received here is kept here, counted from before it was asked for. A handle from
//! elsewhere (on Lambda, the platform's) is passed on as it is.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// SQS' limit on how long a message is hidden in all.
pub(crate) const MAX_HIDDEN: Duration = Duration::from_hours(12);

/// For how long a handle is known after its time.
const KEPT_TIME: Duration = Duration::from_hours(1);

/// How many handles are known at most. Those of a process that settles what it receives are few.
const MOST: usize = 50_000;

#[derive(Debug, Clone, Copy)]
struct Held {
    since: Instant,
    until: Instant,
}

/// What is known of a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandleState {
    /// Ours; it may be hidden for so much longer.
    Ours(Duration),
    /// Its time is over: another worker may have the message.
    Expired,
    /// Not received here.
    Unknown,
}

#[derive(Debug, Default)]
pub(crate) struct Receipts(Mutex<HashMap<String, Held>>);

impl Receipts {
    /// A message received by a call that began at `since`.
    pub(crate) fn add(&self, handle: &str, since: Instant, visibility: Duration) {
        let mut held = self.lock();
        if held.len() >= MOST {
            let now = Instant::now();
            held.retain(|_, held| held.until + KEPT_TIME > now);
        }
        if held.len() < MOST {
            held.insert(handle.to_owned(), Held { since, until: since + visibility });
        }
    }

    pub(crate) fn state_of(&self, handle: &str) -> HandleState {
        let now = Instant::now();
        match self.lock().get(handle) {
            None => HandleState::Unknown,
            Some(held) if held.until <= now => HandleState::Expired,
            Some(held) => HandleState::Ours(MAX_HIDDEN.saturating_sub(now.duration_since(held.since))),
        }
    }

    /// Hidden anew by a call that began at `since`.
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
    async fn a_handle_is_ours_until_its_time_and_for_twelve_hours_in_all() {
        let receipts = Receipts::default();
        let hour = Duration::from_hours(1);
        receipts.add("h", Instant::now(), hour);
        assert_eq!(receipts.state_of("h"), HandleState::Ours(MAX_HIDDEN));
        tokio::time::advance(hour / 2).await;
        receipts.extend("h", Instant::now(), hour);
        tokio::time::advance(hour - Duration::from_secs(1)).await;
        let left = MAX_HIDDEN - hour * 3 / 2 + Duration::from_secs(1);
        assert_eq!(receipts.state_of("h"), HandleState::Ours(left));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(receipts.state_of("h"), HandleState::Expired);
        receipts.remove("h");
        assert_eq!(receipts.state_of("h"), HandleState::Unknown);
    }

    #[tokio::test(start_paused = true)]
    async fn handles_that_nobody_settles_are_forgotten() {
        let receipts = Receipts::default();
        for n in 0..MOST + 10 {
            receipts.add(&n.to_string(), Instant::now(), Duration::from_secs(1));
        }
        assert_eq!(receipts.lock().len(), MOST);
        tokio::time::advance(KEPT_TIME * 2).await;
        receipts.add("new", Instant::now(), Duration::from_secs(1));
        assert_eq!(receipts.lock().len(), 1);
    }
}
