//! What a store keeps can move to another store: all of it is read, and it arrives once.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use crate::backend::Backend;
use crate::batch::BatchItem;
use crate::contract::{
    Harness, all_of, bytes, claim, jobs, named, new_job, owner, policy, receive, receiver, state, submit,
};
use crate::error::StoreError;
use crate::id::{BatchId, JobId, Owner};
use crate::job::{Failure, FailureClass, State};
use crate::memory::MemoryBackend;
use crate::message::Message;
use crate::notice::{Level, Notice};
use crate::ports::Include;
use crate::service::{Accepted, Claim, Claimed, Jobs, Key, Settled};
use crate::stored_key::KeyTerms;
use crate::transfer::{Arrived, Crossing, Entry, Kind};

/// How many more entries than were asked for a part may have: a store may read whole pages of a hash table.
const SLACK: usize = 8;

/// What [`fill`] made.
struct Filled {
    waiting: JobId,
    delayed: JobId,
    /// A running job as its worker holds it.
    running: Claimed,
    finished: JobId,
    failed: JobId,
    cancelled: JobId,
    batch: BatchId,
    letter: JobId,
    api_key: String,
}

fn key() -> Option<Key> {
    Some(Key { key: "order \"66\"\u{e9}".to_owned(), digest: [6; 32] })
}

fn other() -> Owner {
    Owner::new("another")
}

fn notice() -> Notice {
    let text = "the disk is replaced".to_owned();
    Notice { text, level: Level::Warning, from: None, until: None, pause_intake: false }
}

/// Fills a store with entries of every kind, and with jobs in every state and of two owners.
async fn fill(jobs: &Jobs, delay: Duration) -> Filled {
    let broken = Failure::new(FailureClass::Method, "the engine broke");
    let waiting = jobs.submit(&owner(), named("waits"), Duration::ZERO, key()).await.unwrap().value.id();
    let delayed = jobs.submit(&other(), new_job(), delay, None).await.unwrap().value.id();
    let finished = claim(jobs, submit(jobs).await.id()).await;
    jobs.finish(&finished, bytes("a result\u{0}")).await.unwrap();
    let failed = claim(jobs, submit(jobs).await.id()).await;
    jobs.fail(&failed, broken).await.unwrap();
    let cancelled = submit(jobs).await.id();
    jobs.cancel(&owner(), cancelled).await.unwrap();
    let running = claim(jobs, submit(jobs).await.id()).await;
    let refused =
        BatchItem::Rejected { name: Some("bad".to_owned()), errors: crate::contract::upgrade::errors() };
    let records = vec![Ok(new_job()), Err(refused)];
    let batch = jobs.submit_batch(&owner(), records, key()).await.unwrap().value.id;
    jobs.bury("not ours".to_owned(), "undecodable".to_owned()).await.unwrap();
    let letters = jobs.dead_letters(None, 10).await.unwrap().items;
    let letter = letters.iter().find(|letter| letter.job.is_none()).expect("the foreign message").id;
    jobs.post(Some(&notice())).await.unwrap();
    let (api_key, _) = jobs.create_key(KeyTerms::of(other())).await.unwrap();
    jobs.touch_key(&api_key.id).await.unwrap();
    let (finished, failed) = (finished.id(), failed.id());
    let api_key = api_key.id;
    Filled { waiting, delayed, running, finished, failed, cancelled, batch, letter, api_key }
}

/// A store in memory to move from, on the clock of the harness, and the use cases over it.
fn source<H: Harness>(h: &H) -> Jobs {
    let memory = Backend::of(Arc::new(MemoryBackend::new(h.clock())));
    Jobs::new(memory, h.clock(), policy()).expect("the suite's policy is sound")
}

/// All entries, read `limit` at a time.
async fn scan(backend: &Backend, limit: usize) -> Vec<Entry> {
    let (mut entries, mut from) = (Vec::new(), None);
    loop {
        let part = backend.transfer.scan(from.as_deref(), limit).await.unwrap();
        assert!(part.entries.len() <= limit + SLACK, "{} entries for {limit}", part.entries.len());
        assert_eq!(part.damaged, Vec::<String>::new());
        entries.extend(part.entries);
        let Some(next) = part.next else { return entries };
        assert!(next.bytes().all(|byte| byte.is_ascii_graphic()), "{next:?}");
        from = Some(next);
    }
}

/// By their names, so that the entries of two stores can be compared.
fn by_name(entries: Vec<Entry>) -> BTreeMap<String, Entry> {
    let count = entries.len();
    let name = |entry: &Entry| entry.marker().unwrap_or_else(|| format!("{entry:?}"));
    let named: BTreeMap<String, Entry> = entries.into_iter().map(|entry| (name(&entry), entry)).collect();
    assert_eq!(named.len(), count, "an entry was seen twice");
    named
}

async fn crossing(jobs: &Jobs, number: u64) -> Crossing {
    jobs.compare_clocks().await.unwrap();
    Crossing { number, now: jobs.now() }
}

/// Takes the entries, some at a time, as the move of this number. A call that fails for now is repeated.
async fn arrive(jobs: &Jobs, entries: &[Entry], number: u64) -> Vec<Arrived> {
    let crossing = crossing(jobs, number).await;
    let mut outcomes = Vec::new();
    for some in entries.chunks(5) {
        for (entry, mut outcome) in some.iter().zip(jobs.backend().transfer.arrive(some, crossing).await) {
            while matches!(outcome, Err(StoreError::Unavailable(_))) {
                let again = std::slice::from_ref(entry);
                outcome = jobs.backend().transfer.arrive(again, crossing).await.pop().expect("one outcome");
            }
            outcomes.push(outcome.unwrap());
        }
    }
    outcomes
}

/// The entries of a store as they arrive in another one.
async fn parcels(jobs: &Jobs) -> Vec<Entry> {
    let entries = scan(jobs.backend(), 100).await.into_iter();
    entries.map(|entry| entry.landing(jobs.now(), jobs.policy())).collect()
}

/// A scan sees every entry of every kind and owner, a job once, keys and batches before jobs. It goes on after a restart.
pub async fn a_scan_sees_everything<H: Harness>(h: &mut H) {
    let filled = fill(&jobs(h), Duration::from_mins(10)).await;
    let more: Vec<_> = (0..20).map(|_| new_job()).collect();
    jobs(h).submit_batch(&other(), more, None).await.unwrap();
    let mut entries = Vec::new();
    let mut from: Option<String> = None;
    loop {
        let part = h.backend().transfer.scan(from.as_deref(), 4).await.unwrap();
        assert!(part.entries.len() <= 4 + SLACK && part.damaged.is_empty());
        entries.extend(part.entries);
        let Some(next) = part.next else { break };
        if from.is_none() {
            h.reopen().await;
        }
        from = Some(next);
    }
    let place = |wanted: &dyn Fn(&Kind) -> bool| {
        let found = entries.iter().enumerate().filter(|(_, entry)| wanted(&entry.kind()));
        found.map(|(n, _)| n).collect::<Vec<_>>()
    };
    let first_job = place(&|kind| *kind == Kind::Job)[0];
    let before = place(&|kind| matches!(kind, Kind::Key | Kind::Batch));
    assert!(before.iter().all(|n| *n < first_job), "a key or a batch came after a job");
    let count = |wanted: Kind| entries.iter().filter(|entry| entry.kind() == wanted).count();
    let counts = [Kind::Job, Kind::Letter, Kind::Notice, Kind::ApiKey].map(count);
    assert_eq!(counts, [27, 1, 1, 1]);
    let jobs = jobs(h);
    for entry in
        by_name(entries.into_iter().filter(|entry| entry.kind() == Kind::Job).collect()).into_values()
    {
        let Entry::Job(record) = entry else { continue };
        let stored = jobs.backend().store.read(record.job.id(), Include::ALL).await.unwrap();
        assert_eq!(Some(*record), stored);
    }
    let entries = by_name(scan(&h.backend(), 100).await);
    assert!(entries.contains_key(&format!("batch/{}", filled.batch)));
    assert!(entries.contains_key(&format!("letter/{}", filled.letter)));
    let keys = entries.values().filter_map(|entry| match entry {
        Entry::JobKey(key, id) => Some((&key.key, key.digest, Ok(*id))),
        Entry::BatchKey(key, id) => Some((&key.key, key.digest, Err(*id))),
        _ => None,
    });
    let Key { key, digest } = key().expect("a key");
    let keys: Vec<_> = keys.collect();
    assert!(keys.contains(&(&key, digest, Ok(filled.waiting))), "{keys:?}");
    assert!(keys.contains(&(&key, digest, Err(filled.batch))), "{keys:?}");
    let Entry::ApiKey(stored) = &entries[&format!("api-key/{}", filled.api_key)] else { panic!("no key") };
    assert_eq!(Some(stored), jobs.key(&filled.api_key).await.unwrap().as_ref());
    assert!(stored.used_at.is_some());
}

/// While a store is scanned, jobs are made, claimed, finished and deleted. Every job that was there all the time is seen
/// once.
pub async fn a_scan_misses_nothing_while_others_write<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let records: Vec<_> = (0..36).map(|_| new_job()).collect();
    let batch = jobs.submit_batch(&owner(), records, None).await.unwrap().value;
    let ids: Vec<JobId> = batch.jobs().collect();
    let (mut seen, mut deleted) = (Vec::new(), HashSet::new());
    let (mut from, mut step): (Option<String>, usize) = (None, 0);
    loop {
        let part = jobs.backend().transfer.scan(from.as_deref(), 5).await.unwrap();
        seen.extend(part.entries.iter().filter_map(|entry| match entry {
            Entry::Job(record) => Some(record.job.id()),
            _ => None,
        }));
        let Some(next) = part.next else { break };
        from = Some(next);
        if step < 9 {
            let [first, second, third, _] = [0, 1, 2, 3].map(|n| ids[4 * step + n]);
            let running = claim(&jobs, first).await;
            claim(&jobs, second).await;
            jobs.finish(&running, bytes("done")).await.unwrap();
            assert!(jobs.delete(&owner(), third).await.unwrap());
            deleted.insert(third);
            submit(&jobs).await;
        }
        step += 1;
    }
    let distinct: HashSet<JobId> = seen.iter().copied().collect();
    assert_eq!(distinct.len(), seen.len(), "a job was seen twice");
    let missed: Vec<_> = ids.iter().filter(|id| !deleted.contains(*id) && !distinct.contains(*id)).collect();
    assert!(missed.is_empty(), "not seen: {missed:?}");
}

/// Whatever a store held is in the other one as it was, after a restart too: it is found, listed and read, a key leads
/// to it, and the jobs that wait are delivered and finish.
pub async fn everything_arrives_as_it_was<H: Harness>(h: &mut H) {
    let from = source(h);
    let filled = fill(&from, Duration::from_mins(10)).await;
    let parcels = parcels(&from).await;
    let outcomes = arrive(&jobs(h), &parcels, 3).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Arrived::New), "{outcomes:?}");
    h.reopen().await;
    let jobs = jobs(h);
    assert_eq!(jobs.backend().transfer.last_move().await.unwrap(), 3);
    let (sent, there) = (by_name(parcels), by_name(scan(jobs.backend(), 100).await));
    assert_eq!(sent.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
    for (name, entry) in &sent {
        assert_eq!(entry, &there[name]);
    }
    let listed = jobs.list(&all_of(owner(), 100)).await.unwrap().items;
    assert_eq!(listed.len(), 6);
    assert_eq!(jobs.list(&all_of(other(), 100)).await.unwrap().items.len(), 1);
    assert_eq!(jobs.result(filled.finished).await.unwrap(), bytes("a result\u{0}"));
    let letters = jobs.dead_letters(None, 10).await.unwrap().items;
    let letters: HashSet<_> = letters.into_iter().map(|letter| letter.id).collect();
    assert_eq!(letters, HashSet::from([filled.letter, filled.failed]));
    assert_eq!(jobs.notice().await.unwrap(), Some(notice()));
    let Accepted { value, replayed, .. } =
        jobs.submit(&owner(), new_job(), Duration::ZERO, key()).await.unwrap();
    assert_eq!((value.id(), replayed), (filled.waiting, true));
    let again = jobs.submit_batch(&owner(), vec![new_job()], key()).await.unwrap();
    assert_eq!((again.value.id, again.replayed), (filled.batch, true));
    let depth = jobs.depth().await.unwrap();
    assert!(depth.dead == 2 && depth.submitted <= 4, "{depth:?}");

    jobs.redrive(filled.failed).await.unwrap();
    let finished = drain(h, &jobs, 4).await;
    assert!(finished.contains(&filled.waiting) && finished.contains(&filled.running.id()));
    assert_eq!(state(&jobs, filled.failed).await, State::Finished);
    assert_eq!(state(&jobs, filled.cancelled).await, State::Cancelled);
    assert_eq!(jobs.get(filled.delayed).await.unwrap().unwrap().state(), State::Submitted);
    assert!(jobs.cancel(&other(), filled.delayed).await.is_ok());
}

/// Receives and finishes `count` jobs. Their messages come without a sweep.
async fn drain<H: Harness>(h: &H, jobs: &Jobs, count: usize) -> Vec<JobId> {
    let mut finished = Vec::new();
    for _ in 0..100 {
        for delivery in receive(h, 10).await {
            let id = Message::decode(&delivery.body).expect("a message of a job").job;
            if let Claim::Claimed(job) = jobs.claim(id).await.unwrap() {
                assert!(matches!(jobs.finish(&job, bytes("done")).await.unwrap(), Settled::Done(_)));
                finished.push(id);
            }
            receiver(h).ack(delivery.receipt).await.unwrap();
        }
        if finished.len() >= count {
            break;
        }
    }
    assert_eq!(finished.len(), count, "the messages of some jobs did not come");
    finished
}

/// No message leads to a job that can be claimed. (A queue may still have messages of jobs that are gone.)
async fn nothing_is_left<H: Harness>(h: &H, jobs: &Jobs) {
    for delivery in receive(h, 10).await {
        let id = Message::decode(&delivery.body).expect("a message of a job").job;
        let claim = jobs.claim(id).await.unwrap();
        assert!(matches!(claim, Claim::Missing | Claim::Settled(_)), "{claim:?}");
        receiver(h).ack(delivery.receipt).await.unwrap();
    }
}

/// An arrival that is repeated changes nothing, and brings nothing back that was deleted since, of whatever kind. A
/// later move brings it again.
pub async fn an_arrival_happens_once<H: Harness>(h: &mut H) {
    let from = source(h);
    let filled = fill(&from, Duration::from_mins(10)).await;
    let parcels: Vec<Entry> =
        parcels(&from).await.into_iter().filter(|entry| entry.marker().is_some()).collect();
    let jobs = jobs(h);
    arrive(&jobs, &parcels, 2).await;
    let finished = claim(&jobs, filled.waiting).await;
    jobs.finish(&finished, bytes("after the move")).await.unwrap();
    for number in [2, 1] {
        let again = arrive(&jobs, &parcels, number).await;
        assert!(again.iter().all(|outcome| *outcome == Arrived::Before), "{again:?}");
    }
    assert_eq!(jobs.result(filled.waiting).await.unwrap(), bytes("after the move"));
    let ids: Vec<JobId> =
        jobs.list(&all_of(owner(), 100)).await.unwrap().items.iter().map(|j| j.id()).collect();
    for id in ids {
        assert!(jobs.delete(&owner(), id).await.unwrap());
    }
    assert!(jobs.delete(&other(), filled.delayed).await.unwrap());
    assert!(jobs.backend().batches.delete_batch(filled.batch).await.unwrap());
    assert!(jobs.discard(filled.letter).await.unwrap());
    assert!(jobs.revoke_key(&filled.api_key).await.unwrap());
    jobs.post(None).await.unwrap();
    h.reopen().await;
    let jobs = crate::contract::jobs(h);
    let again = arrive(&jobs, &parcels, 2).await;
    assert!(again.iter().all(|outcome| *outcome == Arrived::Before), "{again:?}");
    assert_eq!(scan(jobs.backend(), 100).await, Vec::new(), "nothing has come back");
    nothing_is_left(h, &jobs).await;
    let later = arrive(&jobs, &parcels, 3).await;
    assert!(later.iter().all(|outcome| *outcome == Arrived::New), "{later:?}");
    assert_eq!(by_name(scan(jobs.backend(), 100).await), by_name(parcels));
}

/// What is there under the same name stays as it is, and is told.
pub async fn what_exists_is_not_replaced<H: Harness>(h: &mut H) {
    let from = source(h);
    let filled = fill(&from, Duration::ZERO).await;
    let parcels = parcels(&from).await;
    let jobs = jobs(h);
    // The same jobs are here and have gone on; the key leads to another job.
    arrive(&jobs, &parcels, 1).await;
    for entry in &parcels {
        if let Entry::Job(record) = entry
            && record.job.state() == State::Submitted
        {
            let running = claim(&jobs, record.job.id()).await;
            jobs.finish(&running, bytes("here")).await.unwrap();
        }
    }
    let before = by_name(scan(jobs.backend(), 100).await);
    let outcomes = arrive(&jobs, &parcels, 2).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Arrived::Exists), "{outcomes:?}");
    assert_eq!(by_name(scan(jobs.backend(), 100).await), before);
    assert_eq!(jobs.result(filled.waiting).await.unwrap(), bytes("here"));
}

/// A job that ran when it left waits when it arrives. Its worker elsewhere cannot finish it here, whether the job has
/// been claimed again or not.
pub async fn a_running_job_is_submitted_when_it_arrives<H: Harness>(h: &mut H) {
    let from = source(h);
    let old = claim(&from, submit(&from).await.id()).await;
    let jobs = jobs(h);
    arrive(&jobs, &parcels(&from).await, 1).await;
    let job = jobs.find(&owner(), old.id()).await.unwrap();
    assert_eq!((job.state(), job.status.attempt), (State::Submitted, 1));
    assert_eq!(job.status.started_at, old.job.status.started_at);
    assert_eq!(jobs.finish(&old, bytes("late")).await.unwrap(), Settled::Stale);
    let again = claim(&jobs, old.id()).await;
    assert_eq!(again.status.attempt, 2);
    assert_eq!(jobs.finish(&old, bytes("late")).await.unwrap(), Settled::Stale);
    jobs.finish(&again, bytes("in time")).await.unwrap();
    assert_eq!(jobs.result(old.id()).await.unwrap(), bytes("in time"));
    // A store takes no job that runs: nobody would hold its lease.
    let running = claim(&from, submit(&from).await.id()).await;
    let record = from.backend().store.read(running.id(), Include::ALL).await.unwrap().expect("the job");
    let entry = [Entry::Job(Box::new(record))];
    let outcome = jobs.backend().transfer.arrive(&entry, crossing(&jobs, 1).await).await;
    assert!(matches!(outcome[..], [Err(StoreError::Conflict(_))]), "{outcome:?}");
    assert_eq!(jobs.get(running.id()).await.unwrap(), None);
}

/// Many processes bring the same entries at the same time: each arrives once.
pub async fn concurrent_arrivals_have_one_winner<H: Harness>(h: &mut H) {
    let from = source(h);
    fill(&from, Duration::ZERO).await;
    let parcels: Vec<Entry> =
        parcels(&from).await.into_iter().filter(|entry| entry.marker().is_some()).collect();
    let jobs = jobs(h);
    let tasks = (0..6).map(|_| {
        let (jobs, parcels) = (jobs.clone(), parcels.clone());
        tokio::spawn(async move { arrive(&jobs, &parcels, 1).await })
    });
    let outcomes: Vec<Vec<Arrived>> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    for (n, entry) in parcels.iter().enumerate() {
        let new = outcomes.iter().filter(|outcome| outcome[n] == Arrived::New).count();
        assert_eq!(new, 1, "{:?}", entry.marker());
    }
    assert_eq!(by_name(scan(jobs.backend(), 100).await), by_name(parcels));
    drain(h, &jobs, 4).await;
    nothing_is_left(h, &jobs).await;
}

/// A delayed job waits for its time where it arrives.
pub async fn a_delayed_job_arrives_delayed<H: Harness>(h: &mut H) {
    let from = source(h);
    let delayed = from.submit(&owner(), new_job(), Duration::from_secs(4), None).await.unwrap().value;
    let jobs = jobs(h);
    arrive(&jobs, &parcels(&from).await, 1).await;
    assert!(receive(h, 1).await.is_empty(), "its time has not come");
    assert!(matches!(jobs.claim(delayed.id()).await.unwrap(), Claim::Wait(_)));
    h.advance(Duration::from_secs(4)).await;
    assert_eq!(drain(h, &jobs, 1).await, [delayed.id()]);
}
