//! The trait [`Engine`]: anything that turns a sequence into a prediction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::method::Method;
use crate::{Prediction, Sequence};

mod neural;

pub use neural::{BEHAVIOUR, Neural};

/// A request to stop a prediction. Clones share the request: one side sets it, the engine checks it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A new request that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the prediction to stop at its next check.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why an engine returned no prediction.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The prediction was cancelled.
    #[error("prediction cancelled")]
    Cancelled,
    /// The engine cannot process this sequence. Another try has the same outcome.
    #[error("{0}")]
    Input(String),
    /// The method failed on this sequence (a crash, an exceeded limit, unusable output).
    #[error("{0}")]
    Method(String),
    /// The machine failed, not the method; another try may succeed.
    #[error("{0}")]
    System(String),
}

/// Predicts every property of one chain.
///
/// Contract: deterministic (the same sequence and method give the same bytes on any machine and
/// any number of threads); memory grows linearly with length; returns [`EngineError::Cancelled`]
/// soon after `cancel` is set; safe to call from many threads at once.
pub trait Engine: Send + Sync {
    /// The engine's method; the same in all its results.
    fn method(&self) -> &Method;

    /// Whether the result of one job may be reused for another job with the same sequence. This is right for
    /// every engine that fulfils the whole contract.
    fn is_repeatable(&self) -> bool {
        true
    }

    /// Predicts all properties for `sequence` (1 to 10,000 residues).
    ///
    /// # Errors
    /// See [`EngineError`]. After `Input`, another try cannot succeed.
    fn predict(&self, sequence: &Sequence, cancel: &Cancel) -> Result<Prediction, EngineError>;
}
