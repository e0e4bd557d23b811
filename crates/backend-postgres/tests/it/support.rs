//! Servers and backends for the tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use pssp_backend_postgres::{Options, PostgresBackend, QueueTime};
use pssp_jobs::{Clock, SystemClock};
use pssp_local_postgres::Server;

/// One server for all tests that run at the same time. Each test has its own schema.
pub(crate) fn shared() -> Arc<Server> {
    static SHARED: LazyLock<Mutex<Weak<Server>>> = LazyLock::new(|| Mutex::new(Weak::new()));
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Server::start(&[]));
        *shared = Arc::downgrade(&server);
        server
    })
}

/// A schema that no other test of this run uses.
pub(crate) fn fresh_schema() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Opens a backend on the time of the server, as in production.
pub(crate) async fn open(url: &str) -> Arc<PostgresBackend> {
    open_with(url, Arc::new(SystemClock), Options::default()).await
}

/// Opens a backend on a clock that the test moves.
pub(crate) async fn open_at(url: &str, clock: Arc<dyn Clock>) -> Arc<PostgresBackend> {
    let options = Options { queue_time: QueueTime::Clock, ..Options::default() };
    open_with(url, clock, options).await
}

pub(crate) async fn open_with(url: &str, clock: Arc<dyn Clock>, options: Options) -> Arc<PostgresBackend> {
    PostgresBackend::open(url, clock, options).await.unwrap()
}
