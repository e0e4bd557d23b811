//! Writes data as this release stores it in Redis, for the tests of later releases:
//! `cargo run -p pssp-backend-redis --example fixture > crates/backend-redis/tests/fixtures/<version>.jsonl`.
//! Run it once for each release that changes the stored form. Older files do not change.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for developers, which stops where it cannot go on"
)]

#[path = "../tests/it/dump.rs"]
#[allow(dead_code)]
mod dump;
#[path = "../tests/it/server.rs"]
#[allow(dead_code)]
mod server;

use std::sync::Arc;

use pssp_jobs::Backend;
use pssp_jobs::contract::upgrade;

#[tokio::main]
async fn main() {
    let server = server::Server::start("no", &[]);
    let url = server.url("fixture");
    let clock = Arc::new(upgrade::clock());
    let backend = server::open_at(&url, clock.clone()).await;
    upgrade::write(&upgrade::jobs(Backend::of(backend), clock)).await;
    print!("{}", dump::dump(&mut dump::connect(&url).await).await);
}
