//! All ports of one backend together.

use std::sync::Arc;

use crate::ports::{BatchStore, DeadLetters, JobQueue, JobReceiver, JobStore, JobWatch, KeyStore, Notices};
use crate::transfer::Transfer;

/// All ports of one backend.
#[derive(Clone)]
pub struct Backend {
    /// Jobs.
    pub store: Arc<dyn JobStore>,
    /// Batches.
    pub batches: Arc<dyn BatchStore>,
    /// Dead letters.
    pub dead: Arc<dyn DeadLetters>,
    /// The outage notice.
    pub notices: Arc<dyn Notices>,
    /// Keys of callers.
    pub keys: Arc<dyn KeyStore>,
    /// The queue's sending side.
    pub queue: Arc<dyn JobQueue>,
    /// The receiving side of the queue, if this process receives messages itself.
    pub receiver: Option<Arc<dyn JobReceiver>>,
    /// Wake-ups on changes of jobs.
    pub watch: Arc<dyn JobWatch>,
    /// Reading all of the store, and taking what another one had.
    pub transfer: Arc<dyn Transfer>,
}

impl Backend {
    /// All ports of a value that implements every one of them.
    #[must_use]
    pub fn of<B>(backend: Arc<B>) -> Self
    where
        B: JobStore
            + BatchStore
            + DeadLetters
            + Notices
            + KeyStore
            + JobQueue
            + JobReceiver
            + JobWatch
            + Transfer
            + 'static,
    {
        Self {
            store: backend.clone(),
            batches: backend.clone(),
            dead: backend.clone(),
            notices: backend.clone(),
            keys: backend.clone(),
            queue: backend.clone(),
            receiver: Some(backend.clone()),
            watch: backend.clone(),
            transfer: backend,
        }
    }
}
