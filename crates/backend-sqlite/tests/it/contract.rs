//! The contract suite, on a temporary file.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pssp_backend_sqlite::Options;
use pssp_jobs::contract::Harness;
use pssp_jobs::{Backend, Clock};

use crate::support::Fixture;

#[async_trait]
impl Harness for Fixture {
    fn backend(&self) -> Backend {
        Backend::of(self.sqlite.clone())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    async fn reopen(&mut self) {
        Self::reopen(self);
    }

    async fn inject(&self, body: &str) {
        self.sqlite.inject(body).await.unwrap();
    }

    fn random_histories(&self) -> u32 {
        12
    }
}

pssp_jobs::contract_tests!(async || Fixture::new(Options::default()));
