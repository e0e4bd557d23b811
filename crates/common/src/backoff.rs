//! Waits between the tries of a retry loop.

use std::time::Duration;

/// Exponential backoff: the wait doubles after each failure, up to a cap.
///
/// ```
/// use std::time::Duration;
/// use pssp_common::Backoff;
///
/// let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
/// let waits: Vec<_> = (0..5).map(|_| backoff.next_wait().as_millis()).collect();
/// assert_eq!(waits, [100, 200, 400, 800, 1000]);
/// ```
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    /// The random factor is between this and 1.
    lowest: f64,
    failures: u32,
}

impl Backoff {
    /// Waits of exactly `first`, twice `first`, and so on, none longer than `cap`.
    #[must_use]
    pub const fn new(first: Duration, cap: Duration) -> Self {
        Self { first, cap, lowest: 1.0, failures: 0 }
    }

    /// Makes each wait a random duration between half of the full wait and the full wait. So processes that fail at the
    /// same time do not retry at the same time.
    #[must_use]
    pub const fn with_jitter(self) -> Self {
        Self { lowest: 0.5, ..self }
    }

    /// Makes each wait a random duration between zero and the full wait. This is the best choice for writers that
    /// conflict on one item.
    #[must_use]
    pub const fn with_full_jitter(self) -> Self {
        Self { lowest: 0.0, ..self }
    }

    /// Counts a failure, and returns how long to wait before the next try.
    pub fn next_wait(&mut self) -> Duration {
        let full = Self::full(self.first, self.cap, self.failures);
        self.failures = self.failures.saturating_add(1);
        if self.lowest < 1.0 { jittered(full, self.lowest, 1.0) } else { full }
    }

    /// Number of failures since the start or the last [`Backoff::reset`].
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether nothing has failed since the start or the last [`Backoff::reset`].
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    /// Starts again from the first wait, after a success. Returns whether there were failures before.
    pub const fn reset(&mut self) -> bool {
        std::mem::replace(&mut self.failures, 0) > 0
    }

    /// The full wait after `failures` earlier failures: `first` doubled that many times, at most `cap`.
    #[must_use]
    pub fn full(first: Duration, cap: Duration, failures: u32) -> Duration {
        // More doublings would overflow the factor, and the wait is above every cap in use anyway.
        first.saturating_mul(1 << failures.min(20)).min(cap)
    }
}

/// `duration` times a random factor from `low` to `high`.
#[must_use]
pub fn jittered(duration: Duration, low: f64, high: f64) -> Duration {
    duration.mul_f64(low + (high - low) * rand::random::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const CAP: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_up_to_the_cap_and_start_over() {
        let mut backoff = Backoff::new(FIRST, CAP);
        assert!(backoff.is_fresh() && !backoff.reset());
        for full in [100, 200, 400, 800, 1000, 1000] {
            assert_eq!(backoff.next_wait(), Duration::from_millis(full));
        }
        assert_eq!(backoff.failures(), 6);
        assert!(backoff.reset());
        assert!(!backoff.reset());
        assert_eq!(backoff.next_wait(), FIRST);
    }

    #[test]
    fn jitter_stays_within_its_bounds_and_varies() {
        for (mut backoff, lowest) in [
            (Backoff::new(FIRST, FIRST).with_jitter(), FIRST / 2),
            (Backoff::new(FIRST, FIRST).with_full_jitter(), Duration::ZERO),
        ] {
            let waits: Vec<Duration> = (0..200).map(|_| backoff.next_wait()).collect();
            assert!(waits.iter().all(|wait| (lowest..=FIRST).contains(wait)), "{waits:?}");
            // The probability that all 200 waits are in one half of the range is 2 to the power of -199.
            let middle = (lowest + FIRST) / 2;
            assert!(waits.iter().any(|w| *w < middle) && waits.iter().any(|w| *w > middle), "{waits:?}");
        }
    }

    #[test]
    fn many_failures_do_not_overflow() {
        assert_eq!(Backoff::full(FIRST, CAP, u32::MAX), CAP);
        assert_eq!(Backoff::full(Duration::MAX, Duration::MAX, 3), Duration::MAX);
        assert_eq!(Backoff::full(Duration::ZERO, CAP, 9), Duration::ZERO);
    }
}
