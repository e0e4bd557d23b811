//! A backend whose calls fail at random, and a drain over it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::backend::Backend;
use crate::contract::{Harness, VISIBILITY, named, owner, policy};
use crate::error::StoreError;
use crate::id::{JobId, Owner};
use crate::job::{Job, State};
use crate::message::Message;
use crate::ports::{
    Capabilities, Change, Created, Delivery, Depth, IdempotencyKey, Include, JobReceiver, JobStore,
    ListQuery, Page, Receipt, Record, Room, Submission,
};
use crate::reuse::ResultKey;
use crate::service::{Claim, Jobs, Key, Settled};
use crate::time::Timestamp;

/// A backend whose calls fail at random, before or after they took effect.
pub struct Faulty {
    inner: Backend,
    rng: Mutex<StdRng>,
    rate: f64,
    /// Number of transitions whose responses are lost. After these, calls fail only at random.
    lost_answers: AtomicUsize,
    /// Whether lookups of stored results fail.
    blind: bool,
}

enum Fault {
    None,
    Before,
    After,
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("injected fault".into())
}

impl Faulty {
    /// Wraps the store and the receiver of `inner`: each call fails with the probability `rate`.
    #[must_use]
    pub fn wrap(inner: &Backend, rate: f64, seed: u64) -> Backend {
        let rng = Mutex::new(StdRng::seed_from_u64(seed));
        let faulty = Arc::new(Self {
            inner: inner.clone(),
            rng,
            rate,
            lost_answers: AtomicUsize::new(0),
            blind: false,
        });
        Backend { store: faulty.clone(), receiver: Some(faulty), ..inner.clone() }
    }

    /// Wraps the store of `inner`: the responses to its first `n` transitions are lost.
    #[must_use]
    pub fn losing_answers(inner: &Backend, n: usize) -> Backend {
        let rng = Mutex::new(StdRng::seed_from_u64(0));
        let lost_answers = AtomicUsize::new(n);
        let faulty = Self { inner: inner.clone(), rng, rate: 0.0, lost_answers, blind: false };
        Backend { store: Arc::new(faulty), ..inner.clone() }
    }

    /// Wraps the store of `inner`: lookups of stored results fail.
    #[must_use]
    pub fn without_lookups(inner: &Backend) -> Backend {
        let rng = Mutex::new(StdRng::seed_from_u64(0));
        let lost_answers = AtomicUsize::new(0);
        let faulty = Self { inner: inner.clone(), rng, rate: 0.0, lost_answers, blind: true };
        Backend { store: Arc::new(faulty), ..inner.clone() }
    }

    fn draw(&self) -> Fault {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        match rng.random::<f64>() {
            x if x < self.rate / 2.0 => Fault::Before,
            x if x < self.rate => Fault::After,
            _ => Fault::None,
        }
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match self.draw() {
            Fault::None => call.await,
            Fault::Before => Err(unavailable()),
            Fault::After => {
                drop(call.await);
                Err(unavailable())
            }
        }
    }

    fn receiver(&self) -> &dyn JobReceiver {
        self.inner.receiver.as_deref().expect("a harness brings a receiver")
    }
}

#[async_trait]
impl JobStore for Faulty {
    fn capabilities(&self) -> Capabilities {
        self.inner.store.capabilities()
    }

    async fn create(&self, submissions: &[Submission]) -> Vec<Result<Created<JobId>, StoreError>> {
        let all = async { Ok(self.inner.store.create(submissions).await) };
        match self.call(all).await {
            Ok(outcomes) => outcomes,
            Err(_) => submissions.iter().map(|_| Err(unavailable())).collect(),
        }
    }

    async fn read(&self, id: JobId, include: Include) -> Result<Option<Record>, StoreError> {
        self.call(self.inner.store.read(id, include)).await
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.call(self.inner.store.get(id)).await
    }

    async fn get_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        self.call(self.inner.store.get_many(ids)).await
    }

    async fn job_of_key(&self, key: &IdempotencyKey) -> Result<Option<JobId>, StoreError> {
        self.call(self.inner.store.job_of_key(key)).await
    }

    async fn reusable(&self, keys: &[ResultKey]) -> Result<Vec<Option<JobId>>, StoreError> {
        if self.blind {
            return Err(unavailable());
        }
        self.call(self.inner.store.reusable(keys)).await
    }

    async fn apply(&self, change: &Change) -> Result<(), StoreError> {
        let one_less = |n: usize| n.checked_sub(1);
        if self.lost_answers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            drop(self.inner.store.apply(change).await);
            return Err(unavailable());
        }
        self.call(self.inner.store.apply(change)).await
    }

    async fn delete(&self, id: JobId) -> Result<bool, StoreError> {
        self.call(self.inner.store.delete(id)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Job, JobId>, StoreError> {
        self.call(self.inner.store.list(query)).await
    }

    async fn overdue(
        &self,
        now: Timestamp,
        horizon: Duration,
        limit: usize,
    ) -> Result<Vec<JobId>, StoreError> {
        self.call(self.inner.store.overdue(now, horizon, limit)).await
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.call(self.inner.store.purge(now, limit)).await
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        self.call(self.inner.store.depth()).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.call(self.inner.store.ping()).await
    }

    async fn owned(&self, owner: &Owner) -> Result<u64, StoreError> {
        self.call(self.inner.store.owned(owner)).await
    }

    async fn room(&self) -> Result<Option<Room>, StoreError> {
        self.call(self.inner.store.room()).await
    }

    async fn time(&self) -> Result<Option<Timestamp>, StoreError> {
        self.call(self.inner.store.time()).await
    }
}

#[async_trait]
impl JobReceiver for Faulty {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.call(self.receiver().receive(max, wait, visibility)).await
    }

    async fn ack(&self, receipt: Receipt) -> Result<(), StoreError> {
        self.call(self.receiver().ack(receipt)).await
    }

    async fn retry(&self, receipt: Receipt, after: Duration) -> Result<(), StoreError> {
        self.call(self.receiver().retry(receipt, after)).await
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<bool, StoreError> {
        self.call(self.receiver().extend(receipt, visibility)).await
    }
}

const JOBS: usize = 20;

/// Submits jobs with keys and drains the queue with workers that crash, all over a faulty backend. Then checks
/// the jobs over the backend without faults.
///
/// # Panics
/// If a job is lost, duplicated or stuck, or changes after it has finished.
pub async fn drain_under_faults<H: Harness>(harness: &H) {
    let seed = 20_260_517;
    let sound = crate::contract::jobs(harness);
    // The faults cause far more lost workers and failures than any useful policy allows.
    // On a backend on real time the drain takes longer than the lifetime of the suite's results.
    let ttl = Duration::from_mins(30);
    let policy = crate::Policy { max_lost_workers: 1000, max_failures: 1000, ttl, ..policy() };
    let backend = Faulty::wrap(&harness.backend(), 0.3, seed);
    let jobs = Jobs::new(backend, harness.clock(), policy).expect("sound");
    let mut rng = StdRng::seed_from_u64(seed + 1);

    let mut ids = Vec::new();
    for n in 0..JOBS {
        ids.push(submit_until_accepted(&jobs, n).await);
    }
    let mut results: HashMap<JobId, Bytes> = HashMap::new();
    for _ in 0..120 {
        let receiver = jobs.receiver().expect("a receiver");
        let wait = Duration::from_millis(50);
        for delivery in receiver.receive(5, wait, VISIBILITY).await.unwrap_or_default() {
            work(&jobs, delivery, receiver.as_ref(), &mut rng).await;
        }
        drop(jobs.sweep().await);
        check_finished(&sound, &ids, &mut results).await;
        if results.len() == JOBS {
            break;
        }
        harness.advance(Duration::from_secs(1)).await;
    }
    assert_eq!(results.len(), JOBS, "jobs are stuck");
    let listed = sound.list(&crate::contract::all_of(owner(), 1000)).await.unwrap();
    assert_eq!(listed.items.len(), JOBS, "a job was lost or doubled");
}

async fn submit_until_accepted(jobs: &Jobs, n: usize) -> JobId {
    for _ in 0..100 {
        let key = Key { key: format!("key {n}"), digest: [0; 32] };
        let submitted = jobs.submit(&owner(), named(&format!("job {n}")), Duration::ZERO, Some(key)).await;
        if let Ok(accepted) = submitted {
            return accepted.value.id();
        }
    }
    panic!("a hundred faults in a row");
}

async fn work(jobs: &Jobs, delivery: Delivery, receiver: &dyn JobReceiver, rng: &mut StdRng) {
    let Ok(message) = Message::decode(&delivery.body) else {
        return;
    };
    let settled = match jobs.claim(message.job).await {
        Ok(Claim::Claimed(_)) if rng.random_bool(0.3) => return, // this worker crashes here
        Ok(Claim::Claimed(job)) => {
            let result = format!("{} attempt {}", job.id(), job.status.attempt);
            matches!(jobs.finish(&job, result.into()).await, Ok(Settled::Done(_))) && !jobs.settles_messages()
        }
        Ok(Claim::Wait(after)) => {
            drop(receiver.retry(delivery.receipt, after).await);
            return;
        }
        Ok(Claim::Settled(_) | Claim::Missing) => true,
        Err(_) => false,
    };
    if settled {
        drop(receiver.ack(delivery.receipt).await);
    }
}

async fn check_finished(jobs: &Jobs, ids: &[JobId], results: &mut HashMap<JobId, Bytes>) {
    for &id in ids {
        let job = jobs.find(&owner(), id).await.expect("an accepted job is there");
        let result = jobs.result(id).await.ok();
        assert_eq!(job.state() == State::Finished, result.is_some());
        if let Some(result) = result {
            let first = results.entry(id).or_insert_with(|| result.clone());
            assert_eq!(*first, result, "the result of {id} changed");
        }
    }
}
