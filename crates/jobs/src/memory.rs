//! The in-memory backend: for tests, and as the shortest example of a backend. It keeps every promise except
//! that its data does not survive the process. It passes the whole contract suite.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::hub::Hub;
use crate::id::{BatchId, JobId, Owner};
use crate::job::{Job, Phase, Request, State};
use crate::message::Message;
use crate::notice::Notice;
use crate::policy::MAX_DELAY;
use crate::ports::{
    BatchStore, Capabilities, Change, Created, DeadLetter, DeadLetters, Delivery, Depth, IdempotencyKey,
    Include, JobQueue, JobReceiver, JobStore, JobWatch, KeyStore, ListQuery, Notices, Page, Receipt, Record,
    Room, Submission, Watcher,
};
use crate::reuse::ResultKey;
use crate::stored_key::StoredKey;
use crate::time::{Clock, Timestamp};
use crate::transfer::{Arrived, Crossing, Entry, Scan, Transfer};

/// How often a waiting receiver checks whether a delayed message is due.
const RECEIVE_POLL: Duration = Duration::from_millis(20);

/// A backend that keeps everything in the memory of one process.
pub struct MemoryBackend {
    clock: Arc<dyn Clock>,
    hub: Hub,
    arrived: Notify,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    jobs: BTreeMap<JobId, Job>,
    requests: HashMap<JobId, Arc<Request>>,
    results: HashMap<JobId, Bytes>,
    reusable: HashMap<ResultKey, JobId>,
    batches: HashMap<BatchId, Batch>,
    job_keys: Keys<JobId>,
    batch_keys: Keys<BatchId>,
    dead: BTreeMap<JobId, (DeadLetter, Timestamp)>,
    notice: Option<Notice>,
    keys_of_callers: BTreeMap<String, StoredKey>,
    /// Arrivals: the name of a marker, the number of the move, and until when it is kept.
    arrived: HashMap<String, (u64, Timestamp)>,
    last_move: u64,
    queue: BTreeMap<u64, Queued>,
    next_entry: u64,
    turns: Turns,
}

/// Whose message is next. Every message that becomes ready gets the number of a turn, and messages are delivered
/// in the order of these numbers. A turn has one message of each owner.
#[derive(Default)]
struct Turns {
    /// The latest turn that was delivered.
    current: u64,
    /// The turn of the last ready message of each owner.
    last: HashMap<Owner, u64>,
}

impl Turns {
    /// The turn of the owner's next message.
    fn next(&mut self, owner: &Owner) -> u64 {
        let last = self.last.entry(owner.clone()).or_default();
        *last = self.current.max(*last) + 1;
        *last
    }
}

type Keys<Id> = HashMap<(Owner, String), (IdempotencyKey, Id)>;

struct Queued {
    body: String,
    visible_at: Timestamp,
    /// The turn of a message that is ready.
    turn: Option<u64>,
    receives: u32,
    receipt: u64,
}

impl MemoryBackend {
    /// An empty backend. The clock decides when messages are due.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, hub: Hub::default(), arrived: Notify::new(), tables: Mutex::default() }
    }

    /// Puts a raw body into the queue, as a foreign sender does.
    pub fn inject(&self, body: &str) {
        self.tables().enqueue(body.to_owned(), self.clock.now());
        self.arrived.notify_waiters();
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, max: usize, visibility: Duration) -> Vec<Delivery> {
        let now = self.clock.now();
        let tables = &mut *self.tables();
        tables.make_ready(now);
        let mut ready: Vec<(u64, u64)> =
            tables.queue.iter().filter_map(|(&key, entry)| Some((entry.turn?, key))).collect();
        ready.sort_unstable();
        if ready.len() <= max {
            tables.turns.last.clear();
        }
        ready
            .into_iter()
            .take(max)
            .filter_map(|(turn, key)| {
                tables.turns.current = tables.turns.current.max(turn);
                tables.next_entry += 1;
                let receipt = tables.next_entry;
                let entry = tables.queue.get_mut(&key)?;
                entry.visible_at = now.plus(visibility.min(MAX_DELAY * 2));
                entry.turn = None;
                entry.receives += 1;
                entry.receipt = receipt;
                let (body, receives) = (entry.body.clone(), entry.receives);
                let job = Message::decode(&body).ok();
                let record = job.and_then(|message| tables.read(message.job, Include::REQUEST));
                let receipt = Receipt::new(format!("{key}/{receipt}"));
                Some(Delivery { body, receives, receipt, record: record.map(Box::new) })
            })
            .collect()
    }
}

impl Tables {
    fn enqueue(&mut self, body: String, visible_at: Timestamp) {
        self.next_entry += 1;
        let entry = Queued { body, visible_at, turn: None, receives: 0, receipt: 0 };
        self.queue.insert(self.next_entry, entry);
    }

    /// Gives a turn to every message that is due. A message that is delivered again, or that belongs to no job, is
    /// next.
    fn make_ready(&mut self, now: Timestamp) {
        let is_due = |at: Timestamp| at <= now || at > now.plus(MAX_DELAY * 2);
        for entry in self.queue.values_mut().filter(|entry| entry.turn.is_none() && is_due(entry.visible_at))
        {
            let job = Message::decode(&entry.body).ok().and_then(|message| self.jobs.get(&message.job));
            entry.turn = Some(match job {
                Some(job) if entry.receives == 0 => self.turns.next(&job.head.owner),
                _ => self.turns.current,
            });
        }
    }

    /// The entry that a receipt still holds.
    fn owned(&mut self, receipt: &Receipt) -> Option<(u64, &mut Queued)> {
        let (key, token) = receipt.token().split_once('/')?;
        let (key, token): (u64, u64) = (key.parse().ok()?, token.parse().ok()?);
        self.queue.get_mut(&key).filter(|e| e.receipt == token).map(|e| (key, e))
    }

    fn create(&mut self, submission: &Submission, now: Timestamp) -> Result<Created<JobId>, StoreError> {
        let job = &submission.job;
        if let Some(key) = &submission.key
            && let Some(id) = known(&self.job_keys, key, now)?
        {
            return Ok(Created::Existing(id));
        }
        if self.jobs.contains_key(&job.id()) {
            return Err(StoreError::Exists);
        }
        match (&job.status.phase, &submission.result) {
            (Phase::Submitted { not_before, .. }, None) => {
                self.enqueue(Message::new(job.id()).encode(), *not_before);
            }
            (Phase::Finished { .. }, Some(result)) => {
                self.results.insert(job.id(), result.clone());
            }
            _ => return Err(StoreError::Conflict(job.fence())),
        }
        if let Some(key) = &submission.key {
            self.job_keys.insert((key.owner.clone(), key.key.clone()), (key.clone(), job.id()));
        }
        self.jobs.insert(job.id(), job.clone());
        self.requests.insert(job.id(), submission.request.clone());
        Ok(Created::New)
    }

    fn read(&self, id: JobId, include: Include) -> Option<Record> {
        let job = self.jobs.get(&id)?.clone();
        let request = self.requests.get(&id).filter(|_| include.request).cloned();
        let result = self.results.get(&id).filter(|_| include.result).cloned();
        Some(Record { job, request, result })
    }

    fn apply(&mut self, change: &Change, now: Timestamp) -> Result<(), StoreError> {
        let id = change.id;
        let stored = self.jobs.get_mut(&id).ok_or(StoreError::NotFound)?;
        if stored.fence() != change.expect {
            return Err(StoreError::Conflict(stored.fence()));
        }
        stored.status = change.status.clone();
        if let Some(result) = &change.result {
            self.results.insert(id, result.bytes.clone());
            self.reusable.extend(result.key.map(|key| (key, id)));
        }
        self.dead.remove(&id);
        self.dead.extend(DeadLetter::of_failed(id, &change.status).map(|letter| (id, letter)));
        if change.status.state().is_terminal() || change.send.is_some() {
            self.unqueue(id);
        }
        if let Some(delay) = change.send {
            self.enqueue(Message::new(id).encode(), now.plus(delay.min(MAX_DELAY)));
        }
        Ok(())
    }

    /// All entries by their places, in the order of a scan.
    fn entries(&self) -> BTreeMap<String, Entry> {
        let name = |key: &IdempotencyKey| base16ct::lower::encode_string(format!("{key:?}").as_bytes());
        let mut entries = BTreeMap::new();
        for (key, id) in self.job_keys.values() {
            entries.insert(format!("0/{}", name(key)), Entry::JobKey(key.clone(), *id));
        }
        for (key, id) in self.batch_keys.values() {
            entries.insert(format!("1/{}", name(key)), Entry::BatchKey(key.clone(), *id));
        }
        let batches = self.batches.values().cloned().map(Entry::Batch);
        let records = self.jobs.keys().filter_map(|id| self.read(*id, Include::ALL));
        let jobs = records.map(|record| Entry::Job(Box::new(record)));
        let letters = self.dead.values().filter(|(letter, _)| letter.job.is_none());
        let letters = letters.map(|(letter, at)| Entry::Letter { letter: letter.clone(), expires_at: *at });
        let notice = self.notice.clone().map(Entry::Notice);
        let api_keys = self.keys_of_callers.values().cloned().map(Entry::ApiKey);
        for (rank, entry) in (batches.map(|entry| (2, entry)))
            .chain(jobs.map(|entry| (3, entry)))
            .chain(letters.chain(notice).chain(api_keys).map(|entry| (4, entry)))
        {
            entries.extend(entry.marker().map(|name| (format!("{rank}/{name}"), entry)));
        }
        entries
    }

    fn arrive(&mut self, entry: &Entry, crossing: Crossing) -> Result<Arrived, StoreError> {
        self.last_move = self.last_move.max(crossing.number);
        let marker = entry.marker();
        if let Some((number, _)) = marker.as_ref().and_then(|name| self.arrived.get(name))
            && *number >= crossing.number
        {
            return Ok(Arrived::Before);
        }
        let new = match entry {
            Entry::Job(record) => self.land(record)?,
            Entry::Batch(batch) => absent(&mut self.batches, batch.id, || batch.clone()),
            Entry::JobKey(key, id) => put_if_free(&mut self.job_keys, key, *id, crossing.now),
            Entry::BatchKey(key, id) => put_if_free(&mut self.batch_keys, key, *id, crossing.now),
            Entry::Letter { letter, expires_at } => {
                let absent = !self.dead.contains_key(&letter.id);
                self.dead.entry(letter.id).or_insert_with(|| (letter.clone(), *expires_at));
                absent
            }
            Entry::Notice(notice) => {
                let absent = self.notice.is_none();
                self.notice.get_or_insert_with(|| notice.clone());
                absent
            }
            Entry::ApiKey(key) => {
                let absent = !self.keys_of_callers.contains_key(&key.id);
                self.keys_of_callers.entry(key.id.clone()).or_insert_with(|| key.clone());
                absent
            }
        };
        if let Some(name) = marker {
            self.arrived.insert(name, (crossing.number, crossing.markers_until()));
        }
        Ok(if new { Arrived::New } else { Arrived::Exists })
    }

    /// Stores a job that arrives, with all that belongs to it. Returns whether it was absent.
    fn land(&mut self, record: &Record) -> Result<bool, StoreError> {
        let (job, id) = (&record.job, record.job.id());
        if self.jobs.contains_key(&id) {
            return Ok(false);
        }
        let Some(request) = &record.request else { return Err(StoreError::Conflict(job.fence())) };
        match (&job.status.phase, &record.result) {
            (Phase::Submitted { not_before, .. }, None) => {
                self.enqueue(Message::new(id).encode(), *not_before);
            }
            (Phase::Finished { .. }, Some(result)) => {
                self.results.insert(id, result.clone());
            }
            (Phase::Failed { .. } | Phase::Cancelled { .. }, None) => {}
            _ => return Err(StoreError::Conflict(job.fence())),
        }
        self.dead.extend(DeadLetter::of_failed(id, &job.status).map(|letter| (id, letter)));
        self.jobs.insert(id, job.clone());
        self.requests.insert(id, request.clone());
        Ok(true)
    }

    /// Number of records of the kinds that expire.
    fn records(&self) -> usize {
        let keys = self.job_keys.len() + self.batch_keys.len();
        self.jobs.len() + self.batches.len() + keys + self.dead.len()
    }

    /// Deletes the messages of a job.
    fn unqueue(&mut self, id: JobId) {
        let body = Message::new(id).encode();
        self.queue.retain(|_, e| e.body != body);
    }

    fn remove(&mut self, id: JobId) -> bool {
        self.requests.remove(&id);
        self.results.remove(&id);
        self.reusable.retain(|_, job| *job != id);
        self.dead.remove(&id);
        self.unqueue(id);
        self.jobs.remove(&id).is_some()
    }
}

fn known<Id: Copy>(keys: &Keys<Id>, key: &IdempotencyKey, now: Timestamp) -> Result<Option<Id>, StoreError> {
    let kept = keys.get(&(key.owner.clone(), key.key.clone()));
    match kept.filter(|(stored, _)| stored.expires_at > now) {
        Some((stored, id)) if stored.digest == key.digest => Ok(Some(*id)),
        Some(_) => Err(StoreError::KeyReused),
        None => Ok(None),
    }
}

/// Inserts the value if there is none. Returns whether there was none.
fn absent<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>, key: K, value: impl FnOnce() -> V) -> bool {
    let absent = !map.contains_key(&key);
    map.entry(key).or_insert_with(value);
    absent
}

fn put_if_free<Id>(keys: &mut Keys<Id>, key: &IdempotencyKey, id: Id, now: Timestamp) -> bool {
    let name = (key.owner.clone(), key.key.clone());
    let free = keys.get(&name).is_none_or(|(known, _)| known.expires_at <= now);
    if free {
        keys.insert(name, (key.clone(), id));
    }
    free
}

#[async_trait]
impl JobStore for MemoryBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "memory",
            max_create: 1000,
            max_result_bytes: usize::MAX,
            resend_after: Duration::ZERO,
            settles_messages: true,
        }
    }

    async fn create(&self, submissions: &[Submission]) -> Vec<Result<Created<JobId>, StoreError>> {
        let now = self.clock.now();
        let outcomes = {
            let mut tables = self.tables();
            submissions.iter().map(|s| tables.create(s, now)).collect()
        };
        self.arrived.notify_waiters();
        outcomes
    }

    async fn read(&self, id: JobId, include: Include) -> Result<Option<Record>, StoreError> {
        Ok(self.tables().read(id, include))
    }

    async fn get_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        let tables = self.tables();
        Ok(ids.iter().map(|id| tables.jobs.get(id).cloned()).collect())
    }

    async fn job_of_key(&self, key: &IdempotencyKey) -> Result<Option<JobId>, StoreError> {
        known(&self.tables().job_keys, key, self.clock.now())
    }

    async fn reusable(&self, keys: &[ResultKey]) -> Result<Vec<Option<JobId>>, StoreError> {
        let tables = self.tables();
        Ok(keys.iter().map(|key| tables.reusable.get(key).copied()).collect())
    }

    async fn apply(&self, change: &Change) -> Result<(), StoreError> {
        self.tables().apply(change, self.clock.now())?;
        if change.send.is_some() {
            self.arrived.notify_waiters();
        }
        self.hub.notify(change.id);
        Ok(())
    }

    async fn delete(&self, id: JobId) -> Result<bool, StoreError> {
        let removed = self.tables().remove(id);
        self.hub.notify(id);
        Ok(removed)
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Job, JobId>, StoreError> {
        let tables = self.tables();
        let mut items = tables
            .jobs
            .values()
            .rev()
            .filter(|job| query.before.is_none_or(|before| job.id() < before))
            .filter(|job| job.head.owner == query.owner)
            .filter(|job| query.state.is_none_or(|state| job.state() == state))
            .cloned();
        let page: Vec<Job> = items.by_ref().take(query.limit).collect();
        let next = items.next().and(page.last()).map(|last| last.head.id);
        Ok(Page { items: page, next })
    }

    async fn overdue(
        &self,
        now: Timestamp,
        horizon: Duration,
        limit: usize,
    ) -> Result<Vec<JobId>, StoreError> {
        let tables = self.tables();
        let mut due: Vec<(Timestamp, JobId)> = tables
            .jobs
            .values()
            .filter_map(|job| job.status.due_at.map(|due| (due, job.id())))
            .filter(|(due, _)| *due <= now || *due > now.plus(horizon))
            .collect();
        due.sort_unstable();
        Ok(due.into_iter().take(limit).map(|(_, id)| id).collect())
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let tables = &mut *self.tables();
        let expired: Vec<JobId> =
            tables.jobs.values().filter(|job| job.status.is_expired(now)).map(Job::id).take(limit).collect();
        let before = tables.records();
        for id in &expired {
            tables.remove(*id);
        }
        tables.batches.retain(|_, batch| batch.expires_at > now);
        tables.job_keys.retain(|_, (key, _)| key.expires_at > now);
        tables.batch_keys.retain(|_, (key, _)| key.expires_at > now);
        tables.dead.retain(|_, (_, expires_at)| *expires_at > now);
        tables.arrived.retain(|_, (_, until)| *until > now);
        Ok(before - tables.records())
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        let tables = self.tables();
        let count = |state| tables.jobs.values().filter(|job| job.state() == state).count() as u64;
        Ok(Depth {
            submitted: count(State::Submitted),
            running: count(State::Running),
            dead: tables.dead.len() as u64,
        })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn owned(&self, owner: &Owner) -> Result<u64, StoreError> {
        Ok(self.tables().jobs.values().filter(|job| job.head.owner == *owner).count() as u64)
    }

    async fn room(&self) -> Result<Option<Room>, StoreError> {
        Ok(None)
    }

    async fn time(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(Some(self.clock.now()))
    }
}

#[async_trait]
impl BatchStore for MemoryBackend {
    async fn create_batch(
        &self,
        batch: &Batch,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created<BatchId>, StoreError> {
        let mut tables = self.tables();
        if let Some(key) = key {
            if let Some(id) = known(&tables.batch_keys, key, self.clock.now())? {
                return Ok(Created::Existing(id));
            }
            tables.batch_keys.insert((key.owner.clone(), key.key.clone()), (key.clone(), batch.id));
        }
        tables.batches.insert(batch.id, batch.clone());
        Ok(Created::New)
    }

    async fn seal_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        if let Some(stored) = self.tables().batches.get_mut(&batch.id) {
            *stored = batch.clone();
        }
        Ok(())
    }

    async fn batch_of_key(&self, key: &IdempotencyKey) -> Result<Option<BatchId>, StoreError> {
        known(&self.tables().batch_keys, key, self.clock.now())
    }

    async fn batch(&self, id: BatchId) -> Result<Option<Batch>, StoreError> {
        Ok(self.tables().batches.get(&id).cloned())
    }

    async fn delete_batch(&self, id: BatchId) -> Result<bool, StoreError> {
        Ok(self.tables().batches.remove(&id).is_some())
    }
}

#[async_trait]
impl DeadLetters for MemoryBackend {
    async fn bury(&self, letter: &DeadLetter, expires_at: Timestamp) -> Result<(), StoreError> {
        self.tables().dead.insert(letter.id, (letter.clone(), expires_at));
        Ok(())
    }

    async fn dead_letters(
        &self,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<Page<DeadLetter, JobId>, StoreError> {
        let tables = self.tables();
        let mut letters = tables
            .dead
            .values()
            .rev()
            .map(|(letter, _)| letter)
            .filter(|letter| before.is_none_or(|before| letter.id < before));
        let items: Vec<DeadLetter> = letters.by_ref().take(limit).cloned().collect();
        let next = letters.next().and(items.last()).map(|last| last.id);
        Ok(Page { items, next })
    }

    async fn discard(&self, id: JobId) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let foreign = tables.dead.get(&id).is_some_and(|(letter, _)| letter.job.is_none());
        Ok(foreign && tables.dead.remove(&id).is_some())
    }
}

#[async_trait]
impl Notices for MemoryBackend {
    async fn notice(&self) -> Result<Option<Notice>, StoreError> {
        Ok(self.tables().notice.clone())
    }

    async fn set_notice(&self, notice: Option<&Notice>) -> Result<(), StoreError> {
        self.tables().notice = notice.cloned();
        Ok(())
    }
}

#[async_trait]
impl KeyStore for MemoryBackend {
    async fn key(&self, id: &str) -> Result<Option<StoredKey>, StoreError> {
        Ok(self.tables().keys_of_callers.get(id).cloned())
    }

    async fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        Ok(self.tables().keys_of_callers.values().cloned().collect())
    }

    async fn put_key(&self, key: &StoredKey) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let used_at = tables.keys_of_callers.get(&key.id).and_then(|known| known.used_at);
        tables.keys_of_callers.insert(key.id.clone(), StoredKey { used_at, ..key.clone() });
        Ok(())
    }

    async fn touch_key(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        if let Some(key) = self.tables().keys_of_callers.get_mut(id) {
            key.used_at = Some(at);
        }
        Ok(())
    }

    async fn delete_key(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.tables().keys_of_callers.remove(id).is_some())
    }
}

#[async_trait]
impl JobQueue for MemoryBackend {
    async fn send(&self, message: &Message, delay: Duration) -> Result<(), StoreError> {
        let at = self.clock.now().plus(delay.min(MAX_DELAY));
        self.tables().enqueue(message.encode(), at);
        self.arrived.notify_waiters();
        Ok(())
    }
}

#[async_trait]
impl JobReceiver for MemoryBackend {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            let arrived = self.arrived.notified();
            let taken = self.take(max, visibility);
            if !taken.is_empty() || tokio::time::Instant::now() >= deadline {
                return Ok(taken);
            }
            let poll = (tokio::time::Instant::now() + RECEIVE_POLL).min(deadline);
            let _ = tokio::time::timeout_at(poll, arrived).await;
        }
    }

    async fn ack(&self, receipt: Receipt) -> Result<(), StoreError> {
        let mut tables = self.tables();
        if let Some((key, _)) = tables.owned(&receipt) {
            tables.queue.remove(&key);
        }
        Ok(())
    }

    async fn retry(&self, receipt: Receipt, after: Duration) -> Result<(), StoreError> {
        let at = self.clock.now().plus(after.min(MAX_DELAY));
        if let Some((_, entry)) = self.tables().owned(&receipt) {
            entry.visible_at = at;
            entry.turn = None;
            entry.receipt = 0;
        }
        self.arrived.notify_waiters();
        Ok(())
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<bool, StoreError> {
        let at = self.clock.now().plus(visibility.min(MAX_DELAY * 2));
        let mut tables = self.tables();
        let owned = tables.owned(receipt);
        Ok(owned.map(|(_, entry)| (entry.visible_at, entry.turn) = (at, None)).is_some())
    }
}

#[async_trait]
impl Transfer for MemoryBackend {
    async fn scan(&self, from: Option<&str>, limit: usize) -> Result<Scan, StoreError> {
        let entries = self.tables().entries();
        let after = (from.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let mut rest = entries.range::<str, _>(after);
        let taken: Vec<_> = rest.by_ref().take(limit).collect();
        let next = rest.next().and(taken.last()).map(|(place, _)| (*place).clone());
        let entries = taken.into_iter().map(|(_, entry)| entry.clone()).collect();
        Ok(Scan { entries, damaged: Vec::new(), next })
    }

    async fn arrive(&self, entries: &[Entry], crossing: Crossing) -> Vec<Result<Arrived, StoreError>> {
        let outcomes = {
            let mut tables = self.tables();
            entries.iter().map(|entry| tables.arrive(entry, crossing)).collect()
        };
        self.arrived.notify_waiters();
        for entry in entries {
            if let Entry::Job(record) = entry {
                self.hub.notify(record.job.id());
            }
        }
        outcomes
    }

    async fn last_move(&self) -> Result<u64, StoreError> {
        Ok(self.tables().last_move)
    }
}

impl JobWatch for MemoryBackend {
    fn watch(&self, id: JobId) -> Box<dyn Watcher> {
        self.hub.watch(id, None)
    }
}
