//! Stores and archives for the tests.

use std::io::Cursor;
use std::sync::Arc;

use pssp_jobs::contract::upgrade;
use pssp_jobs::memory::MemoryBackend;
use pssp_jobs::{Backend, Clock, Jobs, ManualClock};
use pssp_moving::archive::{FORMAT, Header, Reader, Writer};
use pssp_moving::export::export;
use pssp_moving::import::{Imported, import};

/// A store in memory with its clock.
pub(crate) struct Store {
    pub(crate) jobs: Jobs,
    pub(crate) clock: Arc<ManualClock>,
}

impl Store {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let clock = Arc::new(upgrade::clock());
        Self::on(Backend::of(Arc::new(MemoryBackend::new(clock.clone()))), clock)
    }

    pub(crate) fn on(backend: Backend, clock: Arc<ManualClock>) -> Self {
        Self { jobs: upgrade::jobs(backend, clock.clone()), clock }
    }

    /// One with entries of every kind.
    pub(crate) async fn filled() -> Self {
        let store = Self::new();
        upgrade::write(&store.jobs).await;
        store
    }

    pub(crate) fn backend(&self) -> &Backend {
        self.jobs.backend()
    }

    /// The archive of the store, in chunks of about so much text.
    pub(crate) async fn archive(&self, chunk_bytes: usize) -> Vec<u8> {
        let writer = Writer::begin(Vec::new(), &header(&*self.clock)).unwrap().with_chunks_of(chunk_bytes);
        // A part of the scan may end a chunk, so parts are small.
        let backend = in_small_parts(self.backend());
        export(&backend, &*self.clock, writer, None, |_| {}).await.unwrap().0
    }

    pub(crate) async fn import(&self, archive: &[u8]) -> Imported {
        let reader = Reader::open(Cursor::new(archive)).unwrap();
        import(self.backend(), &*self.clock, self.jobs.policy(), reader, None, |_| {}).await.unwrap()
    }
}

pub(crate) fn header(clock: &dyn Clock) -> Header {
    Header {
        format: FORMAT,
        program: "0.1.0".to_owned(),
        made_at: clock.now(),
        home: "memory:".to_owned(),
        last_move: 0,
    }
}

/// A store whose scan has one entry in each part.
pub(crate) fn in_small_parts(backend: &Backend) -> Backend {
    struct Small(Backend);

    #[async_trait::async_trait]
    impl pssp_jobs::Transfer for Small {
        async fn scan(&self, from: Option<&str>, _: usize) -> Result<pssp_jobs::Scan, pssp_jobs::StoreError> {
            self.0.transfer.scan(from, 1).await
        }

        async fn arrive(
            &self,
            entries: &[pssp_jobs::Entry],
            crossing: pssp_jobs::Crossing,
        ) -> Vec<Result<pssp_jobs::Arrived, pssp_jobs::StoreError>> {
            self.0.transfer.arrive(entries, crossing).await
        }

        async fn last_move(&self) -> Result<u64, pssp_jobs::StoreError> {
            self.0.transfer.last_move().await
        }
    }

    Backend { transfer: Arc::new(Small(backend.clone())), ..backend.clone() }
}
