//! A server process for the measurement: started on a free port, stopped at the end.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

/// A running `pssp serve`. It is killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    _scratch: TempDir,
}

impl Server {
    /// Starts `binary` with `backend`, or else with a temporary SQLite file.
    pub(crate) fn start(binary: &Path, backend: Option<&str>) -> Result<Self> {
        let scratch = tempfile::tempdir()?;
        let own = format!("sqlite:{}", scratch.path().join("load.db").display());
        let mut command = Command::new(binary);
        command.args(["serve", "--addr", "127.0.0.1:0", "--backend", backend.unwrap_or(&own)]);
        // With a log line for each request, the log would dominate the measurement.
        command.env("PSSP_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let stderr = child.stderr.take().context("no stderr")?;
        let mut server = Self { child, url: String::new(), _scratch: scratch };
        server.url = wait_for_address(stderr)?;
        Ok(server)
    }

    /// Stops the server and checks that it exits without an error.
    pub(crate) fn stop(mut self) -> Result<()> {
        let id = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &id]).status()?.success(), "cannot stop the server");
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the address from the log, and forwards the later lines of the log.
fn wait_for_address(stderr: impl std::io::Read + Send + 'static) -> Result<String> {
    let mut lines = BufReader::new(stderr).lines();
    let mut log = String::new();
    let url = loop {
        let Some(line) = lines.next().transpose()? else { bail!("the server did not start:\n{log}") };
        let address = line.strip_prefix("pssp: listening on ").and_then(|rest| rest.split(',').next());
        if let Some(url) = address {
            break url.to_owned();
        }
        log.push_str(&line);
        log.push('\n');
    };
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("{line}")));
    Ok(url)
}
