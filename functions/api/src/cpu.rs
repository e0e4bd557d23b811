//! Work that would hold up the async threads: it runs on other threads, a bounded number at a time.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::problem::Problem;

/// Bytes of input below which cleaning is quicker than handing it over.
const SMALL: usize = 16 << 10;

/// As many pieces of work at a time as there are cores; further ones wait their turn.
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
            let _permit = permit; // held to the end of the work, even if nobody waits for it any more
            work()
        });
        task.await.map_err(|e| Problem::internal(&e))
    }

    /// The same, but small work runs on this thread.
    pub(crate) async fn run_if_large<T, F>(&self, bytes: usize, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if bytes <= SMALL { Ok(work()) } else { self.run(work).await }
    }
}
