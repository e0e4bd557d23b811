//! The PostgreSQL backend passes the whole contract suite against a real server: all cases on a clock that the case
//! moves, and the cases about the queue also on the time of the server.

use std::sync::Arc;
use std::time::Duration;

use pssp_backend_postgres::PostgresBackend;
use pssp_jobs::contract::Harness;
use pssp_jobs::{Backend, Clock, ManualClock, SystemClock};
use pssp_local_postgres::Server;

use crate::support::{fresh_schema, open, open_at, shared};

struct Postgres {
    server: Arc<Server>,
    schema: String,
    /// `None`: the time of the server.
    clock: Option<Arc<ManualClock>>,
    backend: Arc<PostgresBackend>,
}

impl Postgres {
    async fn new(clock: Option<Arc<ManualClock>>) -> Self {
        let (server, schema) = (shared(), fresh_schema());
        let backend = Self::connect(&server, &schema, clock.as_ref()).await;
        Self { server, schema, clock, backend }
    }

    async fn connect(
        server: &Server,
        schema: &str,
        clock: Option<&Arc<ManualClock>>,
    ) -> Arc<PostgresBackend> {
        let url = server.url(schema);
        match clock {
            Some(clock) => open_at(&url, clock.clone()).await,
            None => open(&url).await,
        }
    }
}

async fn on_manual_clock() -> Postgres {
    Postgres::new(Some(Arc::new(ManualClock::new(SystemClock.now())))).await
}

async fn on_server_time() -> Postgres {
    Postgres::new(None).await
}

#[async_trait::async_trait]
impl Harness for Postgres {
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
        self.backend = Self::connect(&self.server, &self.schema, self.clock.as_ref()).await;
    }

    async fn inject(&self, body: &str) {
        let (schema, body) = (&self.schema, body.replace('\'', "''"));
        let _none = self.server.sql(&format!(
            "INSERT INTO {schema}.queue (id, body, visible_at) VALUES (gen_random_uuid(), '{body}', 0)"
        ));
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
