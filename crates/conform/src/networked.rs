//! Namespaces of a server whose queue may run on its time or on a clock that the case moves.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pssp_jobs::contract::Harness;
use pssp_jobs::{Backend, Clock, ManualClock, StoreError, SystemClock};

use crate::url::{shown, with_parameter};
use crate::{Home, scratch_name};

/// A backend with such a server.
#[async_trait]
pub(crate) trait Server: Send + Sync + Sized + 'static {
    /// The name of the backend.
    const NAME: &'static str;

    /// The parameter of the URL that names the namespace.
    const PARAMETER: &'static str;

    /// What the namespaces are, for people.
    const NAMESPACES: &'static str;

    /// Opens the namespace of `url`; without a clock on the time of the server.
    async fn open(url: &str, clock: Option<Arc<dyn Clock>>) -> Result<Arc<Self>, StoreError>;

    /// All its ports.
    fn ports(self: Arc<Self>) -> Backend;

    /// Puts a raw body into the queue.
    async fn put(&self, body: &str) -> Result<(), StoreError>;

    /// Deletes the namespace.
    async fn erase(&self) -> Result<(), StoreError>;
}

pub(crate) struct ServerHome<S> {
    url: String,
    server: std::marker::PhantomData<fn() -> S>,
}

impl<S: Server> ServerHome<S> {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), server: std::marker::PhantomData }
    }

    async fn namespace(&self, clock: Option<Arc<ManualClock>>) -> Result<Box<dyn Harness>, String> {
        let name = scratch_name();
        let url = with_parameter(&self.url, S::PARAMETER, &name);
        let backend = Namespace::<S>::open(&url, clock.as_ref()).await.map_err(|error| error.to_string())?;
        Ok(Box::new(Namespace { url, name, clock, backend }))
    }
}

#[async_trait]
impl<S: Server> Home for ServerHome<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn place(&self) -> String {
        format!("{} in {}", S::NAMESPACES, shown(&self.url))
    }

    /// The clock starts at the real time, since a server may delete expired records by its own.
    async fn fresh(&self) -> Result<Box<dyn Harness>, String> {
        self.namespace(Some(Arc::new(ManualClock::new(SystemClock.now())))).await
    }

    async fn fresh_on_store_time(&self) -> Result<Option<Box<dyn Harness>>, String> {
        self.namespace(None).await.map(Some)
    }
}

struct Namespace<S> {
    url: String,
    name: String,
    /// `None`: the time of the server.
    clock: Option<Arc<ManualClock>>,
    backend: Arc<S>,
}

impl<S: Server> Namespace<S> {
    async fn open(url: &str, clock: Option<&Arc<ManualClock>>) -> Result<Arc<S>, StoreError> {
        S::open(url, clock.map(|clock| clock.clone() as Arc<dyn Clock>)).await
    }
}

#[async_trait]
impl<S: Server> Harness for Namespace<S> {
    fn backend(&self) -> Backend {
        self.backend.clone().ports()
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
        let opened = Self::open(&self.url, self.clock.as_ref()).await;
        self.backend = opened.unwrap_or_else(|error| panic!("{error}"));
    }

    async fn inject(&self, body: &str) {
        self.backend.put(body).await.unwrap_or_else(|error| panic!("{error}"));
    }

    async fn remove(&mut self) -> Result<(), String> {
        let removed = self.backend.erase().await;
        removed.map_err(|error| format!("delete {} ({}): {error}", self.name, S::NAMESPACES))
    }
}
