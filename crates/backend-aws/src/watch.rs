//! Wake-ups of watchers: at once for writes of this process, and by polling at growing intervals for other
//! writes.

use std::time::Duration;

use async_trait::async_trait;
use pssp_jobs::{JobId, JobWatch, Watcher};

use crate::AwsBackend;

/// Shortest and longest interval between two polls. Each poll makes the watcher read the job, and reads cost
/// money.
const POLL_INTERVAL: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));

struct AwsWatcher {
    events: Box<dyn Watcher>,
    pause: Duration,
}

#[async_trait]
impl Watcher for AwsWatcher {
    async fn changed(&mut self) {
        let woken = tokio::time::timeout(self.pause, self.events.changed()).await.is_ok();
        self.pause = if woken { POLL_INTERVAL.0 } else { (self.pause * 3 / 2).min(POLL_INTERVAL.1) };
    }
}

impl JobWatch for AwsBackend {
    fn watch(&self, id: JobId) -> Box<dyn Watcher> {
        Box::new(AwsWatcher { events: self.hub.watch(id, None), pause: POLL_INTERVAL.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn poll_intervals_grow_and_an_event_wakes_at_once() {
        let hub = pssp_jobs::hub::Hub::default();
        let id = JobId::new(pssp_jobs::Timestamp::from_millis(1));
        let mut watcher = AwsWatcher { events: hub.watch(id, None), pause: POLL_INTERVAL.0 };
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let begun = tokio::time::Instant::now();
            watcher.changed().await;
            pauses.push(begun.elapsed());
        }
        assert!(pauses.is_sorted() && pauses[0] < Duration::from_millis(260), "{pauses:?}");
        assert!(pauses[5] >= POLL_INTERVAL.1 && pauses[5] < POLL_INTERVAL.1 * 2, "{pauses:?}");
        hub.notify(id);
        let begun = tokio::time::Instant::now();
        watcher.changed().await;
        assert!(begun.elapsed() < POLL_INTERVAL.0);
    }
}
