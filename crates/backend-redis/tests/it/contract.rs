//! The Redis backend passes the whole contract suite against a real server: all cases on a clock that the case
//! moves, and the cases about the queue also on the time of the server.

use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use pssp_backend_redis::RedisBackend;
use pssp_jobs::contract::Harness;
use pssp_jobs::{Backend, Clock, ManualClock, SystemClock};

use crate::server::{Server, fresh_prefix, open, open_at};

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

struct Redis {
    server: Arc<Server>,
    prefix: String,
    /// `None`: the time of the server.
    clock: Option<Arc<ManualClock>>,
    backend: Arc<RedisBackend>,
}

impl Redis {
    async fn new(clock: Option<Arc<ManualClock>>) -> Self {
        let (server, prefix) = (shared(), fresh_prefix());
        let backend = Self::connect(&server, &prefix, clock.as_ref()).await;
        Self { server, prefix, clock, backend }
    }

    async fn connect(server: &Server, prefix: &str, clock: Option<&Arc<ManualClock>>) -> Arc<RedisBackend> {
        let url = server.url(prefix);
        match clock {
            Some(clock) => open_at(&url, clock.clone()).await,
            None => open(&url).await,
        }
    }
}

/// The server deletes expired records by its own clock, so this clock starts at the real time and moves ahead.
async fn on_manual_clock() -> Redis {
    Redis::new(Some(Arc::new(ManualClock::new(SystemClock.now())))).await
}

async fn on_server_time() -> Redis {
    Redis::new(None).await
}

#[async_trait::async_trait]
impl Harness for Redis {
    fn backend(&self) -> Backend {
        Backend::of(self.backend.clone())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        match &self.clock {
            Some(clock) => clock.clone(),
            None => Arc::new(SystemClock),
        }
    }

    async fn advance(&self, by: Duration) {
        match &self.clock {
            Some(clock) => clock.advance(by),
            None => tokio::time::sleep(by).await,
        }
    }

    async fn reopen(&mut self) {
        self.backend = Self::connect(&self.server, &self.prefix, self.clock.as_ref()).await;
    }

    async fn inject(&self, body: &str) {
        let queue = format!("{{{}}}:v1:queue", self.prefix);
        self.server.cli(&["ZADD", &queue, "0", body]);
    }
}

pssp_jobs::contract_tests!(on_manual_clock);

/// The cases that depend on the time of the queue, on the time of the server as in production.
mod on_server_time {
    use pssp_jobs::contract::cases;

    macro_rules! also {
        ($($case:ident),+ $(,)?) => {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    cases::$case(&mut super::on_server_time().await).await;
                }
            )+
        };
    }

    also!(
        accepted_is_durable,
        a_lost_worker_is_replaced,
        an_unsettled_message_comes_back,
        delayed_messages_wait,
        retry_comes_back_later,
        a_stale_receipt_settles_nothing,
        extending_hides_the_message,
        a_backlog_drains_in_bounded_batches,
        waiting_is_woken_by_the_finish,
    );
}
