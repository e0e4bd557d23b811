//! The PostgreSQL backend passes the whole contract suite against a real server: all cases on a clock that the case moves, and
//! the cases about the queue also on the time of the server.

use std::sync::Arc;

use pssp_conform::Home;
use pssp_conform::contract::Harness;
use pssp_local_postgres::Server;

use crate::support::shared;

fn home() -> (Box<dyn Home>, Arc<Server>) {
    let server = shared();
    (pssp_conform::home(&server.url("pssp")).unwrap(), server)
}

async fn on_manual_clock() -> (Box<dyn Harness>, Arc<Server>) {
    let (home, server) = home();
    (home.fresh().await.unwrap(), server)
}

pssp_jobs::contract_tests!(on_manual_clock);

/// The cases that depend on the time of the queue, on the time of the server as in production.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_server_time() {
    let (home, _server) = home();
    let runs = pssp_conform::ON_STORE_TIME.iter().map(async |name| {
        let case = pssp_conform::contract::CASES.iter().find(|case| case.name == *name).unwrap();
        let mut harness = home.fresh_on_store_time().await.unwrap().unwrap();
        (case.run)(&mut harness).await;
    });
    futures::future::join_all(runs).await;
}
