//! Shared code of the tests: a backend on its own file, jobs, and child processes.

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pssp_backend_sqlite::{Options, SqliteBackend};
use pssp_jobs::service::NewJob;
use pssp_jobs::{Backend, Clock, Job, Jobs, ManualClock, Owner, Policy, Timestamp};
use pssp_predict::Sequence;
use tempfile::TempDir;

/// The variable that passes the file to a test that runs as a child process.
pub(crate) const CHILD_FILE: &str = "PSSP_SQLITE_TEST_FILE";

/// A backend on a temporary file, with a manual clock.
pub(crate) struct Fixture {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sqlite: Arc<SqliteBackend>,
    options: Options,
    directory: TempDir,
}

impl Fixture {
    pub(crate) fn new(options: Options) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
        let sqlite =
            SqliteBackend::open(directory.path().join("pssp.db"), clock.clone(), options.clone()).unwrap();
        Self { clock, sqlite, options, directory }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("pssp.db")
    }

    /// Another backend on the same file, as in another process.
    pub(crate) fn second(&self) -> Arc<SqliteBackend> {
        SqliteBackend::open(self.path(), self.clock.clone(), self.options.clone()).unwrap()
    }

    pub(crate) fn jobs(&self) -> Jobs {
        jobs(&self.sqlite, self.clock.clone())
    }
}

pub(crate) fn jobs(sqlite: &Arc<SqliteBackend>, clock: Arc<dyn Clock>) -> Jobs {
    Jobs::new(Backend::of(sqlite.clone()), clock, Policy::default()).unwrap()
}

pub(crate) fn owner() -> Owner {
    Owner::new("tester")
}

/// A job with an input of `length` residues.
pub(crate) fn new_job(length: usize) -> NewJob {
    let input = "ACDEFGHIKLMNPQRSTVWY".chars().cycle().take(length).collect::<String>();
    NewJob::from(input.parse::<Sequence>().unwrap())
}

pub(crate) async fn submit(jobs: &Jobs) -> Job {
    jobs.submit(&owner(), new_job(40), Duration::ZERO, None).await.unwrap().value
}

/// Runs this test binary again with one ignored test, which works on `file`.
pub(crate) fn child(part: &str, file: &Path) -> (Child, ChildStdout) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", part, "--ignored", "--nocapture", "--test-threads=1"])
        .env(CHILD_FILE, file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    (child, stdout)
}

/// The file that a child works on; `None` if somebody runs the ignored tests by hand.
pub(crate) fn child_file() -> Option<PathBuf> {
    std::env::var_os(CHILD_FILE).map(PathBuf::from)
}

/// Polls until `done`. Fails after a time that only a hang can take.
pub(crate) async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
