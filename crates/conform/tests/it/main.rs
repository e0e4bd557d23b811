//! The runner tells what a backend keeps, and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a failed expectation is how a test fails")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pssp_conform::contract::{CASES, Harness};
use pssp_conform::{CaseResult, Home, Options, Report, home, run};
use pssp_jobs::{Backend, Clock, Delivery, JobReceiver, Receipt, StoreError};

async fn report(home: &dyn Home, options: &Options) -> Report {
    run(home, options, std::future::pending(), |_, _| ()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_that_keeps_everything_passes() {
    let memory = home("memory:").unwrap();
    let options = Options { faults: true, only: None };
    let plan = options.plan(memory.as_ref());
    let report = report(memory.as_ref(), &options).await;
    assert!(report.is_kept(), "{report:#?}");
    assert_eq!((report.outcomes().count(), plan.cases), (CASES.len(), CASES.len()));
    assert_eq!(Options::default().plan(memory.as_ref()).cases, CASES.len() - 1);
    assert!(report.calls > 1000 && report.calls <= plan.calls.unwrap() as u64, "{} calls", report.calls);
    println!("{} calls", report.calls);
}

/// A backend that hides no message for longer, and says that it does.
struct Careless;

struct Lossy(Box<dyn Harness>);

struct Forgets(Arc<dyn JobReceiver>);

#[async_trait]
impl JobReceiver for Forgets {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.0.receive(max, wait, visibility).await
    }

    async fn ack(&self, receipt: Receipt) -> Result<(), StoreError> {
        self.0.ack(receipt).await
    }

    async fn retry(&self, receipt: Receipt, after: Duration) -> Result<(), StoreError> {
        self.0.retry(receipt, after).await
    }

    async fn extend(&self, _: &Receipt, _: Duration) -> Result<bool, StoreError> {
        Ok(true)
    }
}

#[async_trait]
impl Home for Careless {
    fn name(&self) -> &'static str {
        "careless"
    }

    fn place(&self) -> String {
        "nowhere".to_owned()
    }

    async fn fresh(&self) -> Result<Box<dyn Harness>, String> {
        Ok(Box::new(Lossy(home("memory:")?.fresh().await?)))
    }
}

#[async_trait]
impl Harness for Lossy {
    fn backend(&self) -> Backend {
        let backend = self.0.backend();
        let receiver = backend.receiver.clone().map(|inner| Arc::new(Forgets(inner)) as Arc<dyn JobReceiver>);
        Backend { receiver, ..backend }
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.0.clock()
    }

    async fn advance(&self, by: Duration) {
        self.0.advance(by).await;
    }

    async fn reopen(&mut self) {
        self.0.reopen().await;
    }

    async fn inject(&self, body: &str) {
        self.0.inject(body).await;
    }

    fn deviation(&self, case: &str) -> Option<&'static str> {
        (case == "depth_counts").then_some("it cannot count")
    }

    async fn remove(&mut self) -> Result<(), String> {
        self.0.remove().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_promise_is_told_with_its_case() {
    let only = |part: &str| Options { faults: false, only: Some(part.to_owned()) };
    let report = report(&Careless, &only("extend")).await;
    assert!(!report.is_kept());
    let failed: Vec<_> =
        report.outcomes().filter(|o| matches!(o.result, CaseResult::Failed { .. })).collect();
    assert!(failed.iter().any(|o| o.case == "extending_hides_the_message"), "{report:#?}");
    let deviation = self::report(&Careless, &only("depth_counts")).await;
    assert!(deviation.is_kept(), "a declared deviation is no failure");
    let outcome = deviation.outcomes().next().unwrap();
    assert_eq!(outcome.result, CaseResult::Deviation { why: "it cannot count".to_owned() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scratch_namespaces_are_removed() {
    let some = Options { faults: false, only: Some("durable".to_owned()) };
    let folder = tempfile::tempdir().unwrap();
    let sqlite = home(&format!("sqlite:{}/pssp.db", folder.path().display())).unwrap();
    assert!(report(sqlite.as_ref(), &some).await.is_kept());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let server = pssp_local_postgres::Server::start(&[]);
    let postgres = home(&server.url("mine")).unwrap();
    let found = report(postgres.as_ref(), &some).await;
    assert!(found.is_kept(), "{found:#?}");
    let clocks: BTreeSet<bool> = found.outcomes().map(|o| o.on_store_time).collect();
    assert_eq!(clocks, BTreeSet::from([false, true]), "some cases run on the time of the server too");
    assert_eq!(
        server.sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'conform%' OR nspname = 'mine'"),
        "0"
    );
}

#[tokio::test]
async fn a_store_that_cannot_be_used_is_an_error() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let absent = home(&pssp_local_postgres::url(port, "x")).unwrap();
    let error =
        run(absent.as_ref(), &Options::default(), std::future::pending(), |_, _| ()).await.unwrap_err();
    assert!(error.contains(&port.to_string()), "{error}");
    assert!(home("http://x").is_err());
    assert!(home("sqlite:/no/such/folder/x.db").is_err());
    assert!(home("sqlite:/tmp").is_err(), "a folder is no file");
}

/// The README's table has a row for each promise. `make promises` writes it from a run.
#[test]
fn the_readme_lists_every_promise() {
    let readme = include_str!("../../../../README.md");
    for case in CASES {
        let row = format!("| {} | ", case.promise());
        assert!(readme.lines().any(|line| line.starts_with(&row)), "run `make promises`: README lacks {row}");
    }
}
