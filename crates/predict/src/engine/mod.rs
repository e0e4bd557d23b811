//! Engines: whatever turns a sequence into a prediction, behind one trait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::method::Method;
use crate::{Prediction, Sequence};

mod neural;

pub use neural::{BEHAVIOUR, Neural};

/// A request to stop, shared between whoever predicts and whoever may lose interest.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A fresh one, not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the prediction to stop at its next check.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why an engine gave no prediction.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Somebody asked it to stop.
    #[error("prediction cancelled")]
    Cancelled,
    /// The engine cannot take this sequence; another try gives the same.
    #[error("{0}")]
    Input(String),
    /// The method failed on this sequence (a crash, a limit, output that makes no sense).
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
    /// What it is; the same in every result it makes.
    fn method(&self) -> &Method;

    /// Whether the result of one job may answer another with the same sequence: so for every engine that
    /// keeps this contract to the letter.
    fn is_repeatable(&self) -> bool {
        true
    }

    /// Predicts all properties for `sequence` (1 to 10,000 residues).
    ///
    /// # Errors
    /// See [`EngineError`]; after `Input` no other try can succeed.
    fn predict(&self, sequence: &Sequence, cancel: &Cancel) -> Result<Prediction, EngineError>;
}
