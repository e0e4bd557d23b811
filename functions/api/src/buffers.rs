//! Memory for bodies: limits the bytes that all requests together hold.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::problem::Problem;

/// The bytes of one permit of the semaphore.
const BYTES_PER_PERMIT: usize = 4096;

/// The free memory for bodies.
pub(crate) struct Buffers(Arc<Semaphore>);

/// A share of the memory for bodies. It is released when dropped.
pub(crate) struct Share(OwnedSemaphorePermit);

impl Buffers {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / BYTES_PER_PERMIT)))
    }

    /// Reserves a share, or returns an error if there is not enough memory. It does not wait, because all requests
    /// might wait for each other.
    pub(crate) fn hold(&self, bytes: usize) -> Result<Share, Problem> {
        let units = u32::try_from(bytes.div_ceil(BYTES_PER_PERMIT)).unwrap_or(u32::MAX);
        let full = |_: TryAcquireError| Problem::overloaded("too much is being sent at the moment");
        self.0.clone().try_acquire_many_owned(units).map(Share).map_err(full)
    }
}

impl Share {
    pub(crate) fn bytes(&self) -> usize {
        self.0.num_permits() * BYTES_PER_PERMIT
    }

    /// Adds `other` to this share.
    pub(crate) fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}
