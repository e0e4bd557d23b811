//! The service as on Kubernetes: `pssp-api` and `pssp-worker` with a Redis that has the users and settings of a cluster.

use std::fs;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::program::{Running, command, free_port, repository};
use crate::{Client, Platform, SETTINGS};

/// What `scripts/deploy/secret.sh` would choose.
const SERVICE_PASSWORD: &str = "password-of-the-service";
const OPERATOR_PASSWORD: &str = "password-of-the-operator";

/// The service with Redis.
pub struct Redis {
    folder: TempDir,
    store_port: u16,
    api_port: u16,
    store: Running,
    api: Running,
    worker: Option<Running>,
}

impl Redis {
    /// Starts the service with an empty Redis.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store_port, api_port) = (free_port(), free_port());
        let store = serve_store(&folder, store_port);
        let backend = url_of(store_port);
        let (api, worker) = (serve_api(&backend, api_port), Some(start_worker(&backend)));
        Self { folder, store_port, api_port, store, api, worker }
    }

    fn cli(&self, args: &[&str]) -> String {
        cli(self.store_port, args)
    }
}

fn url_of(port: u16) -> String {
    format!("redis://pssp:{SERVICE_PASSWORD}@127.0.0.1:{port}/0")
}

fn cli(port: u16, args: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-p", &port.to_string(), "--user", "operator", "--no-auth-warning"])
        .env("REDISCLI_AUTH", OPERATOR_PASSWORD)
        .args(args)
        .output();
    let output = output.unwrap_or_else(|e| panic!("redis-cli ({e}): run `make setup-test`"));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn serve_store(folder: &TempDir, port: u16) -> Running {
    let users = fs::read_to_string(repository().join("data/redis-users.conf")).unwrap();
    let users =
        users.replace("SERVICE_PASSWORD", SERVICE_PASSWORD).replace("OPERATOR_PASSWORD", OPERATOR_PASSWORD);
    let conf = format!("include {}\n{users}", repository().join("data/redis.conf").display());
    fs::write(folder.path().join("redis.conf"), conf).unwrap();
    let mut server = Command::new("redis-server");
    server
        .arg(folder.path().join("redis.conf"))
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
        .arg(folder.path())
        .stdin(Stdio::null());
    let mut running = Running::start("redis-server", server);
    running.until("Redis to answer", || cli(port, &["PING"]) == "PONG");
    running
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

impl Platform for Redis {
    fn client(&self) -> Client {
        Client::new(&format!("http://127.0.0.1:{}", self.api_port))
    }

    fn backend(&self) -> String {
        url_of(self.store_port)
    }

    fn kill_workers(&mut self) {
        if let Some(mut worker) = self.worker.take() {
            worker.kill();
        }
    }

    fn start_workers(&mut self) {
        self.worker = Some(start_worker(&self.backend()));
    }

    fn restart_api(&mut self) {
        self.api.kill();
        self.api = serve_api(&self.backend(), self.api_port);
    }

    fn restart_store(&mut self) {
        self.store.kill();
        self.store = serve_store(&self.folder, self.store_port);
    }

    fn lose_messages(&mut self) {
        // Messages that are due, and their turns.
        let lost = self.cli(&["DEL", "{pssp}:v1:ready", "{pssp}:v1:turns"]);
        assert_eq!(lost, "2", "keys: {}", self.cli(&["KEYS", "*"]));
    }
}
