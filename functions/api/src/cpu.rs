//! Runs CPU work on other threads, a limited number at a time, so that it does not block the async threads.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::problem::Problem;

/// Up to this input size, in bytes, cleaning is faster than a change of threads.
const MAX_INLINE_BYTES: usize = 16 << 10;

/// Allows as many tasks at a time as there are cores. Other tasks wait.
#[derive(Clone)]
pub(crate) struct Cpu(Arc<Semaphore>);

impl Cpu {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(cores)))
    }

    /// Runs `work` on another thread.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|e| Problem::internal(&e))?;
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit; // held until the work ends, even if the request is dropped before
            work()
        });
        task.await.map_err(|e| Problem::internal(&e))
    }

    /// Like [`run`](Self::run), but runs work on a small input on this thread.
    pub(crate) async fn run_if_large<T, F>(&self, bytes: usize, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if bytes <= MAX_INLINE_BYTES { Ok(work()) } else { self.run(work).await }
    }
}
