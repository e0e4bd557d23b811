//! Stores that fail while entries are read or arrive.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pssp_jobs::transfer::Kind;
use pssp_jobs::{Arrived, Backend, Crossing, Entry, Scan, StoreError, Transfer};
use pssp_moving::archive::{Reader, Writer};
use pssp_moving::export::{MoveError, export};
use pssp_moving::import::import;

use crate::support::{Store, header};

/// A store of which every third call fails, before or after it took effect.
struct Failing {
    inner: Backend,
    calls: AtomicUsize,
    /// What becomes of an entry that is refused for itself.
    refused: Option<fn(&Entry) -> bool>,
    /// Whether every call fails.
    down: bool,
}

impl Failing {
    fn wrap(inner: &Backend, refused: Option<fn(&Entry) -> bool>, down: bool) -> Backend {
        let failing = Self { inner: inner.clone(), calls: AtomicUsize::new(0), refused, down };
        Backend { transfer: Arc::new(failing), ..inner.clone() }
    }

    fn fails(&self) -> Option<usize> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        (self.down || call.is_multiple_of(3)).then_some(call)
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("it is away".into())
}

#[async_trait::async_trait]
impl Transfer for Failing {
    async fn scan(&self, from: Option<&str>, limit: usize) -> Result<Scan, StoreError> {
        if self.fails().is_some() { Err(gone()) } else { self.inner.transfer.scan(from, limit.min(3)).await }
    }

    async fn arrive(&self, entries: &[Entry], crossing: Crossing) -> Vec<Result<Arrived, StoreError>> {
        match self.fails() {
            Some(call) => {
                if call % 2 == 0 && !self.down {
                    self.inner.transfer.arrive(entries, crossing).await;
                }
                entries.iter().map(|_| Err(gone())).collect()
            }
            None => {
                let mut outcomes = self.inner.transfer.arrive(entries, crossing).await;
                for (entry, outcome) in entries.iter().zip(&mut outcomes) {
                    if self.refused.is_some_and(|refused| refused(entry)) {
                        *outcome = Err(StoreError::TooLarge("it needs 500000 bytes".to_owned()));
                    }
                }
                outcomes
            }
        }
    }

    async fn last_move(&self) -> Result<u64, StoreError> {
        self.inner.transfer.last_move().await
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_fail_for_now_are_repeated() {
    let source = Store::filled().await;
    let failing = Failing::wrap(source.backend(), None, false);
    let writer = Writer::begin(Vec::new(), &header(&*source.clock)).unwrap();
    let (archive, end) = export(&failing, &*source.clock, writer, None, |_| {}).await.unwrap();
    assert_eq!(end.totals.all_jobs(), 10);

    let store = Store::new();
    let failing = Failing::wrap(store.backend(), None, false);
    let reader = Reader::open(Cursor::new(&archive)).unwrap();
    let imported = import(&failing, &*store.clock, store.jobs.policy(), reader, None, |_| {}).await.unwrap();
    let jobs = &imported.counts[&Kind::Job];
    assert_eq!((jobs.new + jobs.before, jobs.failed, jobs.existing), (10, 0, 0));
    pssp_jobs::contract::upgrade::read_arrived(&store.jobs, &store.clock).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_ends_the_move_with_its_error() {
    let source = Store::filled().await;
    let down = Failing::wrap(source.backend(), None, true);
    let writer = Writer::begin(Vec::new(), &header(&*source.clock)).unwrap();
    let error = export(&down, &*source.clock, writer, None, |_| {}).await.unwrap_err();
    assert!(matches!(&error, MoveError::Store(StoreError::Unavailable(_))), "{error}");
    let archive = source.archive(4096).await;
    let store = Store::new();
    let down = Failing::wrap(store.backend(), None, true);
    let reader = Reader::open(Cursor::new(&archive)).unwrap();
    let outcome = import(&down, &*store.clock, store.jobs.policy(), reader, None, |_| {}).await;
    let error = outcome.unwrap_err();
    assert!(error.to_string().contains("it is away"), "{error}");
}

/// One entry that does not fit keeps no other one out, and is named.
#[tokio::test]
async fn an_entry_that_does_not_fit_is_named() {
    let archive = Store::filled().await.archive(4096).await;
    let store = Store::new();
    let failing = Failing::wrap(store.backend(), Some(|entry| entry.kind() == Kind::Batch), false);
    let reader = Reader::open(Cursor::new(&archive)).unwrap();
    let imported = import(&failing, &*store.clock, store.jobs.policy(), reader, None, |_| {}).await.unwrap();
    assert_eq!(imported.counts[&Kind::Batch].failed, 1);
    assert_eq!(imported.counts[&Kind::Job].new + imported.counts[&Kind::Job].before, 10);
    let [failure] = &imported.failures[..] else { panic!("{:?}", imported.failures) };
    assert!(failure.starts_with("batch/") && failure.ends_with("it needs 500000 bytes"), "{failure}");
}
