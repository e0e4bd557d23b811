//! The value of `Retry-After`.

use std::time::Duration;

use http::HeaderValue;

/// The time in whole seconds, rounded up, at least 1.
pub(crate) fn whole_seconds(after: Duration) -> u64 {
    (after.as_secs() + u64::from(after.subsec_nanos() > 0)).max(1)
}

/// The same as the value of the header.
pub(crate) fn seconds(after: Duration) -> HeaderValue {
    HeaderValue::from(whole_seconds(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_up() {
        for (ms, text) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (30_000, "30")] {
            assert_eq!(seconds(Duration::from_millis(ms)), text);
        }
    }
}
