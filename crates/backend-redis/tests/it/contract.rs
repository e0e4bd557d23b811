//! The Redis backend passes the whole contract suite against a real server: all cases on a clock that the case moves, and
//! the cases about the queue also on the time of the server.

use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use pssp_conform::Home;
use pssp_conform::contract::Harness;

use crate::server::Server;

/// One server for all cases that run at the same time. Each case has its own prefix.
fn shared() -> Arc<Server> {
    static SHARED: LazyLock<Mutex<Weak<Server>>> = LazyLock::new(|| Mutex::new(Weak::new()));
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Server::start("everysec", &[]));
        *shared = Arc::downgrade(&server);
        server
    })
}

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
