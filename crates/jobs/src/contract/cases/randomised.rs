//! All promises at once: random histories against a model, and a drain under faults.

use crate::contract::{Harness, faults, model};

/// Random operations by many hands (stale ones too), with time passing: the store agrees with the
/// model after every step, and in the end nothing is stuck.
pub async fn random_operations_keep_the_promises<H: Harness>(h: &mut H) {
    model::random_histories(h).await;
}

/// Calls that fail before or after they took effect, workers that die, messages that come twice:
/// every accepted job ends finished, once, and none is doubled.
pub async fn faults_lose_and_double_nothing<H: Harness>(h: &mut H) {
    faults::drain_under_faults(h).await;
}
