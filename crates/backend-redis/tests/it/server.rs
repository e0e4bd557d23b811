//! A Redis server for a test: on a free port of this machine, in a directory of its own, stopped when the test
//! ends.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pssp_backend_redis::{Options, QueueTime, RedisBackend};
use pssp_jobs::{Clock, SystemClock};
use tempfile::TempDir;

pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: TempDir,
    settings: Vec<String>,
}

impl Server {
    /// Starts a server with an append-only file (`appendfsync` is `fsync`) and further settings.
    pub(crate) fn start(fsync: &str, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut all = vec!["--appendfsync".to_owned(), fsync.to_owned()];
        all.extend(settings.iter().map(|&s| s.to_owned()));
        // Another process may take the free port before the server binds it. Then another port is tried.
        for _ in 0..10 {
            let port = free_port();
            if let Some(child) = spawn(port, &folder, &all) {
                return Self { child, port, folder, settings: all };
            }
        }
        panic!("redis-server does not start");
    }

    pub(crate) fn url(&self, prefix: &str) -> String {
        url(self.port, prefix)
    }

    /// Kills the process, as in a crash: it flushes nothing.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the server again after a kill, on the same port and data.
    pub(crate) fn restart(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(child) = spawn(self.port, &self.folder, &self.settings) {
                self.child = child;
                return;
            }
            assert!(Instant::now() < deadline, "redis-server does not start again");
        }
    }

    /// Runs a command with `redis-cli`.
    pub(crate) fn cli(&self, command: &[&str]) -> String {
        cli(self.port, command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a command with `redis-cli`, to inspect the stored data.
pub(crate) fn cli(port: u16, command: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-p", &port.to_string()])
        .args(command)
        .output()
        .expect("redis-cli is missing: apt-get install redis-server");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

pub(crate) fn url(port: u16, prefix: &str) -> String {
    format!("redis://127.0.0.1:{port}/0?prefix={prefix}")
}

/// Opens a backend on the time of the server, as in production.
pub(crate) async fn open(url: &str) -> Arc<RedisBackend> {
    open_with(url, Arc::new(SystemClock), Options::default()).await
}

/// Opens a backend on a clock that the test moves.
pub(crate) async fn open_at(url: &str, clock: Arc<dyn Clock>) -> Arc<RedisBackend> {
    let options = Options { queue_time: QueueTime::Clock, ..Options::default() };
    open_with(url, clock, options).await
}

pub(crate) async fn open_with(url: &str, clock: Arc<dyn Clock>, options: Options) -> Arc<RedisBackend> {
    RedisBackend::open(url, clock, options).await.unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn spawn(port: u16, folder: &TempDir, settings: &[String]) -> Option<Child> {
    let mut child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(["--appendonly", "yes", "--dir"])
        .arg(folder.path())
        .args(settings)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start redis-server ({error}): apt-get install redis-server"));
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        let answer = cli(port, &["PING"]);
        // A server that asks for a password is ready too.
        if answer == "PONG" || answer.contains("NOAUTH") {
            return Some(child);
        }
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(child.kill());
    drop(child.wait());
    None
}
