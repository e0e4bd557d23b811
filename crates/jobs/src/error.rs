//! What can go wrong in a backend, as categories.

use crate::job::Fence;

/// Why a backend did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such record (never was, deleted, or purged after its time to live).
    #[error("no such record")]
    NotFound,
    /// Compare-and-set failed: the job is at this (state, attempt) and not where the caller saw it.
    #[error("the job has moved on to {0}")]
    Conflict(Fence),
    /// The idempotency key was used before with another body.
    #[error("the idempotency key was used with another request")]
    KeyReused,
    /// A record with this id exists (creation is not repeatable without an idempotency key).
    #[error("a record with this id exists")]
    Exists,
    /// The backend's limit on the size of one record or message; says which.
    #[error("{0}")]
    TooLarge(String),
    /// The store has no room left. Nothing was written.
    #[error("the store is full: {0}")]
    Full(#[source] Cause),
    /// The backend cannot be reached, is overloaded or lost the connection; another try may succeed.
    /// A write may or may not have happened.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// A stored record cannot be read: written by another version, or damaged.
    #[error("a stored record cannot be read: {0}")]
    Corrupt(#[source] Cause),
    /// The backend refuses for a reason that another try will not change (configuration, permission).
    #[error("{0}")]
    Refused(#[source] Cause),
}

/// The backend's own error, boxed: no driver's type crosses a port.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

impl StoreError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full(_))
    }
}
