//! Shared code of the tests: jobs on the memory backend, with Tokio's clock, which a test can pause.

use std::sync::Arc;
use std::time::Duration;

use pssp_jobs::memory::MemoryBackend;
use pssp_jobs::service::NewJob;
use pssp_jobs::{Backend, Clock, JobId, Jobs, Owner, Policy, Timestamp};
use pssp_predict::Sequence;
use tokio::time::Instant;

/// A clock that follows Tokio's time, so that leases and delays also run out while a test's time is paused.
pub(crate) struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).plus(self.0.elapsed())
    }
}

pub(crate) struct TestBed {
    pub(crate) memory: Arc<MemoryBackend>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) jobs: Jobs,
}

impl TestBed {
    pub(crate) fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock(Instant::now()));
        let memory = Arc::new(MemoryBackend::new(Arc::clone(&clock)));
        let jobs =
            Jobs::new(Backend::of(Arc::clone(&memory)), Arc::clone(&clock), Policy::default()).unwrap();
        Self { memory, clock, jobs }
    }

    pub(crate) async fn submit(&self) -> JobId {
        let new = NewJob::from("ACDE".parse::<Sequence>().unwrap());
        self.jobs.submit(&Owner::public(), new, Duration::ZERO, None).await.unwrap().value.id()
    }
}

/// Polls until `done` returns true, where there is no event to wait for.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(10); // of paused time
    while !done() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
