//! A pool of threads for the engine, with a fixed size.

use std::any::Any;
use std::iter;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use pssp_jobs::Slot;
use pssp_predict::{Cancel, Engine, EngineError, Sequence};
use tokio::sync::Semaphore;
use tokio::task::JoinError;

/// Runs the engine, with a limit on the number of computations at the same time.
pub(crate) struct Pool {
    engine: Arc<dyn Engine>,
    threads: Arc<Semaphore>,
    size: u32,
}

/// Why a computation has no result.
pub(crate) enum NoResult {
    /// The engine failed.
    Engine(EngineError),
    /// The engine panicked with this text.
    Panic(String),
}

/// Cancels the computation when it is dropped, because nobody needs the result any more.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Pool {
    pub(crate) fn new(engine: Arc<dyn Engine>, threads: usize) -> Self {
        let size = u32::try_from(threads.max(1)).unwrap_or(u32::MAX);
        Self { engine, threads: Arc::new(Semaphore::new(size as usize)), size }
    }

    /// Returns when no thread computes.
    pub(crate) async fn idle(&self) {
        let _all = self.threads.acquire_many(self.size).await;
    }

    /// Waits for a free thread. Takes all free threads, at most `max`.
    pub(crate) async fn reserve(&self, max: usize) -> Vec<Slot> {
        let Ok(first) = Arc::clone(&self.threads).acquire_owned().await else {
            return Vec::new(); // does not happen: the semaphore is never closed
        };
        let more = iter::from_fn(|| Arc::clone(&self.threads).try_acquire_owned().ok());
        iter::once(first).chain(more.take(max.saturating_sub(1))).map(Slot::new).collect()
    }

    /// Computes the stored form of the result on the thread of `slot`. Dropping the future cancels the
    /// computation; its thread stays taken until the engine has stopped.
    pub(crate) async fn predict(&self, sequence: Sequence, slot: Slot) -> Result<Bytes, NoResult> {
        let cancel = CancelOnDrop(Cancel::new());
        let (engine, token) = (Arc::clone(&self.engine), cancel.0.clone());
        let computation = tokio::task::spawn_blocking(move || compute(&*engine, &sequence, &token, slot));
        match computation.await {
            Ok(outcome) => outcome.map_err(NoResult::Engine),
            Err(error) => Err(panicked(error)),
        }
    }
}

fn compute(
    engine: &dyn Engine,
    sequence: &Sequence,
    cancel: &Cancel,
    _slot: Slot,
) -> Result<Bytes, EngineError> {
    let _busy = Busy::new();
    if cancel.is_cancelled() {
        return Err(EngineError::Cancelled);
    }
    let start = Instant::now();
    let prediction = engine.predict(sequence, cancel)?;
    metrics::histogram!("pssp_worker_predict_seconds").record(start.elapsed());
    Ok(prediction.encode().into())
}

/// Counts a busy thread, also if the engine panics.
struct Busy;

impl Busy {
    fn new() -> Self {
        metrics::gauge!("pssp_worker_busy_threads").increment(1.0);
        Self
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        metrics::gauge!("pssp_worker_busy_threads").decrement(1.0);
    }
}

fn panicked(error: JoinError) -> NoResult {
    match error.try_into_panic() {
        Ok(payload) => {
            metrics::counter!("pssp_worker_panics_total").increment(1);
            NoResult::Panic(text_of(&*payload))
        }
        Err(_) => NoResult::Engine(EngineError::Cancelled), // the runtime is shutting down
    }
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text").to_owned()
}
