//! Whether a poll loop is alive (it has polled lately) and ready (the queue answers).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The state of the poll loop. Clones are cheap and show the same loop.
#[derive(Debug, Clone, Default)]
pub struct Liveness(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    times: Mutex<Times>,
    waiting: AtomicUsize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Times {
    /// When the loop polled last, with or without success.
    turned: Option<Instant>,
    /// When a poll was answered last.
    polled: Option<Instant>,
}

impl Liveness {
    /// Time since the last poll that was answered; `None` before the first.
    #[must_use]
    pub fn since_poll(&self) -> Option<Duration> {
        self.lock().polled.map(|at| at.elapsed())
    }

    /// Whether the loop is alive: it has polled within `limit`, with or without success, or all its slots are taken. A
    /// restart of the process helps a loop that hangs. It does not help against a backend that does not answer.
    #[must_use]
    pub fn is_alive(&self, limit: Duration) -> bool {
        self.is_waiting() || self.lock().turned.is_none_or(|at| at.elapsed() <= limit)
    }

    /// Whether the loop can work: a poll was answered within `limit`, or all slots are taken.
    #[must_use]
    pub fn is_ready(&self, limit: Duration) -> bool {
        let polled = self.since_poll();
        polled.is_some_and(|age| age <= limit || self.is_waiting())
    }

    /// Whether the last poll was answered.
    pub(crate) fn answers(&self) -> bool {
        let Times { turned, polled } = *self.lock();
        polled.is_some() && polled == turned
    }

    pub(crate) fn answered(&self) {
        let now = Some(Instant::now());
        *self.lock() = Times { turned: now, polled: now };
    }

    pub(crate) fn failed(&self) {
        self.lock().turned = Some(Instant::now());
    }

    /// Marks the loop as waiting for a free slot until the guard is dropped.
    pub(crate) fn busy(&self) -> Busy<'_> {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        Busy(&self.0)
    }

    fn is_waiting(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        self.0.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Busy<'a>(&'a Shared);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
