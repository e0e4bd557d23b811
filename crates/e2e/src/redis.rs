//! A Redis that has the users and settings of a cluster.

use std::fs;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::networked::{Networked, Store};
use crate::program::{Running, free_port, repository};

/// What `scripts/deploy/secret.sh` would choose.
const SERVICE_PASSWORD: &str = "password-of-the-service";
const OPERATOR_PASSWORD: &str = "password-of-the-operator";

/// The service with Redis.
pub type Redis = Networked<RedisServer>;

/// A Redis on this machine.
pub struct RedisServer {
    folder: TempDir,
    port: u16,
    running: Running,
}

impl Store for RedisServer {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let running = serve(&folder, port);
        Self { folder, port, running }
    }

    fn url(&self) -> String {
        format!("redis://pssp:{SERVICE_PASSWORD}@127.0.0.1:{}/0", self.port)
    }

    fn restart(&mut self) {
        self.running.kill();
        self.running = serve(&self.folder, self.port);
    }

    fn lose_messages(&mut self) {
        // Messages that are due, and their turns.
        let lost = cli(self.port, &["DEL", "{pssp}:v1:ready", "{pssp}:v1:turns"]);
        assert_eq!(lost, "2", "keys: {}", cli(self.port, &["KEYS", "*"]));
    }
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

fn serve(folder: &TempDir, port: u16) -> Running {
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
