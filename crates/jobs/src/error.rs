//! Errors of a backend, as categories.

use crate::job::Fence;

/// Why a backend did not carry out a call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The record does not exist: it never did, it was deleted, or it was purged after its time to live.
    #[error("no such record")]
    NotFound,
    /// Compare-and-set failed: the job is now at this (state, attempt), and the caller expected another.
    #[error("the job has moved on to {0}")]
    Conflict(Fence),
    /// The idempotency key was used before with a different request.
    #[error("the idempotency key was used with another request")]
    KeyReused,
    /// A record with this id exists. (A creation without an idempotency key cannot be repeated.)
    #[error("a record with this id exists")]
    Exists,
    /// A record or message is larger than the backend allows. The text names the limit.
    #[error("{0}")]
    TooLarge(String),
    /// The store is full. Nothing was written.
    #[error("the store is full: {0}")]
    Full(#[source] Cause),
    /// The backend cannot be reached, is overloaded, or lost the connection. Another try may succeed. A write
    /// may or may not have taken effect.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// A stored record cannot be read: another version wrote it, or it is damaged.
    #[error("a stored record cannot be read: {0}")]
    Corrupt(#[source] Cause),
    /// The backend does not let this program in, or lacks a right that the call needs: a password was changed, a
    /// permission was taken away, credentials have expired. Another try succeeds once the operator has mended that.
    #[error("{0}")]
    Denied(#[source] Cause),
    /// The backend refuses the call for a reason that another try does not change (configuration, permission).
    #[error("{0}")]
    Refused(#[source] Cause),
}

/// The backend's own error, boxed, so that no type of a driver crosses a port.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A stored text or a response that this program does not write.
#[must_use]
pub fn corrupt(what: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{what}: {error}").into())
}

/// A value that cannot be serialised. This has never happened, so it is an error and not a panic.
#[must_use]
pub fn unwritable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Refused(format!("cannot encode the record: {error}").into())
}

impl StoreError {
    /// The same error again, for each of several records that one call failed to write. Its cause is a text.
    #[must_use]
    pub fn copied(&self) -> Self {
        let cause = || self.cause_text().into();
        match self {
            Self::NotFound => Self::NotFound,
            Self::Conflict(fence) => Self::Conflict(*fence),
            Self::KeyReused => Self::KeyReused,
            Self::Exists => Self::Exists,
            Self::TooLarge(text) => Self::TooLarge(text.clone()),
            Self::Full(_) => Self::Full(cause()),
            Self::Unavailable(_) => Self::Unavailable(cause()),
            Self::Corrupt(_) => Self::Corrupt(cause()),
            Self::Denied(_) => Self::Denied(cause()),
            Self::Refused(_) => Self::Refused(cause()),
        }
    }

    fn cause_text(&self) -> String {
        std::error::Error::source(self).map_or_else(|| self.to_string(), ToString::to_string)
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full(_))
    }
}
