//! Shared code of the tests: a scripted engine, a store that fails on demand, and jobs over both.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pssp_jobs::memory::MemoryBackend;
use pssp_jobs::service::NewJob;
use pssp_jobs::{
    Backend, Capabilities, Change, Clock, Created, Disposition, Handler, IdempotencyKey, Include, Job, JobId,
    JobStore, JobWatch, Jobs, ListQuery, ManualClock, Message, Owner, Page, Policy, Record, ResultKey, State,
    StoreError, Submission, Timestamp, Watcher,
};
use pssp_predict::{Cancel, Engine, EngineError, Method, PROPERTIES, Prediction, Sequence, Track};
use pssp_worker::{Worker, WorkerOptions};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A time-out that is long enough for a very slow machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

// --- engine ----------------------------------------------------------------------------------

type Act = dyn Fn(usize, &Sequence, &Cancel) -> Result<(), EngineError> + Send + Sync;

/// An engine that calls the closure with the number of the call, and then predicts coil.
pub(crate) struct Fake {
    method: Method,
    act: Box<Act>,
    pub(crate) calls: AtomicUsize,
    /// Number of calls that ended because they were cancelled.
    pub(crate) cancelled: AtomicUsize,
    busy: AtomicUsize,
    pub(crate) most_busy: AtomicUsize,
}

impl Fake {
    pub(crate) fn new(
        act: impl Fn(usize, &Sequence, &Cancel) -> Result<(), EngineError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let text = |s: &str| s.to_owned();
        let method =
            Method { name: text("fake"), version: text("1"), sha256: text("00"), citation: text("none") };
        Arc::new(Self {
            method,
            act: Box::new(act),
            calls: AtomicUsize::new(0),
            cancelled: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            most_busy: AtomicUsize::new(0),
        })
    }

    /// An engine that succeeds at once.
    pub(crate) fn quick() -> Arc<Self> {
        Self::new(|_, _, _| Ok(()))
    }

    /// An engine that runs until it is cancelled.
    pub(crate) fn endless() -> Arc<Self> {
        Self::new(|_, _, cancel| until_cancelled(cancel))
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn cancelled(&self) -> usize {
        self.cancelled.load(Ordering::SeqCst)
    }
}

pub(crate) fn until_cancelled(cancel: &Cancel) -> Result<(), EngineError> {
    let start = std::time::Instant::now();
    while !cancel.is_cancelled() {
        assert!(start.elapsed() < LONG, "the computation was not cancelled");
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(EngineError::Cancelled)
}

/// Decrements the counter `busy`, also if the engine panics.
struct DecrementOnDrop<'a>(&'a AtomicUsize);

impl Drop for DecrementOnDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Engine for Fake {
    fn method(&self) -> &Method {
        &self.method
    }

    fn predict(&self, sequence: &Sequence, cancel: &Cancel) -> Result<Prediction, EngineError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        self.most_busy.fetch_max(self.busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let _leave = DecrementOnDrop(&self.busy);
        (self.act)(call, sequence, cancel).inspect_err(|error| {
            if matches!(error, EngineError::Cancelled) {
                self.cancelled.fetch_add(1, Ordering::SeqCst);
            }
        })?;
        Ok(coil(&self.method, sequence.len()))
    }
}

/// A prediction with the first letter of each alphabet for every residue.
pub(crate) fn coil(method: &Method, n: usize) -> Prediction {
    let tracks = PROPERTIES.iter().map(|&property| {
        let letters = property.alphabet().len();
        let mut columns = vec![vec![0; n]; letters];
        columns[0] = vec![1000; n];
        let first = (b'*'..=b'_').find(|&l| property.column(l) == Some(0)).unwrap();
        Track { property, labels: vec![first; n], columns }
    });
    Prediction::new(method.clone(), tracks.collect(), vec![0; n]).unwrap()
}

// --- store -----------------------------------------------------------------------------------

/// The fault of a write of a terminal state or of a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The write fails before it takes effect.
    Before,
    /// The write takes effect, and its response is lost.
    After,
    /// The store refuses the write for good.
    Refuse,
}

/// The memory backend with faults.
pub(crate) struct Store {
    inner: Arc<MemoryBackend>,
    /// The faults of the next writes that end an attempt.
    pub(crate) faults: Mutex<Vec<Fault>>,
    pub(crate) max_result_bytes: AtomicUsize,
    /// Whether transitions settle messages. Off, as for a queue that is separate from the jobs.
    pub(crate) settles_messages: AtomicBool,
}

impl Store {
    fn fault_of(&self, change: &Change) -> Option<Fault> {
        if change.status.state() == State::Running {
            return None; // a claim or a heartbeat
        }
        let mut faults = self.faults.lock().unwrap();
        if faults.is_empty() { None } else { Some(faults.remove(0)) }
    }
}

#[async_trait]
impl JobStore for Store {
    fn capabilities(&self) -> Capabilities {
        let max_result_bytes = self.max_result_bytes.load(Ordering::SeqCst);
        let settles_messages = self.settles_messages.load(Ordering::SeqCst);
        Capabilities { max_result_bytes, settles_messages, ..self.inner.capabilities() }
    }

    async fn apply(&self, change: &Change) -> Result<(), StoreError> {
        let away = || Err(StoreError::Unavailable("away".into()));
        match self.fault_of(change) {
            None => self.inner.apply(change).await,
            Some(Fault::Before) => away(),
            Some(Fault::After) => self.inner.apply(change).await.and(away()),
            Some(Fault::Refuse) => Err(StoreError::Refused("no".into())),
        }
    }

    async fn create(&self, submissions: &[Submission]) -> Vec<Result<Created<JobId>, StoreError>> {
        self.inner.create(submissions).await
    }

    async fn read(&self, id: JobId, include: Include) -> Result<Option<Record>, StoreError> {
        self.inner.read(id, include).await
    }

    async fn get_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        self.inner.get_many(ids).await
    }

    async fn job_of_key(&self, key: &IdempotencyKey) -> Result<Option<JobId>, StoreError> {
        self.inner.job_of_key(key).await
    }

    async fn reusable(&self, keys: &[ResultKey]) -> Result<Vec<Option<JobId>>, StoreError> {
        self.inner.reusable(keys).await
    }

    async fn delete(&self, id: JobId) -> Result<bool, StoreError> {
        self.inner.delete(id).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Job, JobId>, StoreError> {
        self.inner.list(query).await
    }

    async fn overdue(
        &self,
        now: Timestamp,
        horizon: Duration,
        limit: usize,
    ) -> Result<Vec<JobId>, StoreError> {
        self.inner.overdue(now, horizon, limit).await
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.inner.purge(now, limit).await
    }

    async fn depth(&self) -> Result<pssp_jobs::Depth, StoreError> {
        self.inner.depth().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }

    async fn owned(&self, owner: &pssp_jobs::Owner) -> Result<u64, StoreError> {
        self.inner.owned(owner).await
    }

    async fn room(&self) -> Result<Option<pssp_jobs::Room>, StoreError> {
        self.inner.room().await
    }

    async fn time(&self) -> Result<Option<pssp_jobs::Timestamp>, StoreError> {
        self.inner.time().await
    }
}

/// A watch without events, as over a broken network.
struct Blind;

struct BlindWatcher;

impl JobWatch for Blind {
    fn watch(&self, _: JobId) -> Box<dyn Watcher> {
        Box::new(BlindWatcher)
    }
}

#[async_trait]
impl Watcher for BlindWatcher {
    async fn changed(&mut self) {
        std::future::pending().await
    }
}

// --- the test bed -----------------------------------------------------------------------------

pub(crate) struct Bed {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<Store>,
    pub(crate) jobs: Jobs,
    pub(crate) engine: Arc<Fake>,
    pub(crate) release: CancellationToken,
    pub(crate) worker: Arc<Worker>,
}

/// A policy with rare heartbeats, so that only events can end a computation.
pub(crate) fn slow_heartbeat() -> Policy {
    Policy { lease: Duration::from_hours(3), heartbeat: Duration::from_hours(1), ..Policy::default() }
}

/// A policy with very frequent heartbeats.
pub(crate) fn fast_heartbeat() -> Policy {
    Policy { heartbeat: Duration::from_millis(20), ..Policy::default() }
}

impl Bed {
    pub(crate) fn new(engine: Arc<Fake>) -> Self {
        Self::build(engine, slow_heartbeat(), false, 2)
    }

    /// A test bed with this policy and without events.
    pub(crate) fn blind(engine: Arc<Fake>, policy: Policy) -> Self {
        Self::build(engine, policy, true, 2)
    }

    pub(crate) fn build(engine: Arc<Fake>, policy: Policy, blind: bool, threads: usize) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
        let memory = Arc::new(MemoryBackend::new(clock.clone()));
        let max_result_bytes = AtomicUsize::new(usize::MAX);
        let settles_messages = AtomicBool::new(false);
        let store = Arc::new(Store {
            inner: memory.clone(),
            faults: Mutex::default(),
            max_result_bytes,
            settles_messages,
        });
        let mut backend = Backend { store: store.clone(), ..Backend::of(memory) };
        if blind {
            backend.watch = Arc::new(Blind);
        }
        let clock_port: Arc<dyn Clock> = clock.clone();
        let jobs = Jobs::new(backend, clock_port, policy).unwrap();
        let release = CancellationToken::new();
        let worker =
            Arc::new(Worker::new(jobs.clone(), engine.clone(), WorkerOptions { threads }, release.clone()));
        Self { clock, store, jobs, engine, release, worker }
    }

    pub(crate) async fn submit(&self) -> JobId {
        self.submit_after(Duration::ZERO).await
    }

    pub(crate) async fn submit_after(&self, delay: Duration) -> JobId {
        submit(&self.jobs, delay).await
    }

    pub(crate) async fn handle(&self, id: JobId) -> Disposition {
        handle(&self.worker, id).await
    }

    /// Handles a message in the background.
    pub(crate) fn spawn(&self, id: JobId) -> JoinHandle<Disposition> {
        let worker = self.worker.clone();
        tokio::spawn(async move { handle(&worker, id).await })
    }

    /// Handles a message in the background, and waits until the engine has had `calls` calls.
    pub(crate) async fn spawn_until(&self, id: JobId, calls: usize) -> JoinHandle<Disposition> {
        let handling = self.spawn(id);
        until("the engine is called", || self.engine.calls() >= calls).await;
        handling
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.store.get(id).await.unwrap().unwrap()
    }

    /// The lease of a running job expires, and a sweep finds it.
    pub(crate) async fn lose_lease(&self) {
        self.clock.advance(self.jobs.policy().lease * 2);
        self.jobs.sweep().await.unwrap();
    }
}

/// Handles a message as a host does: waits for a slot first.
pub(crate) async fn handle(worker: &Worker, id: JobId) -> Disposition {
    let slot = worker.reserve(1).await.pop().unwrap();
    worker.handle(Message::new(id), None, slot).await
}

pub(crate) async fn submit(jobs: &Jobs, delay: Duration) -> JobId {
    let new = NewJob::from("ACDEFGHIKL".parse::<Sequence>().unwrap());
    jobs.submit(&Owner::public(), new, delay, None).await.unwrap().value.id()
}

pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !done() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits for a handler in the background. Fails if it hangs.
pub(crate) async fn end(handling: JoinHandle<Disposition>) -> Disposition {
    tokio::time::timeout(LONG, handling).await.expect("the handler hangs").unwrap()
}

pub(crate) fn is_retry(disposition: Disposition) -> bool {
    matches!(disposition, Disposition::Retry { .. })
}
