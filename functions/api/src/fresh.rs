//! Answers of the store that are used again for a moment, so that reading them often costs the store nothing.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// A value that is read at most once in a while. Requests that come meanwhile wait for the one that reads.
pub(crate) struct Fresh<T> {
    max_age: Duration,
    known: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Fresh<T> {
    pub(crate) fn new(max_age: Duration) -> Self {
        Self { max_age, known: Mutex::default() }
    }

    /// The value as it was read at most `max_age` ago, else as `read` returns it now.
    pub(crate) async fn get(&self, read: impl Future<Output = T>) -> T {
        let mut known = self.known.lock().await;
        match &*known {
            Some((at, value)) if at.elapsed() < self.max_age => value.clone(),
            _ => {
                let value = read.await;
                *known = Some((Instant::now(), value.clone()));
                value
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_readers_cost_one_reading() {
        let (fresh, reads) = (Fresh::new(Duration::from_secs(1)), AtomicUsize::new(0));
        let read = || fresh.get(async { reads.fetch_add(1, Ordering::SeqCst) });
        assert_eq!(futures::future::join_all((0..50).map(|_| read())).await, [0; 50]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(read().await, 1);
    }
}
