//! The service on one machine: `pssp serve` with a SQLite file.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::program::{Running, command, free_port};
use crate::{Client, Platform, SETTINGS};

/// The service with SQLite.
pub struct Embedded {
    folder: TempDir,
    port: u16,
    settings: &'static [(&'static str, &'static str)],
    program: Running,
}

impl Embedded {
    /// Starts the service with a new file.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts the service with a new file and these settings.
    #[must_use]
    pub fn start_with(settings: &'static [(&'static str, &'static str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), settings)
    }

    /// Starts the service with the file `jobs.db` of this folder, if it is there.
    #[must_use]
    pub fn start_in(folder: TempDir, settings: &'static [(&'static str, &'static str)]) -> Self {
        let port = free_port();
        let program = serve(&folder, port, settings, true);
        Self { folder, port, settings, program }
    }

    /// The address of the service.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Kills the service, API and worker, without starting it again.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    fn restart(&mut self, with_worker: bool) {
        self.program.kill();
        self.program = serve(&self.folder, self.port, self.settings, with_worker);
    }

    /// Uses Python's module, since not every machine has the shell of SQLite.
    fn sql(&self, statement: &str) {
        let program =
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], 30); c.execute(sys.argv[2]); c.commit()";
        let done = Command::new("python3")
            .args(["-c", program])
            .arg(self.folder.path().join("jobs.db"))
            .arg(statement)
            .output()
            .unwrap_or_else(|e| panic!("python3 ({e}): run `make setup-test`"));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

fn url_of(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("jobs.db").display())
}

fn serve(folder: &TempDir, port: u16, settings: &[(&str, &str)], with_worker: bool) -> Running {
    let addr = format!("127.0.0.1:{port}");
    // Without a worker, the API is the same program as on other platforms.
    let mut program = command(if with_worker { "pssp" } else { "pssp-api" });
    if with_worker {
        program.arg("serve");
    }
    program.envs(SETTINGS.iter().copied()).env("PSSP_ADDR", &addr).env("PSSP_BACKEND", url_of(folder));
    program.envs(settings.iter().copied());
    let mut running = Running::start("pssp", program);
    let client = Client::new(&format!("http://{addr}"));
    running.until("the server to answer", || {
        client.try_send("GET", "/readyz", &[], b"").is_some_and(|answer| answer.status == 200)
    });
    running
}

impl Platform for Embedded {
    fn client(&self) -> Client {
        Client::new(&format!("http://127.0.0.1:{}", self.port))
    }

    fn backend(&self) -> String {
        url_of(&self.folder)
    }

    fn kill_workers(&mut self) {
        self.restart(false);
    }

    fn start_workers(&mut self) {
        self.restart(true);
    }

    fn restart_api(&mut self) {
        self.restart(true);
    }

    fn restart_store(&mut self) {
        // The store is part of the process.
        self.restart(true);
    }

    fn lose_messages(&mut self) {
        self.sql("DELETE FROM queue");
    }
}
