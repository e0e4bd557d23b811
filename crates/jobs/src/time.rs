//! Points in time, and clocks.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: whole milliseconds since 1970-01-01T00:00:00Z. JSON: an RFC 3339 string in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The last moment that the calendar library can write (in the last days of 9999). Arithmetic stops there.
const LAST_MS: i64 = 253_402_207_199_999;

impl Timestamp {
    /// From milliseconds since the epoch, kept within the years 1970 to 9999.
    #[must_use]
    pub fn from_millis(ms: i64) -> Self {
        Self(ms.clamp(0, LAST_MS))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This moment plus `duration`; stops at the end of the year 9999.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(ms))
    }

    /// This moment minus `duration`; stops at 1970.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(ms))
    }

    /// Time from `earlier` to this moment; zero if `earlier` is later (clocks jump).
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// `2021-05-13 11:50:25.218000` in UTC: the form of the classic API.
    #[must_use]
    pub fn classic(self) -> String {
        self.civil().strftime("%Y-%m-%d %H:%M:%S.%6f").to_string()
    }

    fn civil(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.civil())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self::from_millis(parsed.as_millisecond()))
    }
}

/// A source of the time.
pub trait Clock: Send + Sync {
    /// The time now. It may jump backwards, so no code may depend on it being monotonic.
    fn now(&self) -> Timestamp;
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(LAST_MS))
    }
}

/// A clock for tests: it changes only when it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Starts at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves the time forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().plus(by));
    }

    /// Sets the time. It may go backwards.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// The time of the store: the clock of this machine, corrected by how far it is from the clock of the store.
///
/// All machines that share a store judge leases by it, so a machine whose clock is wrong ends no job of another.
pub(crate) struct StoreClock {
    machine: Arc<dyn Clock>,
    /// Milliseconds from the machine's time to the store's.
    offset: AtomicI64,
    compared: AtomicBool,
}

impl StoreClock {
    /// A clock that is not compared yet and shows the machine's time.
    pub(crate) fn new(machine: Arc<dyn Clock>) -> Self {
        Self { machine, offset: AtomicI64::new(0), compared: AtomicBool::new(false) }
    }

    /// The time of the machine, not corrected.
    pub(crate) fn machine_time(&self) -> Timestamp {
        self.machine.now()
    }

    /// The correction in milliseconds.
    pub(crate) fn offset_ms(&self) -> i64 {
        self.offset.load(Ordering::Relaxed)
    }

    /// Whether the correction was ever set.
    pub(crate) fn is_compared(&self) -> bool {
        self.compared.load(Ordering::Relaxed)
    }

    /// Sets the correction. Returns the one before.
    pub(crate) fn correct_ms(&self, offset: i64) -> i64 {
        self.compared.store(true, Ordering::Relaxed);
        self.offset.swap(offset, Ordering::Relaxed)
    }
}

impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.machine.now().0.saturating_add(self.offset_ms()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings() {
        let t = Timestamp::from_millis(1_620_906_625_218);
        assert_eq!(t.to_string(), "2021-05-13T11:50:25.218Z");
        assert_eq!(t.classic(), "2021-05-13 11:50:25.218000");
        let json = serde_json::to_string(&t).unwrap();
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), t);
    }

    #[test]
    fn arithmetic_saturates() {
        let t = Timestamp::from_millis(5);
        assert_eq!(t.plus(Duration::MAX).to_string(), "9999-12-30T21:59:59.999Z");
        assert_eq!(t.minus(Duration::from_secs(1)).as_millis(), 0);
        assert_eq!(t.since(t.plus(Duration::from_secs(1))), Duration::ZERO);
    }
}
