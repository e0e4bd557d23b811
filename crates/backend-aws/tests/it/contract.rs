//! The AWS backend passes the whole contract suite: against dynoxide with this project's SQS, against
//! ministack, and against AWS itself if `PSSP_TEST_AWS` has an aws URL with `{name}` for table and queue.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pssp_backend_aws::{AwsBackend, testing};
use pssp_jobs::contract::Harness;
use pssp_jobs::{Backend, Clock, ManualClock, SystemClock, Timestamp};

use crate::lagging::Lagging;
use crate::stand_ins::{Place, Services};

/// The real time of a longer wait: longer than any delay, visibility or lease of the suite. The time of the
/// queue cannot be moved; only the clock of the test is moved for the rest of the wait.
const REAL: Duration = Duration::from_secs(5);

/// The time of this machine, moved ahead.
struct Ahead(ManualClock);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        let ahead = u64::try_from(self.0.now().as_millis()).unwrap_or_default();
        SystemClock.now().plus(Duration::from_millis(ahead))
    }
}

struct Aws {
    place: Place,
    clock: Arc<Ahead>,
    backend: Arc<AwsBackend>,
}

impl Aws {
    async fn at(place: Place) -> Self {
        let clock = Arc::new(Ahead(ManualClock::new(Timestamp::from_millis(0))));
        let backend = AwsBackend::open(&place.url, clock.clone(), place.options.clone()).await.unwrap();
        Self { place, clock, backend }
    }
}

async fn own() -> Aws {
    match std::env::var("PSSP_TEST_AWS") {
        Ok(template) => Aws::at(Place::aws(&template).await).await,
        Err(_) => Aws::at(Place::own().await).await,
    }
}

#[async_trait]
impl Harness for Aws {
    fn backend(&self) -> Backend {
        let backend = Backend::of(self.backend.clone());
        match self.place.services {
            Services::Aws => Lagging::wrap(backend),
            _ => backend,
        }
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    async fn advance(&self, by: Duration) {
        let real = by.min(REAL);
        tokio::time::sleep(real).await;
        self.clock.0.advance(by - real);
    }

    async fn reopen(&mut self) {
        let (url, options) = (&self.place.url, self.place.options.clone());
        self.backend = AwsBackend::open(url, self.clock.clone(), options).await.unwrap();
    }

    async fn inject(&self, body: &str) {
        testing::send(&self.place.url, &self.place.options, body).await.unwrap();
    }

    /// ministack ignores message groups. AWS itself promises less than turns: that a backlog of one group does not
    /// delay others.
    fn takes_turns(&self) -> bool {
        matches!(self.place.services, Services::Own { .. })
    }

    /// Each history takes seconds of real time.
    fn random_histories(&self) -> u32 {
        3
    }
}

mod own {
    pssp_jobs::contract_tests!(super::own);
}

mod ministack {
    async fn ministack() -> super::Aws {
        super::Aws::at(super::Place::ministack().await).await
    }

    pssp_jobs::contract_tests!(ministack);
}
