//! A Redis of our own: started on a free port of this machine in a folder of its own, and stopped
//! with the test.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pssp_backend_redis::{Options, QueueTime, RedisBackend};
use pssp_jobs::{Clock, SystemClock};
use tempfile::TempDir;

/// A running `redis-server`.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: TempDir,
    settings: Vec<String>,
}

impl Server {
    /// Starts one with an append-only file that is flushed `fsync`, and further settings.
    pub(crate) fn start(fsync: &str, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut all = vec!["--appendfsync".to_owned(), fsync.to_owned()];
        all.extend(settings.iter().map(|&s| s.to_owned()));
        // The free port may be taken before the server binds it: then another is tried.
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

    /// As a crash of the process: nothing is flushed or said.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// After a kill: on the same port and data.
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

    /// Runs a command by hand.
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

/// A connection of the test's own, to look at what is stored.
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

/// A prefix that no other test of this run uses.
pub(crate) fn fresh_prefix() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// On the server's time, as shipped.
pub(crate) async fn open(url: &str) -> Arc<RedisBackend> {
    open_with(url, Arc::new(SystemClock), Options::default()).await
}

/// On a clock that the test moves.
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
        // One that asks for a password is up too.
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
