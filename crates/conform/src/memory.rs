//! The memory of this process.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pssp_jobs::contract::Harness;
use pssp_jobs::memory::MemoryBackend;
use pssp_jobs::{Backend, Clock, ManualClock, SystemClock};

use crate::Home;

pub(crate) struct MemoryHome;

struct Memory {
    backend: Arc<MemoryBackend>,
    clock: Arc<ManualClock>,
}

#[async_trait]
impl Home for MemoryHome {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn place(&self) -> String {
        "the memory of this process".to_owned()
    }

    async fn fresh(&self) -> Result<Box<dyn Harness>, String> {
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        Ok(Box::new(Memory { backend: Arc::new(MemoryBackend::new(clock.clone())), clock }))
    }
}

#[async_trait]
impl Harness for Memory {
    fn backend(&self) -> Backend {
        Backend::of(self.backend.clone())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    async fn reopen(&mut self) {}

    async fn inject(&self, body: &str) {
        self.backend.inject(body);
    }

    async fn remove(&mut self) -> Result<(), String> {
        Ok(())
    }
}
