//! Waits between the steps of a polling loop.

use std::time::{Duration, Instant};

use pssp_common::Backoff;

/// A growing wait, up to one second.
pub(crate) struct Pace {
    since: Instant,
    waits: Backoff,
}

impl Pace {
    pub(crate) fn start() -> Self {
        let waits = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        Self { since: Instant::now(), waits }
    }

    /// Sleeps and returns `true`, or returns `false` at once if `limit` is over.
    pub(crate) fn wait(&mut self, limit: Duration) -> bool {
        if self.since.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(self.waits.next_wait());
        true
    }
}
