//! A pool of threads for the engine, with a fixed size.

use std::any::Any;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pssp_jobs::{Slot, Timestamp};
use pssp_predict::{Cancel, Engine, EngineError, Sequence};
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio::time::timeout;

/// Mean time of a computation below which jobs are claimed ahead, and the longest time that such a job waits for a
/// thread. A receive and a claim take some milliseconds each, for which a thread would idle between short jobs.
const SHORT: Duration = Duration::from_millis(100);

/// Slots ahead for each thread.
const AHEAD: u32 = 3;

/// Runs the engine, with a limit on the number of computations at the same time.
///
/// A slot is a free thread. While computations are short, each thread has some more slots, ahead of the job that it
/// computes. While they are long there are none, so that no worker holds a job that another one could compute.
pub(crate) struct Pool {
    engine: Arc<dyn Engine>,
    threads: Arc<Semaphore>,
    ahead: Arc<Semaphore>,
    size: u32,
    /// Mean time of the last computations, in microseconds; the highest number where it is not known.
    mean_us: AtomicU64,
}

/// Why a computation has no result.
pub(crate) enum NoResult {
    /// The engine failed.
    Engine(EngineError),
    /// No thread was free in time. The job was not started.
    Busy,
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
        let semaphore = |permits: u32| Arc::new(Semaphore::new(permits as usize));
        let (threads, ahead) = (semaphore(size), semaphore(size.saturating_mul(AHEAD)));
        Self { engine, threads, ahead, size, mean_us: AtomicU64::new(u64::MAX) }
    }

    /// Returns when no thread computes.
    pub(crate) async fn idle(&self) {
        let _all = self.threads.acquire_many(self.size).await;
    }

    /// Waits for a free slot. Takes all free slots, at most `max`, those of free threads first.
    pub(crate) async fn reserve(&self, max: usize) -> Vec<Slot> {
        let first = tokio::select! {
            biased;
            thread = Arc::clone(&self.threads).acquire_owned() => thread,
            ahead = Arc::clone(&self.ahead).acquire_owned(), if self.short() => ahead,
        };
        let Ok(first) = first else { return Vec::new() }; // does not happen: no semaphore is ever closed
        let free = |slots: &Arc<Semaphore>| Arc::clone(slots).try_acquire_owned().ok();
        let threads = iter::from_fn(|| free(&self.threads));
        let ahead = iter::from_fn(|| self.short().then(|| free(&self.ahead)).flatten());
        iter::once(first).chain(threads).chain(ahead).take(max.max(1)).map(Slot::new).collect()
    }

    /// Returns the slot of a free thread. A slot ahead is changed for one, or is given up after a short wait.
    async fn thread(&self, slot: Slot) -> Result<Slot, NoResult> {
        if !slot.is_of(&self.ahead) {
            return Ok(slot);
        }
        if let Ok(Ok(thread)) = timeout(SHORT, Arc::clone(&self.threads).acquire_owned()).await {
            return Ok(Slot::new(thread));
        }
        // The computations in hand are long. Nothing more is claimed ahead until one of them has ended.
        self.mean_us.store(u64::MAX, Relaxed);
        Err(NoResult::Busy)
    }

    fn short(&self) -> bool {
        Duration::from_micros(self.mean_us.load(Relaxed)) < SHORT
    }

    fn note_time(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mean = |mean: u64| Some(if mean == u64::MAX { took } else { mean / 4 * 3 + took / 4 });
        let _ = self.mean_us.fetch_update(Relaxed, Relaxed, mean); // never fails: the closure returns a value
    }

    /// Computes the stored form of the result on the thread of `slot`, or on the next free one for a slot ahead.
    /// Dropping the future cancels the computation; its thread stays taken until the engine has stopped.
    pub(crate) async fn predict(
        &self,
        sequence: Sequence,
        slot: Slot,
        now: impl Fn() -> Timestamp,
    ) -> Result<Bytes, NoResult> {
        let slot = self.thread(slot).await?;
        let started = now();
        let cancel = CancelOnDrop(Cancel::new());
        let (engine, token) = (Arc::clone(&self.engine), cancel.0.clone());
        let computation = tokio::task::spawn_blocking(move || compute(&*engine, &sequence, &token, slot));
        match computation.await {
            Ok(outcome) => {
                self.note_time(now().since(started));
                outcome.map_err(NoResult::Engine)
            }
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
