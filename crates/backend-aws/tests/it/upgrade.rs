//! This release reads the data of earlier releases in a table and completes their jobs. It also reads records with
//! unknown fields, as a later release may write them: during an update both releases run at once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pssp_backend_aws::{AwsBackend, Target};
use pssp_jobs::contract::upgrade;
use pssp_jobs::{Backend, Delivery, JobReceiver, Receipt, StoreError};

use crate::dump::{client, dump, load};
use crate::stand_ins::Place;

/// Files from `examples/aws-fixture.rs`, each written by its release. The last file is from the present code.
const RELEASES: &[(&str, &str)] = &[
    ("0.1.0", include_str!("../fixtures/0.1.0.jsonl")),
    ("unreleased", include_str!("../fixtures/unreleased.jsonl")),
    // Items of idempotency keys have their text.
    ("unreleased, keys with text", include_str!("../fixtures/unreleased-keys.jsonl")),
];

/// A receiver that waits for the messages that a retry has delayed. The time of the queue cannot be moved.
struct Patient(Arc<dyn JobReceiver>);

#[async_trait]
impl JobReceiver for Patient {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.0.receive(max, wait.max(Duration::from_secs(3)), visibility).await
    }

    async fn ack(&self, receipt: Receipt) -> Result<(), StoreError> {
        self.0.ack(receipt).await
    }

    async fn retry(&self, receipt: Receipt, after: Duration) -> Result<(), StoreError> {
        self.0.retry(receipt, after).await
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<bool, StoreError> {
        self.0.extend(receipt, visibility).await
    }
}

/// A new table with these items, and an empty queue: the sweep sends the messages again.
async fn check_fixture(left: &str) {
    let place = Place::own().await;
    let target = Target::parse(&place.url).unwrap();
    load(&client(&target.dynamodb_endpoint.unwrap()), &target.table, left).await;
    let clock = Arc::new(upgrade::clock());
    let backend = AwsBackend::open(&place.url, clock.clone(), place.options.clone()).await.unwrap();
    let mut backend = Backend::of(backend);
    backend.receiver = backend.receiver.map(|inner| Arc::new(Patient(inner)) as Arc<dyn JobReceiver>);
    upgrade::read(&upgrade::jobs(backend, clock.clone()), &clock).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_earlier_releases_is_read_and_completed() {
    for (release, left) in RELEASES {
        println!("{release}");
        check_fixture(left).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_a_later_release_adds_are_skipped() {
    let (_, latest) = RELEASES.last().unwrap();
    let mut grown = String::new();
    for line in latest.lines() {
        let mut item: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        item.insert("of_later".to_owned(), serde_json::json!({ "L": [{ "N": "1" }] }));
        grown += &serde_json::to_string(&item).unwrap();
        grown.push('\n');
    }
    check_fixture(&grown).await;
}

/// Fails when the stored form changes but no file has the new form: add a file and keep the old ones.
#[tokio::test(flavor = "multi_thread")]
async fn the_latest_file_has_the_present_form() {
    let place = Place::own().await;
    let target = Target::parse(&place.url).unwrap();
    let clock = Arc::new(upgrade::clock());
    let backend = AwsBackend::open(&place.url, clock.clone(), place.options.clone()).await.unwrap();
    upgrade::write(&upgrade::jobs(Backend::of(backend), clock)).await;
    let today = dump(&client(&target.dynamodb_endpoint.unwrap()), &target.table).await;
    let (_, latest) = RELEASES.last().unwrap();
    assert_eq!(form(&today), form(latest));
}

/// The names and types of the attributes of all items.
fn form(left: &str) -> Vec<String> {
    let attributes = |line: &str| {
        let item: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        let named = item
            .iter()
            .map(|(name, value)| format!("{name}:{}", value.as_object().unwrap().keys().next().unwrap()));
        let mut named: Vec<String> = named.collect();
        named.sort_unstable();
        named.join(" ")
    };
    let mut forms: Vec<String> = left.lines().map(attributes).collect();
    forms.sort_unstable();
    forms
}
