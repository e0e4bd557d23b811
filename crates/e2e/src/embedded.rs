//! One machine: `pssp serve` over a SQLite file.

use std::process::Command;

use tempfile::TempDir;

use crate::program::{Running, command, free_port};
use crate::{Client, Platform, SETTINGS};

/// The default platform.
pub struct Embedded {
    folder: TempDir,
    port: u16,
    program: Running,
}

impl Embedded {
    /// Starts one over a new file.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let program = serve(&folder, port, true);
        Self { folder, port, program }
    }

    fn again(&mut self, with_worker: bool) {
        self.program.kill();
        self.program = serve(&self.folder, self.port, with_worker);
    }

    /// By Python's module: the shell of SQLite is not on every machine.
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

fn serve(folder: &TempDir, port: u16, with_worker: bool) -> Running {
    let addr = format!("127.0.0.1:{port}");
    // The API alone is the same program that other platforms run.
    let mut program = command(if with_worker { "pssp" } else { "pssp-api" });
    if with_worker {
        program.arg("serve");
    }
    program.envs(SETTINGS.iter().copied()).env("PSSP_ADDR", &addr).env("PSSP_BACKEND", url_of(folder));
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
        self.again(false);
    }

    fn start_workers(&mut self) {
        self.again(true);
    }

    fn restart_api(&mut self) {
        self.again(true);
    }

    fn restart_store(&mut self) {
        // The store is part of the process.
        self.again(true);
    }

    fn lose_messages(&mut self) {
        self.sql("DELETE FROM queue");
    }
}
