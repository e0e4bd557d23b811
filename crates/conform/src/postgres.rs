//! Schemas in one PostgreSQL database.

use std::sync::Arc;

use async_trait::async_trait;
use pssp_backend_postgres::{Options, PostgresBackend, QueueTime};
use pssp_jobs::{Backend, Clock, StoreError, SystemClock};

use crate::networked::Server;

#[async_trait]
impl Server for PostgresBackend {
    const NAME: &'static str = "postgres";
    const PARAMETER: &'static str = "schema";
    const NAMESPACES: &'static str = "schemas conform_*";

    async fn open(url: &str, clock: Option<Arc<dyn Clock>>) -> Result<Arc<Self>, StoreError> {
        let Some(clock) = clock else {
            return Self::open(url, Arc::new(SystemClock), Options::default()).await;
        };
        Self::open(url, clock, Options { queue_time: QueueTime::Clock, ..Options::default() }).await
    }

    fn ports(self: Arc<Self>) -> Backend {
        Backend::of(self)
    }

    async fn put(&self, body: &str) -> Result<(), StoreError> {
        self.inject(body).await
    }

    async fn erase(&self) -> Result<(), StoreError> {
        self.drop_schema().await
    }
}
