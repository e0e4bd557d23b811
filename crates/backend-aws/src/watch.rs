//! Wake-ups: at once for writes of this process; for those of others by polling, ever more rarely.

use std::time::Duration;

use async_trait::async_trait;
use pssp_jobs::{JobId, JobWatch, Watcher};

use crate::AwsBackend;

/// Shortest and longest pause between looks: each look is a read that is paid for.
const POLL: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));

struct AwsWatcher {
    events: Box<dyn Watcher>,
    pause: Duration,
}

#[async_trait]
impl Watcher for AwsWatcher {
    async fn changed(&mut self) {
        let woken = tokio::time::timeout(self.pause, self.events.changed()).await.is_ok();
        self.pause = if woken { POLL.0 } else { (self.pause * 3 / 2).min(POLL.1) };
    }
}

impl JobWatch for AwsBackend {
    fn watch(&self, id: JobId) -> Box<dyn Watcher> {
        Box::new(AwsWatcher { events: self.hub.watch(id, None), pause: POLL.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn looks_grow_rarer_and_an_event_wakes_at_once() {
        let hub = pssp_jobs::hub::Hub::default();
        let id = JobId::new(pssp_jobs::Timestamp::from_millis(1));
        let mut watcher = AwsWatcher { events: hub.watch(id, None), pause: POLL.0 };
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let begun = tokio::time::Instant::now();
            watcher.changed().await;
            pauses.push(begun.elapsed());
        }
        assert!(pauses.is_sorted() && pauses[0] < Duration::from_millis(260), "{pauses:?}");
        assert!(pauses[5] >= POLL.1 && pauses[5] < POLL.1 * 2, "{pauses:?}");
        hub.notify(id);
        let begun = tokio::time::Instant::now();
        watcher.changed().await;
        assert!(begun.elapsed() < POLL.0);
    }
}
