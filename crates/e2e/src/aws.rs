//! The service as on AWS: `pssp-api` and `pssp-worker` as Lambda functions, with stand-ins for SQS and DynamoDB.
//!
//! docs/aws.md describes the stand-ins and their differences from AWS.

use std::time::Duration;

use pssp_aws_local::local::{LocalAws, Options, QUEUE};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{Client, Platform, SETTINGS, program};

/// The service on local AWS.
pub struct Aws {
    local: LocalAws,
    _folder: TempDir,
    runtime: Runtime,
}

impl Aws {
    /// Starts the service with an empty table and an empty queue.
    #[must_use]
    pub fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let options = Options {
            dynoxide: program::tool("PSSP_DYNOXIDE", "bin/dynoxide"),
            database: Some(folder.path().join("table.db")),
            // On AWS the interval is one minute.
            schedule: Some(Duration::from_secs(1)),
            max_receive_count: 100,
            worker_timeout: Duration::from_secs(20),
            visibility: Some(Duration::from_secs(20)),
            concurrency: 10,
            env: settings.collect(),
            ..Options::new(program::path("pssp-api"), program::path("pssp-worker"))
        };
        let local = runtime.block_on(LocalAws::start(options)).unwrap();
        Self { local, _folder: folder, runtime }
    }
}

impl Platform for Aws {
    fn client(&self) -> Client {
        Client::new(&self.local.url())
    }

    fn backend(&self) -> String {
        self.local.backend().to_owned()
    }

    fn operator_env(&self) -> Vec<(String, String)> {
        let dummy = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
        dummy.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    fn kill_workers(&mut self) {
        self.local.stop_worker();
    }

    fn start_workers(&mut self) {
        let _within = self.runtime.enter();
        self.local.resume_worker().unwrap();
    }

    fn restart_api(&mut self) {
        // The next request starts a new process.
        self.local.api().kill();
    }

    fn restart_store(&mut self) {
        self.runtime.block_on(self.local.restart_dynamodb()).unwrap();
    }

    fn lose_messages(&mut self) {
        self.local.sqs().purge(QUEUE);
    }
}
