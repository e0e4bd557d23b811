//! The service as on Kubernetes: `pssp-api` and `pssp-worker` with a store that they reach over the network.

use crate::program::{Running, command, free_port};
use crate::{Client, Platform, SETTINGS};

/// A store with the users and settings of a cluster.
pub trait Store {
    /// Starts an empty one.
    fn start() -> Self;

    /// The value of `PSSP_BACKEND`.
    fn url(&self) -> String;

    /// Crashes it, and starts it again with all data that it had acknowledged.
    fn restart(&mut self);

    /// Deletes all messages of the queue. The records stay.
    fn lose_messages(&mut self);
}

/// The service with this store.
pub struct Networked<S> {
    store: S,
    api_port: u16,
    api: Running,
    worker: Option<Running>,
}

impl<S: Store> Networked<S> {
    /// Starts the service with an empty store.
    #[must_use]
    pub fn start() -> Self {
        let (store, api_port) = (S::start(), free_port());
        let backend = store.url();
        let (api, worker) = (serve_api(&backend, api_port), Some(start_worker(&backend)));
        Self { store, api_port, api, worker }
    }
}

fn serve_api(backend: &str, port: u16) -> Running {
    let addr = format!("127.0.0.1:{port}");
    let mut api = command("pssp-api");
    api.envs(SETTINGS.iter().copied()).env("PSSP_ADDR", &addr).env("PSSP_BACKEND", backend);
    let mut running = Running::start("pssp-api", api);
    let client = Client::new(&format!("http://{addr}"));
    running.until("the API to be ready", || {
        client.try_send("GET", "/readyz", &[], b"").is_some_and(|answer| answer.status == 200)
    });
    running
}

fn start_worker(backend: &str) -> Running {
    let mut worker = command("pssp-worker");
    worker.envs(SETTINGS.iter().copied()).env("PSSP_BACKEND", backend);
    Running::start("pssp-worker", worker)
}

impl<S: Store> Platform for Networked<S> {
    fn client(&self) -> Client {
        Client::new(&format!("http://127.0.0.1:{}", self.api_port))
    }

    fn backend(&self) -> String {
        self.store.url()
    }

    fn kill_workers(&mut self) {
        if let Some(mut worker) = self.worker.take() {
            worker.kill();
        }
    }

    fn start_workers(&mut self) {
        self.worker = Some(start_worker(&self.store.url()));
    }

    fn restart_api(&mut self) {
        self.api.kill();
        self.api = serve_api(&self.store.url(), self.api_port);
    }

    fn restart_store(&mut self) {
        self.store.restart();
    }

    fn lose_messages(&mut self) {
        self.store.lose_messages();
    }
}
