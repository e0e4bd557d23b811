//! The outcome of a case, and assertions that return it.

use std::fmt::Debug;

/// Why a case did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The service does something wrong.
    Failed(String),
    /// The case does not apply to this service.
    Skipped(String),
}

impl From<String> for Why {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// The outcome of a case.
pub type Verdict = Result<(), Why>;

/// Fails unless `holds`.
///
/// # Errors
/// The text of `why`.
pub fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// Fails unless `got` equals `expected`.
///
/// # Errors
/// A text with `what` and both values.
pub fn equal<T: PartialEq + Debug>(what: &str, got: &T, expected: &T) -> Result<(), String> {
    ensure(got == expected, || format!("{what}: {expected:?} expected, got {got:?}"))
}
