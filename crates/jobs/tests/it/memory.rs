//! The in-memory backend passes the whole contract suite.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use pssp_jobs::contract::Harness;
use pssp_jobs::memory::MemoryBackend;
use pssp_jobs::service::{JobsError, NewBatch, NewJob};
use pssp_jobs::{
    Backend, BatchId, Clock, JobId, JobWatch, Jobs, ManualClock, Owner, Policy, Timestamp, Watcher,
};

struct Memory {
    backend: Arc<MemoryBackend>,
    clock: Arc<ManualClock>,
}

async fn fresh() -> Memory {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    Memory { backend: Arc::new(MemoryBackend::new(clock.clone())), clock }
}

#[async_trait::async_trait]
impl Harness for Memory {
    fn backend(&self) -> Backend {
        Backend::of(self.backend.clone())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    async fn reopen(&mut self) {}

    async fn inject(&self, body: &str) {
        self.backend.inject(body);
    }

    async fn remove(&mut self) -> Result<(), String> {
        Ok(())
    }
}

pssp_jobs::contract_tests!(async || (fresh().await, ()));

/// An id tells when its job was created, so nothing needs to be remembered of an expired one.
#[tokio::test]
async fn what_was_created_long_ago_has_expired() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
    let backend = Backend::of(Arc::new(MemoryBackend::new(clock.clone())));
    let jobs = Jobs::new(backend, clock.clone(), Policy::default()).unwrap();
    let owner = Owner::public();
    let (old, batch) = (JobId::new(jobs.now()), BatchId::new(jobs.now()));
    assert!(matches!(jobs.find(&owner, old).await, Err(JobsError::NotFound)));
    clock.advance(jobs.policy().ttl);
    assert!(matches!(jobs.find(&owner, old).await, Err(JobsError::Expired(at)) if at == jobs.now()));
    assert!(matches!(jobs.batch(&owner, batch).await, Err(JobsError::NotFound)), "a batch is kept longer");
    clock.advance(jobs.policy().ttl);
    assert!(matches!(jobs.batch(&owner, batch).await, Err(JobsError::Expired(_))));
    for never in ["00000000-0000-7000-8000-000000000000", "a2b4fbe8-4ad4-4e3a-8b41-8a3b0c2f1d9e"] {
        let found = jobs.find(&owner, never.parse().unwrap()).await;
        assert!(matches!(found, Err(JobsError::NotFound)), "{never}");
    }
}

/// The jobs of a large batch come some at a time, and none is lost where one part ends.
#[tokio::test]
async fn a_batch_may_come_in_parts() {
    let memory = fresh().await;
    let jobs = pssp_jobs::contract::jobs(&memory);
    let new = |length: usize| NewJob::from("M".repeat(length).parse::<pssp_predict::Sequence>().unwrap());
    let parts = vec![vec![new(5), new(6)], vec![new(7)], vec![new(8), new(9)]];
    let outline = (5..10).map(Ok).collect();
    let batch = NewBatch { outline, jobs: stream::iter(parts).boxed() };
    let batch = jobs.submit_batch(&Owner::public(), batch, None).await.unwrap().value;
    let ids: Vec<JobId> = batch.jobs().collect();
    let lengths: Vec<usize> =
        jobs.get_many(&ids).await.unwrap().into_iter().map(|job| job.unwrap().head.length).collect();
    assert_eq!(lengths, [5, 6, 7, 8, 9]);
    // A stream that ends early is an error: what is accepted must exist.
    let short = NewBatch { outline: vec![Ok(5), Ok(6)], jobs: stream::iter([vec![new(5)]]).boxed() };
    assert!(jobs.submit_batch(&Owner::public(), short, None).await.is_err());
}

/// Watchers that no event reaches.
struct Silent;

#[async_trait::async_trait]
impl Watcher for Silent {
    async fn changed(&mut self) {
        std::future::pending().await
    }
}

impl JobWatch for Silent {
    fn watch(&self, _: JobId) -> Box<dyn Watcher> {
        Box::new(Self)
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_looks_once_more_when_its_time_is_over() {
    let memory = fresh().await;
    let backend = Backend { watch: Arc::new(Silent), ..memory.backend() };
    let jobs = Jobs::new(backend, memory.clock.clone(), Policy::default()).unwrap();
    let owner = Owner::public();
    let new = NewJob::from("MKVLT".parse::<pssp_predict::Sequence>().unwrap());
    let id = jobs.submit(&owner, new, Duration::ZERO, None).await.unwrap().value.id();
    let mut waiting = std::pin::pin!(jobs.wait(&owner, id, Duration::from_secs(5)));
    assert!(futures::poll!(&mut waiting).is_pending(), "it has looked, and waits");
    jobs.cancel(&owner, id).await.unwrap();
    assert_eq!(waiting.await.unwrap().state(), pssp_jobs::State::Cancelled);
}
