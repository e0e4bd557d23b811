//! Memory for bodies: limits the bytes that all requests together, and those of one client, hold.
//!
//! Small bodies have memory of their own, so they get through while large ones fill the rest.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::bounds::{Client, Shares, Taken};
use crate::problem::Problem;

/// The bytes of one permit of the semaphore.
const BYTES_PER_PERMIT: usize = 4096;

/// The largest small body.
const SMALL_BYTES: usize = 64 << 10;

/// Memory for small bodies.
const BYTES_FOR_SMALL: usize = 16 << 20;

/// The free memory for bodies.
pub(crate) struct Buffers {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    of_clients: Arc<Shares>,
}

/// A share of the memory for bodies. It is released when dropped.
pub(crate) struct Share {
    permit: OwnedSemaphorePermit,
    taken: Taken,
    is_large: bool,
}

impl Buffers {
    /// Memory of `bytes` for large bodies, of which one client may have half.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            small: Arc::new(Semaphore::new(BYTES_FOR_SMALL / BYTES_PER_PERMIT)),
            large: Arc::new(Semaphore::new(bytes / BYTES_PER_PERMIT)),
            of_clients: Shares::new(bytes.div_ceil(2).div_ceil(BYTES_PER_PERMIT)),
        }
    }

    /// Reserves a share, or returns an error if there is not enough memory. It does not wait, because all requests
    /// might wait for each other.
    pub(crate) fn hold(&self, client: &Client, bytes: usize) -> Result<Share, Problem> {
        let permits = bytes.div_ceil(BYTES_PER_PERMIT);
        let taken = self.of_clients.take(client, permits).ok_or_else(of_one_client)?;
        let is_large = bytes > SMALL_BYTES;
        let permit = acquire(if is_large { &self.large } else { &self.small }, permits)?;
        Ok(Share { permit, taken, is_large })
    }

    /// Makes the share large enough for `bytes` in all.
    pub(crate) fn grow(&self, share: &mut Share, bytes: usize) -> Result<(), Problem> {
        let permits = bytes.div_ceil(BYTES_PER_PERMIT);
        let missing = permits.saturating_sub(share.permit.num_permits());
        if missing == 0 {
            return Ok(());
        }
        share.taken.grow(missing).ok_or_else(of_one_client)?;
        if bytes > SMALL_BYTES && !share.is_large {
            share.permit = acquire(&self.large, permits)?;
            share.is_large = true;
        } else {
            share.permit.merge(acquire(if share.is_large { &self.large } else { &self.small }, missing)?);
        }
        Ok(())
    }
}

fn acquire(memory: &Arc<Semaphore>, permits: usize) -> Result<OwnedSemaphorePermit, Problem> {
    let permits = u32::try_from(permits).unwrap_or(u32::MAX);
    let full = |_: TryAcquireError| Problem::overloaded("too much is being sent at the moment");
    Arc::clone(memory).try_acquire_many_owned(permits).map_err(full)
}

fn of_one_client() -> Problem {
    Problem::overloaded("you are sending too much at once; send one body after the other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_bodies_fit_while_large_ones_fill_the_memory() {
        let buffers = Buffers::new(1 << 20);
        let clients = ["a", "b", "c"].map(Client::new);
        let mut held = buffers.hold(&clients[0], 1).unwrap();
        for bytes in [70 << 10, 300 << 10, 512 << 10] {
            buffers.grow(&mut held, bytes).unwrap();
        }
        assert!(buffers.hold(&clients[0], 1).is_err(), "half is the most for one client");
        let more = buffers.hold(&clients[1], 512 << 10).unwrap();
        assert!(buffers.hold(&clients[2], 100 << 10).is_err(), "the memory is full");
        assert!(buffers.hold(&clients[2], 10 << 10).is_ok(), "a small body fits");
        drop((held, more));
        assert!(buffers.hold(&clients[2], 512 << 10).is_ok());
    }
}
