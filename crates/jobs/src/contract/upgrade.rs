//! Two releases on one store: the new release reads the data of the old one and completes its jobs.
//!
//! [`write()`] fills a store with data of every kind: jobs in every state, a batch, keys, a notice, dead letters
//! and a delivered message. The tests of a backend keep what an earlier release wrote as a file, open it, and
//! call [`read`]. They also call it after they have added fields that this release does not know, because
//! during a rolling update an old process reads records of the new release.

use std::time::Duration;

use pssp_predict::Method;
use pssp_predict::sequence::{CleanOptions, InputErrors, WarningCode, clean};

use super::{all_of, bytes, claim, owner};
use crate::backend::Backend;
use crate::batch::BatchItem;
use crate::id::JobId;
use crate::job::{Failure, FailureClass, Job, Phase, Request, State};
use crate::message::Message;
use crate::notice::{Level, Notice};
use crate::policy::Policy;
use crate::ports::Include;
use crate::service::{Claim, Jobs, Key, NewJob, Settled};
use crate::time::{ManualClock, Timestamp};

/// The time of [`write()`] in milliseconds: 2100-01-01. A server that deletes expired data by its own clock still
/// has all of it.
const WRITTEN_MS: i64 = 4_102_444_800_000;

/// An input that causes edits and a warning: lower case, selenocysteine, a stop, and very few residues.
const INPUT: &str = "mkU*\n";

/// A clock that starts at the time of [`write()`].
#[must_use]
pub fn clock() -> ManualClock {
    ManualClock::new(Timestamp::from_millis(WRITTEN_MS))
}

/// The use cases for [`write()`] and [`read`], on a clock from [`clock`].
///
/// # Panics
/// Never: the shipped policy is sound.
#[must_use]
pub fn jobs(backend: Backend, clock: std::sync::Arc<ManualClock>) -> Jobs {
    Jobs::new(backend, clock, Policy::default()).expect("the shipped policy is sound")
}

fn named(name: &str) -> NewJob {
    let cleaned = clean(INPUT.as_bytes(), &CleanOptions::default()).expect("an input");
    // The one that every release gives: the files of earlier ones have no other.
    let warnings: Vec<_> =
        cleaned.warnings.into_iter().filter(|warning| warning.code == WarningCode::ShortSequence).collect();
    assert!(!cleaned.edits.is_empty() && !warnings.is_empty());
    let request = Request::new(INPUT.to_owned(), cleaned.sequence, cleaned.edits);
    NewJob { name: Some(name.to_owned()), request, warnings }
}

fn key(name: &str) -> Key {
    Key { key: name.to_owned(), digest: [7; 32] }
}

fn method() -> Method {
    let [name, version, sha256] = ["net", "1", "c0ffee"].map(str::to_owned);
    Method { name, version, sha256, citation: String::new() }
}

fn broken() -> Failure {
    Failure::new(FailureClass::Method, "the engine broke")
}

async fn accept(jobs: &Jobs, name: &str, delay: Duration) -> JobId {
    jobs.submit(&owner(), named(name), delay, None).await.expect("submit").value.id()
}

/// Writes data of every kind into an empty store.
///
/// # Panics
/// If the store fails.
pub async fn write(jobs: &Jobs) {
    jobs.submit(&owner(), named("waits"), Duration::ZERO, Some(key("one"))).await.expect("submit");
    accept(jobs, "delayed", Duration::from_mins(10)).await;
    let retried = claim(jobs, accept(jobs, "retried", Duration::ZERO).await).await;
    jobs.retry(&retried, broken()).await.expect("retry");
    claim(jobs, accept(jobs, "runs", Duration::ZERO).await).await;
    let finished = claim(jobs, accept(jobs, "finished", Duration::ZERO).await).await;
    jobs.finish(&finished, bytes("the result")).await.expect("finish");
    let reusing = jobs.reusing(Some(method()));
    let computed = claim(&reusing, accept(&reusing, "computed", Duration::ZERO).await).await;
    reusing.finish(&computed, bytes("the result")).await.expect("finish");
    accept(&reusing, "reused", Duration::ZERO).await;
    let failed = claim(jobs, accept(jobs, "failed", Duration::ZERO).await).await;
    jobs.fail(&failed, broken()).await.expect("fail");
    let cancelled = accept(jobs, "cancelled", Duration::ZERO).await;
    jobs.cancel(&owner(), cancelled).await.expect("cancel");
    write_batch(jobs).await;
    jobs.bury("not ours".to_owned(), "undecodable".to_owned()).await.expect("bury");
    let until = Some(jobs.now().plus(Duration::from_hours(1)));
    let text = "the disk is replaced".to_owned();
    let notice = Notice { text, level: Level::Warning, from: None, until, pause_intake: true };
    jobs.post(Some(&notice)).await.expect("post");
    let receiver = jobs.receiver().expect("a receiver");
    let held = receiver.receive(1, Duration::ZERO, Duration::from_secs(30)).await.expect("receive");
    assert_eq!(held.len(), 1, "a delivered message that is never settled");
}

/// Why a record is refused.
pub(super) fn errors() -> InputErrors {
    clean(b"MK1?", &CleanOptions::default()).expect_err("no sequence")
}

async fn write_batch(jobs: &Jobs) {
    let refused = BatchItem::Rejected { name: Some("bad".to_owned()), errors: errors() };
    let records = vec![Ok(named("in a batch")), Err(refused)];
    jobs.submit_batch(&owner(), records, Some(key("two"))).await.expect("submit");
}

/// Reads all data that [`write()`] wrote, and completes the jobs.
///
/// # Panics
/// If data is missing or a job cannot be completed.
pub async fn read(jobs: &Jobs, clock: &ManualClock) {
    read_as(jobs, clock, State::Running).await;
}

/// The same for a store in which the data has arrived from another one: the running job was submitted again.
///
/// # Panics
/// As [`read`].
pub async fn read_arrived(jobs: &Jobs, clock: &ManualClock) {
    read_as(jobs, clock, State::Submitted).await;
}

async fn read_as(jobs: &Jobs, clock: &ManualClock, runs: State) {
    check_records(jobs, runs).await;
    check_keys(jobs).await;
    let letters = jobs.dead_letters(None, 10).await.expect("dead letters").items;
    let foreign = letters.iter().find(|letter| letter.job.is_none()).expect("the foreign message");
    assert_eq!((foreign.body.as_deref(), &*foreign.reason), (Some("not ours"), "undecodable"));
    assert!(jobs.discard(foreign.id).await.expect("discard"));
    let failed = letters.iter().find_map(|letter| letter.job).expect("the failed job");
    assert_eq!(letters.len(), 2);
    jobs.redrive(failed).await.expect("redrive");

    clock.advance(Duration::from_mins(15));
    let reclaimed = usize::from(runs == State::Running);
    assert_eq!(jobs.sweep().await.expect("sweep").reclaimed, reclaimed, "the lease of the running job");
    clock.advance(Policy::default().backoff_cap);
    assert_eq!(drain(jobs).await, 6, "waits, delayed, retried, runs, failed, in a batch");
    let open = all_of(owner(), 100);
    let states: Vec<State> =
        jobs.list(&open).await.expect("list").items.iter().map(|job| job.status.state()).collect();
    let finished = states.iter().filter(|state| **state == State::Finished).count();
    assert_eq!(finished, states.len() - 1, "all but the cancelled one: {states:?}");
    assert!(jobs.dead_letters(None, 10).await.expect("dead letters").items.is_empty());
}

async fn check_records(jobs: &Jobs, runs: State) {
    let page = jobs.list(&all_of(owner(), 100)).await.expect("list");
    assert_eq!(page.next, None);
    let is_reused = |job: &&Job| job.head.name.as_deref() == Some("reused");
    let reused = page.items.iter().find(is_reused).map(Job::id);
    // A store that was written before results were reused has two jobs fewer.
    assert_eq!(page.items.len(), if reused.is_some() { 10 } else { 8 });
    for listed in page.items {
        let found = jobs.find_with(&owner(), listed.id(), Include::REQUEST).await.expect("a listed job");
        assert_eq!(found.job, listed);
        let (request, wanted) = (found.request.as_deref().expect("the request"), named(""));
        assert_eq!((&request.input, &request.sequence), (&wanted.request.input, &wanted.request.sequence));
        assert_eq!(request.edits, wanted.request.edits);
        assert_eq!(found.warnings(), wanted.warnings);
        check_unchanged(jobs, &listed, runs).await;
    }
    let notice = jobs.notice().await.expect("a read").expect("the notice");
    assert_eq!((notice.level, notice.pause_intake), (Level::Warning, true));
    assert!(notice.until.is_some());
}

async fn check_unchanged(jobs: &Jobs, job: &Job, runs: State) {
    let name = job.head.name.as_deref().expect("a name");
    let (state, attempt, failures) = match name {
        "waits" | "delayed" | "in a batch" => (State::Submitted, 0, 0),
        "retried" => (State::Submitted, 1, 1),
        "runs" => (runs, 1, 0),
        "finished" | "computed" => (State::Finished, 1, 0),
        "reused" => (State::Finished, 0, 0),
        "failed" => (State::Failed, 1, 0),
        "cancelled" => (State::Cancelled, 0, 0),
        other => panic!("a job that was not written: {other}"),
    };
    let status = &job.status;
    assert_eq!((status.state(), status.attempt, status.failures), (state, attempt, failures), "{name}");
    assert_eq!(status.expires_at.is_some(), state.is_terminal(), "{name}");
    assert_eq!(status.reused, name == "reused");
    match &status.phase {
        Phase::Submitted { not_before, .. } => {
            assert_eq!(*not_before > job.head.created_at, matches!(name, "delayed" | "retried"), "{name}");
        }
        Phase::Finished { .. } => assert_eq!(jobs.result(job.id()).await.expect("a result"), "the result"),
        Phase::Failed { error, .. } => assert_eq!(*error, broken()),
        Phase::Running { .. } | Phase::Cancelled { .. } => {}
    }
    assert_eq!(job.head.batch.is_some(), name == "in a batch");
}

async fn check_keys(jobs: &Jobs) {
    let again = jobs.submit(&owner(), named("waits"), Duration::ZERO, Some(key("one"))).await;
    let again = again.expect("a known key");
    assert!(again.replayed && again.value.head.name.as_deref() == Some("waits"));
    let again = jobs.submit_batch(&owner(), vec![named("in a batch")], Some(key("two"))).await;
    let again = again.expect("a known key");
    assert!(again.replayed && again.value.sealed);
    let [BatchItem::Job(id), BatchItem::Rejected { name, .. }] = &again.value.items[..] else {
        panic!("{:?}", again.value.items);
    };
    assert_eq!(name.as_deref(), Some("bad"));
    let job = jobs.find(&owner(), *id).await.expect("the job of the batch");
    assert_eq!(job.head.batch.map(|batch| batch.id), Some(again.value.id));
}

/// Finishes the job of every message. Returns the number of jobs.
async fn drain(jobs: &Jobs) -> usize {
    let receiver = jobs.receiver().expect("a receiver");
    let mut done = 0;
    loop {
        let taken = receiver.receive(10, Duration::ZERO, Duration::from_secs(30)).await.expect("receive");
        if taken.is_empty() {
            return done;
        }
        for delivery in taken {
            let message = Message::decode(&delivery.body).expect("a message of a job");
            if let Claim::Claimed(job) = jobs.claim(message.job).await.expect("claim") {
                let settled = jobs.finish(&job, bytes("done later")).await.expect("finish");
                assert!(matches!(settled, Settled::Done(_)));
                done += 1;
            }
            receiver.ack(delivery.receipt).await.expect("ack");
        }
    }
}
