//! All promises together: random histories against a model, and a drain under faults.

use crate::contract::{Harness, faults, model};

/// Random operations of several workers and callers, also with expired leases, while time passes. The store
/// agrees with the model after every step, and in the end no job is stuck.
pub async fn random_operations_keep_the_promises<H: Harness>(h: &mut H) {
    model::random_histories(h).await;
}

/// Calls fail before or after they take effect, workers crash, and messages are delivered twice. Every accepted
/// job finishes exactly once.
pub async fn faults_lose_and_duplicate_no_job<H: Harness>(h: &mut H) {
    faults::drain_under_faults(h).await;
}
