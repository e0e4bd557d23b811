//! Writes what this release keeps in a Redis, for the tests of later ones:
//! `cargo run -p pssp-backend-redis --example fixture > crates/backend-redis/tests/fixtures/<version>.jsonl`.
//! Once a release that changes what is stored; old files stay as they are.

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
