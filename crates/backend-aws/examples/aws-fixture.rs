//! Writes data as this release stores it in DynamoDB, for the tests of later releases:
//! `cargo run -p pssp-backend-aws --example aws-fixture > crates/backend-aws/tests/fixtures/<version>.jsonl`.
//! Run it once for each release that changes the stored form. Older files do not change.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for developers, which stops where it cannot go on"
)]

#[path = "../tests/it/dump.rs"]
#[allow(dead_code)]
mod dump;
#[path = "../tests/it/stand_ins.rs"]
#[allow(dead_code)]
mod stand_ins;

use std::sync::Arc;

use pssp_backend_aws::{AwsBackend, Target};
use pssp_jobs::Backend;
use pssp_jobs::contract::upgrade;

#[tokio::main]
async fn main() {
    let place = stand_ins::Place::own().await;
    let target = Target::parse(&place.url).unwrap();
    let clock = Arc::new(upgrade::clock());
    let backend = AwsBackend::open(&place.url, clock.clone(), place.options.clone()).await.unwrap();
    upgrade::write(&upgrade::jobs(Backend::of(backend), clock)).await;
    let client = dump::client(&target.dynamodb_endpoint.unwrap());
    print!("{}", dump::dump(&client, &target.table).await);
}
