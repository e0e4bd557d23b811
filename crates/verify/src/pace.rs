//! Waits between looks at something that changes on its own.

use std::time::{Duration, Instant};

use pssp_common::Backoff;

/// Sleeps longer each time, up to a second.
pub(crate) struct Pace {
    since: Instant,
    waits: Backoff,
}

impl Pace {
    pub(crate) fn start() -> Self {
        let waits = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        Self { since: Instant::now(), waits }
    }

    /// Sleeps. Returns `false` instead once `limit` is over.
    pub(crate) fn wait(&mut self, limit: Duration) -> bool {
        if self.since.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(self.waits.next_wait());
        true
    }
}
