//! Prefixes of keys in one Redis.

use std::sync::Arc;

use async_trait::async_trait;
use pssp_backend_redis::{Options, QueueTime, RedisBackend};
use pssp_jobs::{Backend, Clock, StoreError, SystemClock};

use crate::networked::Server;

#[async_trait]
impl Server for RedisBackend {
    const NAME: &'static str = "redis";
    const PARAMETER: &'static str = "prefix";
    const NAMESPACES: &'static str = "keys {conform_*}:v1:*";

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
        self.delete_prefix().await
    }
}
