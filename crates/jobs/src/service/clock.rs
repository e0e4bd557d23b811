//! Corrects the clock of this machine by that of the store.

use std::time::Duration;

use super::Jobs;
use crate::error::StoreError;

/// Differences up to this are not corrected: a store may tell its time in whole seconds only, and the answer takes
/// time on its way.
const TOLERANCE_MS: i64 = 1000;

/// A slower answer says too little about the time.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(1);

impl Jobs {
    /// Asks the store for its time and corrects the times of this process by it. Every process calls this at its
    /// start and at intervals, and [`Jobs::sweep`] calls it first. Returns the correction in milliseconds, which is
    /// negative if the clock of this machine is ahead.
    ///
    /// # Errors
    /// Errors of the backend. The last correction stays in force.
    pub async fn compare_clocks(&self) -> Result<i64, StoreError> {
        let asked = tokio::time::Instant::now();
        let Some(store) = self.backend.store.time().await? else { return Ok(0) };
        let round_trip = asked.elapsed();
        if round_trip > MAX_ROUND_TRIP {
            return Ok(self.clock.offset_ms());
        }
        // The store read its clock about half a round trip ago.
        let machine = self.clock.machine_time().minus(round_trip / 2);
        let difference = store.as_millis() - machine.as_millis();
        let offset = if difference.abs() <= TOLERANCE_MS { 0 } else { difference };
        let before = self.clock.correct_ms(offset);
        if (before - offset).abs() > TOLERANCE_MS {
            log_change(offset, self.backend_name());
        }
        Ok(offset)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number for people")]
fn log_change(offset: i64, store: &str) {
    let seconds = offset.abs() as f64 / 1000.0;
    let direction = if offset < 0 { "ahead of" } else { "behind" };
    if offset == 0 {
        tracing::info!(store, "the clock of this machine agrees with the store's again");
    } else {
        tracing::error!(
            store,
            offset_ms = offset,
            "the clock of this machine is {seconds:.1} s {direction} the store's, whose time is used instead: correct \
             it (chronyd, systemd-timesyncd)"
        );
    }
}
