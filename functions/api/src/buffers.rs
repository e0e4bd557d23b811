//! Memory for bodies: a bound on what all requests together hold.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::problem::Problem;

/// Bytes that one permit stands for.
const UNIT: usize = 4096;

/// The memory for bodies that is left.
pub(crate) struct Buffers(Arc<Semaphore>);

/// A share of the memory for bodies, given back when dropped.
pub(crate) struct Share(OwnedSemaphorePermit);

impl Buffers {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / UNIT)))
    }

    /// Takes a share. There is no waiting for one, as all requests might wait for each other.
    pub(crate) fn hold(&self, bytes: usize) -> Result<Share, Problem> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let full = |_: TryAcquireError| Problem::overloaded("too much is being sent at the moment");
        self.0.clone().try_acquire_many_owned(units).map(Share).map_err(full)
    }
}

impl Share {
    pub(crate) fn bytes(&self) -> usize {
        self.0.num_permits() * UNIT
    }

    /// Adds `other` to this share.
    pub(crate) fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}
