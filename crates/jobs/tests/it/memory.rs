//! The in-memory backend passes the whole contract suite.

use std::sync::Arc;
use std::time::Duration;

use pssp_jobs::contract::Harness;
use pssp_jobs::memory::MemoryBackend;
use pssp_jobs::{Backend, Clock, ManualClock, Timestamp};

struct Memory {
    backend: Arc<MemoryBackend>,
    clock: Arc<ManualClock>,
}

async fn fresh() -> Memory {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    Memory { backend: Arc::new(MemoryBackend::new(clock.clone())), clock }
}

#[async_trait::async_trait]
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
}

pssp_jobs::contract_tests!(fresh);
