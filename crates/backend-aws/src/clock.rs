//! The time of AWS, from the `Date` of its answers. AWS has no call that tells the time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};

/// The value before the first answer.
const UNKNOWN: i64 = i64::MIN;

/// How far the clock of AWS is from that of this machine, by the latest answer.
#[derive(Debug)]
pub(crate) struct ServerTime {
    offset_ms: AtomicI64,
}

impl Default for ServerTime {
    fn default() -> Self {
        Self { offset_ms: AtomicI64::new(UNKNOWN) }
    }
}

impl ServerTime {
    /// Milliseconds from the machine's time to that of AWS; `None` before the first answer.
    pub(crate) fn offset_ms(&self) -> Option<i64> {
        Some(self.offset_ms.load(Ordering::Relaxed)).filter(|offset| *offset != UNKNOWN)
    }

    fn learn(&self, date: &str, machine_ms: i64) {
        let Ok(date) = DateTime::from_str(date, DateTimeFormat::HttpDate) else { return };
        let Ok(date_ms) = date.to_millis() else { return };
        // `Date` has whole seconds, rounded down: the time is half a second later on average.
        self.offset_ms.store(date_ms + 500 - machine_ms, Ordering::Relaxed);
    }
}

/// Reads the `Date` of every answer.
#[derive(Debug)]
pub(crate) struct ReadDate(pub(crate) std::sync::Arc<ServerTime>);

impl Intercept for ReadDate {
    fn name(&self) -> &'static str {
        "ReadDate"
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let machine = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let machine_ms = i64::try_from(machine.as_millis()).unwrap_or(i64::MAX);
        if let Some(date) = context.response().headers().get("date") {
            self.0.learn(date, machine_ms);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_that_of_the_latest_date() {
        let time = ServerTime::default();
        assert_eq!(time.offset_ms(), None);
        time.learn("not a date", 0);
        assert_eq!(time.offset_ms(), None);
        // The machine is a minute ahead.
        time.learn("Thu, 26 Nov 2026 10:00:00 GMT", 1_795_687_260_500);
        assert_eq!(time.offset_ms(), Some(-60_000));
    }
}
