//! The programs of this build, as child processes.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Time limit of every wait. It is far above the usual time, since a test machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// How many of the last lines of a program's log a failed test shows.
const SHOWN_LOG_LINES: usize = 60;

/// The path of a program of the workspace, built in the same profile as this test.
///
/// # Panics
/// If the program was not built. `make test` and `make e2e` build all programs.
pub(crate) fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/<profile>/deps/<test>
    let program = test.ancestors().nth(2).unwrap().join(name);
    assert!(program.exists(), "{} is not built: run `make e2e`", program.display());
    program
}

/// The path of a tool: the value of `variable`, else the tool that `make setup-test` installs below target/tools.
pub(crate) fn tool(variable: &str, name: &str) -> PathBuf {
    let tool = std::env::var_os(variable)
        .map_or_else(|| repository().join("target/tools").join(name), PathBuf::from);
    assert!(tool.exists(), "{} is missing: run `make setup-test`", tool.display());
    tool
}

/// A program without the settings in the environment of the tests.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(path(name));
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("PSSP_") || name.starts_with("AWS_"))
    {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// A port that no program listens on now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until `probe` returns a value.
///
/// # Panics
/// After two minutes.
pub fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "still waiting for {what} after {DEADLINE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A running program. Dropping it kills the program and, if the test fails, shows its log.
pub(crate) struct Running {
    child: Child,
    name: String,
    log: Arc<Mutex<String>>,
}

impl Running {
    pub(crate) fn start(name: &str, mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        collect(child.stderr.take().unwrap(), log.clone());
        Self { child, name: name.to_owned(), log }
    }

    /// Waits until `probe` returns true. Panics if the program ends before.
    pub(crate) fn until(&mut self, what: &str, mut probe: impl FnMut() -> bool) {
        until(what, || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("{} ended with {status}", self.name);
            }
            probe().then_some(())
        });
    }

    /// Kills the program as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let log = self.log.lock().unwrap();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!(
                "--- end of the log of {}\n{}",
                self.name,
                lines[lines.len().saturating_sub(SHOWN_LOG_LINES)..].join("\n")
            );
        }
    }
}

fn collect(stderr: impl Read + Send + 'static, log: Arc<Mutex<String>>) {
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
}

/// The root of the repository.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}
