//! Bounds on attempts, leases, waits and lifetimes.

use std::time::Duration;

/// The longest delay of a message: the limit of SQS, the strictest queue.
pub const MAX_DELAY: Duration = Duration::from_mins(15);

/// The largest difference between the clocks of two machines. A time further in the future than this was
/// written before the clock jumped back.
pub const MAX_SKEW: Duration = Duration::from_secs(10);

/// How jobs are retried, leased and deleted. Checked once at start ([`Policy::check`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// A job is `failed` after this many failed attempts.
    pub max_failures: u32,
    /// A job is `failed` after this many attempts whose worker was lost. The limit is separate, because a job
    /// that crashes its worker must not be tried as often as one that only fails.
    pub max_lost_workers: u32,
    /// How long a lease lasts without a heartbeat.
    pub lease: Duration,
    /// How often a worker extends the lease of its job.
    pub heartbeat: Duration,
    /// Wait before the second attempt. It doubles with each further attempt.
    pub backoff_base: Duration,
    /// Longest wait between attempts.
    pub backoff_cap: Duration,
    /// How long terminal records (with their results) are kept.
    pub ttl: Duration,
    /// How long an idempotency key is kept.
    pub key_ttl: Duration,
    /// How long after its start time a submitted job is taken to have lost its message, which is then sent
    /// again. Never shorter than [`crate::Capabilities::resend_after`] of the backend.
    pub resend_after: Duration,
    /// New jobs are refused when the store would be fuller than this, in percent. The rest is for what nobody
    /// counts exactly.
    pub high_water_percent: u32,
    /// Most jobs that one owner may have in the store, in every state. `None`: no limit.
    pub max_owned: Option<u64>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_failures: 5,
            max_lost_workers: 3,
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(10),
            backoff_base: Duration::from_secs(1),
            backoff_cap: Duration::from_mins(5),
            ttl: Duration::from_hours(7 * 24),
            key_ttl: Duration::from_hours(24),
            resend_after: Duration::from_secs(30),
            high_water_percent: 90,
            max_owned: None,
        }
    }
}

/// A policy under which jobs would run twice or never.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPolicy {
    /// A single late heartbeat would lose the lease. Both times are in milliseconds.
    #[error("the lease ({lease_ms} ms) must be longer than twice the heartbeat ({heartbeat_ms} ms)")]
    LeaseTooShort {
        /// The lease.
        lease_ms: u128,
        /// The heartbeat.
        heartbeat_ms: u128,
    },
    /// A bound that must not be zero.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
}

impl Policy {
    /// Refuses a policy that cannot keep the promises.
    ///
    /// # Errors
    /// If the lease is not longer than two heartbeats, or a bound is zero.
    pub fn check(&self) -> Result<(), BadPolicy> {
        if self.lease <= self.heartbeat * 2 {
            return Err(BadPolicy::LeaseTooShort {
                lease_ms: self.lease.as_millis(),
                heartbeat_ms: self.heartbeat.as_millis(),
            });
        }
        for (value, name) in [
            (u128::from(self.max_failures), "the number of attempts"),
            (u128::from(self.max_lost_workers), "the number of lost workers"),
            (self.heartbeat.as_millis(), "the heartbeat in milliseconds"),
            (self.ttl.as_millis(), "the time to live in milliseconds"),
        ] {
            if value == 0 {
                return Err(BadPolicy::Zero(name));
            }
        }
        Ok(())
    }

    /// Wait before the next attempt after `failed` failed ones: exponential, with a cap. The jitter (`jitter`
    /// in 0..1) is in the upper half of the wait, so that jobs that fail together do not start together again.
    #[must_use]
    pub fn backoff(&self, failed: u32, jitter: f64) -> Duration {
        let doublings = failed.saturating_sub(1).min(20);
        let full = self.backoff_base.saturating_mul(1 << doublings).min(self.backoff_cap);
        full.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
    }

    /// For most jobs `due_at` is at most this far in the future: one lease, or the wait for a message that was
    /// just sent. For a job beyond it the sweep checks whether the clock has jumped back since.
    #[must_use]
    pub fn horizon(&self) -> Duration {
        self.lease.max(self.resend_after) + MAX_SKEW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_is_sound_and_short_leases_are_refused() {
        Policy::default().check().unwrap();
        let bad = Policy { lease: Duration::from_secs(20), ..Policy::default() };
        assert_eq!(
            bad.check().unwrap_err().to_string(),
            "the lease (20000 ms) must be longer than twice the heartbeat (10000 ms)"
        );
    }

    #[test]
    fn backoff_doubles_up_to_its_cap() {
        let policy = Policy::default();
        let waits: Vec<u64> = [1, 2, 3, 9, 10, 99].map(|n| policy.backoff(n, 1.0).as_secs()).into();
        assert_eq!(waits, [1, 2, 4, 256, 300, 300]);
        assert_eq!(policy.backoff(3, 0.0), Duration::from_secs(2));
    }
}
