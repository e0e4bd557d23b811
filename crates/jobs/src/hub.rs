//! Wake-ups within one process: the events of [`JobWatch`](crate::JobWatch), for the implementation of
//! backends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::id::JobId;
use crate::ports::Watcher;

/// The longest first wait for an event.
const FIRST_POLL: Duration = Duration::from_secs(1);

/// The watchers of each job.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    topics: Arc<Mutex<HashMap<JobId, watch::Sender<()>>>>,
}

impl Hub {
    /// Wakes the watchers of `id`, because the job may have changed.
    pub fn notify(&self, id: JobId) {
        if let Some(topic) = self.lock().get(&id) {
            topic.send_replace(());
        }
    }

    /// Watches `id`. `poll` is the longest time between two wake-ups; it is needed where other processes can
    /// change the job without an event here.
    #[must_use]
    pub fn watch(&self, id: JobId, poll: Option<Duration>) -> Box<dyn Watcher> {
        let receiver = self.lock().entry(id).or_insert_with(|| watch::channel(()).0).subscribe();
        let next = poll.map(|poll| poll.min(FIRST_POLL));
        Box::new(HubWatcher { hub: self.clone(), id, receiver: Some(receiver), poll, next })
    }

    /// Watches `id` as [`watch`](Self::watch) does, and wakes also when `begun` changes: the number of times that the
    /// backend began to listen for events. Before each beginning some may have been missed.
    #[must_use]
    pub fn watch_renewed(&self, id: JobId, poll: Duration, begun: watch::Receiver<u64>) -> Box<dyn Watcher> {
        Box::new(RenewedWatcher { events: self.watch(id, Some(poll)), begun })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, watch::Sender<()>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct HubWatcher {
    hub: Hub,
    id: JobId,
    receiver: Option<watch::Receiver<()>>,
    poll: Option<Duration>,
    /// The next wait for an event. It doubles up to `poll`: most jobs are short, and if an event is lost, it is
    /// found soon.
    next: Option<Duration>,
}

#[async_trait]
impl Watcher for HubWatcher {
    async fn changed(&mut self) {
        let Some(receiver) = self.receiver.as_mut() else {
            return;
        };
        let event = receiver.changed();
        match self.next {
            // The channel cannot be closed, because this watcher holds the sender's entry.
            None => drop(event.await),
            Some(wait) => {
                if tokio::time::timeout(wait, event).await.is_err() {
                    self.next = self.poll.map(|poll| poll.min(wait * 2));
                }
            }
        }
    }
}

struct RenewedWatcher {
    events: Box<dyn Watcher>,
    begun: watch::Receiver<u64>,
}

#[async_trait]
impl Watcher for RenewedWatcher {
    async fn changed(&mut self) {
        let closed = tokio::select! {
            () = self.events.changed() => return,
            begun = self.begun.changed() => begun.is_err(),
        };
        if closed {
            // The backend is dropped: only the poll is left.
            self.events.changed().await;
        }
    }
}

impl Drop for HubWatcher {
    fn drop(&mut self) {
        let mut topics = self.hub.lock();
        self.receiver = None;
        if topics.get(&self.id).is_some_and(|topic| topic.receiver_count() == 0) {
            topics.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[tokio::test]
    async fn a_change_between_watch_and_wait_is_seen() {
        let hub = Hub::default();
        let id = JobId::new(Timestamp::from_millis(1));
        let mut watcher = hub.watch(id, None);
        hub.notify(id);
        watcher.changed().await;
        drop(watcher);
        assert!(hub.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn polling_wakes_without_an_event() {
        let hub = Hub::default();
        let id = JobId::new(Timestamp::from_millis(1));
        hub.watch(id, Some(Duration::from_millis(250))).changed().await;
        let mut watcher = hub.watch(id, Some(Duration::from_secs(5)));
        let mut waits = Vec::new();
        for _ in 0..5 {
            let begun = tokio::time::Instant::now();
            watcher.changed().await;
            waits.push(begun.elapsed().as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 5, 5], "early at first, then rarer");
    }
}
