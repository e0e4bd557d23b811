//! Runs the cases, one after the other, each in a namespace of its own.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::FutureExt as _;
use pssp_jobs::contract::counting::{Counting, Counts};
use pssp_jobs::contract::{CASES, Case, Harness};
use pssp_jobs::{Backend, Clock};

use crate::report::{Outcome, Promise, Report, Result as CaseResult};
use crate::{Home, ON_STORE_TIME};

/// The case in which calls fail before and after they took effect. It runs only if it is asked for.
const FAULTS: &str = "faults_lose_and_duplicate_no_job";

/// About the calls of all cases, rounded up. A test compares it with what they make.
const CALLS: usize = 12_000;

/// About the calls of the case with faults.
const CALLS_OF_FAULTS: usize = 3_000;

/// Which cases run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Also the drain whose calls fail before and after they took effect.
    pub faults: bool,
    /// Only the cases whose names contain this.
    pub only: Option<String>,
}

/// What a run will do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the namespaces are made.
    pub place: String,
    /// Number of cases. If the store has a time of its own, some run a second time on that.
    pub cases: usize,
    /// About the calls of store, receiver and transfer, at most, if every case runs.
    pub calls: Option<usize>,
}

impl Options {
    fn takes(&self, case: &Case) -> bool {
        (self.faults || case.name != FAULTS)
            && self.only.as_ref().is_none_or(|part| case.name.contains(&part.replace(' ', "_")))
    }

    /// What a run with these options will do.
    #[must_use]
    pub fn plan(&self, home: &dyn Home) -> Plan {
        let cases = CASES.iter().filter(|case| self.takes(case)).count();
        let all = CALLS + if self.faults { CALLS_OF_FAULTS } else { 0 };
        let calls = self.only.is_none().then_some(all);
        Plan { place: home.place(), cases, calls }
    }
}

/// Runs the cases and tells each outcome as it comes. When `stop` completes, the case that runs is left, its namespace is
/// deleted, and no further case begins.
///
/// # Errors
/// A namespace could not be made, or the first one not be deleted; the text names the remedy and what is left.
pub async fn run(
    home: &dyn Home,
    options: &Options,
    stop: impl Future<Output = ()>,
    mut tell: impl FnMut(&'static str, &Outcome),
) -> Result<Report, String> {
    let mut stop = std::pin::pin!(stop);
    // A store that cannot be used at all is an error and not seventy failed cases.
    let mut first = home.fresh().await?;
    // Else a namespace of every case would be left.
    first.remove().await?;
    let mut left: Vec<String> = Vec::new();
    let mut promises: Vec<Promise> = Vec::new();
    let (mut calls, mut stopped) = (0, false);
    let panics = Panics::catch();
    'cases: for case in CASES.iter().filter(|case| options.takes(case)) {
        for on_store_time in [false, true] {
            let began = Instant::now();
            let made = match on_store_time {
                false => home.fresh().await.map(Some),
                true if ON_STORE_TIME.contains(&case.name) => home.fresh_on_store_time().await,
                true => Ok(None),
            };
            let result = match made {
                Ok(None) => continue,
                // The store is gone. The other cases would only say that again.
                Err(why) => return Err(left.into_iter().chain([why]).collect::<Vec<_>>().join("; ")),
                Ok(Some(harness)) => {
                    let tally = Tally::default();
                    let counted = Counted { inner: harness, tally: tally.clone() };
                    let mut harness: Box<dyn Harness> = Box::new(counted);
                    let result = tokio::select! {
                        result = run_case(case, &mut harness, &panics) => Some(result),
                        () = &mut stop => None,
                    };
                    calls += tally.calls();
                    left.extend(harness.remove().await.err());
                    let Some(result) = result else {
                        stopped = true;
                        break 'cases;
                    };
                    result
                }
            };
            let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let outcome = Outcome { case: case.name, on_store_time, result, ms };
            tell(case.promise(), &outcome);
            match promises.last_mut() {
                Some(last) if last.promise == case.promise() => last.cases.push(outcome),
                _ => promises.push(Promise { promise: case.promise(), cases: vec![outcome] }),
            }
        }
    }
    Ok(Report { backend: home.name(), place: home.place(), promises, calls, left, stopped })
}

async fn run_case(case: &Case, harness: &mut Box<dyn Harness>, panics: &Panics) -> CaseResult {
    if let Some(why) = harness.deviation(case.name) {
        return CaseResult::Deviation { why: why.to_owned() };
    }
    panics.clear();
    match AssertUnwindSafe((case.run)(harness)).catch_unwind().await {
        Ok(()) => CaseResult::Passed,
        Err(_) => CaseResult::Failed { why: panics.first() },
    }
}

/// Keeps the texts of panics, which are how a case tells what it found, instead of printing them.
struct Panics {
    texts: Arc<Mutex<Vec<String>>>,
}

impl Panics {
    fn catch() -> Self {
        let texts = Arc::new(Mutex::new(Vec::new()));
        let kept = texts.clone();
        std::panic::set_hook(Box::new(move |panic| {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
        }));
        Self { texts }
    }

    fn clear(&self) {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The first one: later ones follow from it.
    fn first(&self) -> String {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.first().cloned().unwrap_or_else(|| "it ended early".to_owned())
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        drop(std::panic::take_hook());
    }
}

/// The calls of a case, over all backends that it opened.
#[derive(Clone, Default)]
struct Tally(Arc<Mutex<Vec<Arc<Counts>>>>);

impl Tally {
    fn calls(&self) -> u64 {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|counts| (counts.take_calls().len() + counts.take_receives()) as u64).sum()
    }
}

/// A harness whose calls are counted.
struct Counted {
    inner: Box<dyn Harness>,
    tally: Tally,
}

#[async_trait]
impl Harness for Counted {
    fn backend(&self) -> Backend {
        let (backend, counts) = Counting::wrap(&self.inner.backend());
        self.tally.0.lock().unwrap_or_else(PoisonError::into_inner).push(counts);
        backend
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    async fn advance(&self, by: Duration) {
        self.inner.advance(by).await;
    }

    async fn reopen(&mut self) {
        self.inner.reopen().await;
    }

    async fn inject(&self, body: &str) {
        self.inner.inject(body).await;
    }

    fn deviation(&self, case: &str) -> Option<&'static str> {
        self.inner.deviation(case)
    }

    async fn remove(&mut self) -> Result<(), String> {
        self.inner.remove().await
    }

    fn random_histories(&self) -> u32 {
        self.inner.random_histories()
    }
}
