//! Runs the binary: commands to their end, and servers that are stopped when the test ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Time limit of every wait. It is far above the usual time, since a test machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Length of a chain that takes a good part of a second to predict, in residues.
pub(crate) const LONG_CHAIN: usize = 10_000;

/// Exit code and output of a command.
pub(crate) struct CommandOutput {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Long output is cut.
impl std::fmt::Debug for CommandOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cut = |text: &str| text.chars().take(500).collect::<String>();
        write!(f, "exit {}\nstdout: {}\nstderr: {}", self.code, cut(&self.out), cut(&self.err))
    }
}

impl CommandOutput {
    /// The first line of stdout.
    pub(crate) fn line(&self) -> &str {
        self.out.lines().next().unwrap_or_default()
    }

    /// Stdout as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Asserts that the command succeeded.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

/// The binary, without the settings in the environment of the tests.
pub(crate) fn pssp() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pssp"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PSSP_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).current_dir(root());
    command
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Runs a command with these arguments and this input.
pub(crate) fn run_with(mut command: Command, args: &[&str], stdin: &[u8]) -> CommandOutput {
    let child =
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = stdin.to_vec();
    // A command that refuses its input early closes the pipe.
    let writer = thread::spawn(move || drop(pipe.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    CommandOutput {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs the binary.
pub(crate) fn run(args: &[&str], stdin: &[u8]) -> CommandOutput {
    run_with(pssp(), args, stdin)
}

/// Waits until `probe` returns a value.
pub(crate) fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "still waiting for {what} after {DEADLINE:?}");
        sleep(Duration::from_millis(20));
    }
}

/// A FASTA file of `n` different chains of `length` residues.
pub(crate) fn chains(n: usize, length: usize) -> String {
    let letters = b"ACDEFGHIKLMNPQRSTVWY";
    let chain = |c: usize| {
        (0..length).map(|i| char::from(letters[(i * i + i / 7 + c * 13) % 20])).collect::<String>()
    };
    (0..n).map(|c| format!(">chain{c}\n{}\n", chain(c))).collect()
}

/// A running `pssp serve`; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// Starts a server on a free port with the store in `dir`.
    pub(crate) fn start(dir: &Path, settings: &[(&str, &str)]) -> Self {
        let mut command = pssp();
        command
            .args(["serve", "--addr", "127.0.0.1:0", "--backend"])
            .arg(format!("sqlite:{}", dir.join("jobs.db").display()))
            .envs(settings.iter().copied());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        collect(child.stderr.take().unwrap(), log.clone());
        let url = until("the server to listen", || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("the server ended with {status}: {}", log.lock().unwrap());
            }
            let log = log.lock().unwrap();
            let (_, rest) = log.split_once("pssp: listening on ")?;
            rest.split_once(',').map(|(url, _)| url.to_owned())
        });
        Self { child, url, log }
    }

    /// Runs a client command against this server.
    pub(crate) fn run(&self, args: &[&str], stdin: &[u8]) -> CommandOutput {
        let mut command = pssp();
        command.env("PSSP_URL", &self.url);
        run_with(command, args, stdin)
    }

    /// Kills the server as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops the server as an orchestrator does, with SIGTERM, and waits. Returns its exit code and log.
    pub(crate) fn terminate(mut self) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let status = until("the server to end", || self.child.try_wait().unwrap());
        (status.code(), self.log.lock().unwrap().clone())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- log of {}\n{}", self.url, self.log.lock().unwrap());
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
