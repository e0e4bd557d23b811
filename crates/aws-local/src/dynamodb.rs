//! DynamoDB on loopback: the program `dynoxide` as a child process, and the table of
//! `docs/adr/0007-one-table-on-aws.md`.
//!
//! dynoxide requires the headers of a signature and does not check them. It is a separate program and not a dependency,
//! because it links another SQLite than this workspace.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::client::{CallError, JsonClient};

/// How often the start is tried, each time on another port.
const START_TRIES: u32 = 5;

/// How long the program may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running stand-in. Dropping it kills the process.
#[derive(Debug)]
pub struct DynamoDb {
    program: PathBuf,
    database: Option<PathBuf>,
    port: u16,
    endpoint: String,
    client: JsonClient,
    child: Child,
}

impl DynamoDb {
    /// Starts `program` on a free port. The data is in the file `database`, or in memory if that is `None`.
    ///
    /// # Errors
    /// If the program is missing, ends, or does not answer in time.
    pub async fn start(program: &Path, database: Option<&Path>) -> io::Result<Self> {
        let mut tries = 1;
        loop {
            let port = free_port().await?;
            let endpoint = format!("http://127.0.0.1:{port}");
            let client = JsonClient::new(&endpoint);
            match serve(program, database, port, &client).await {
                Ok(child) => {
                    let (program, database) = (program.to_owned(), database.map(Path::to_owned));
                    return Ok(Self { program, database, port, endpoint, client, child });
                }
                // Another process may take the free port before the program binds it.
                Err(error) if error.kind() != io::ErrorKind::NotFound && tries < START_TRIES => {
                    tracing::debug!(%error, port, "another port is tried");
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Kills the process and starts another on the same port and file.
    ///
    /// # Errors
    /// As [`DynamoDb::start`].
    pub async fn restart(&mut self) -> io::Result<()> {
        self.child.kill().await?;
        self.child = serve(&self.program, self.database.as_deref(), self.port, &self.client).await?;
        Ok(())
    }

    /// The endpoint for SDKs.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Creates the table `name` with its keys, indexes and TTL, unless it exists.
    ///
    /// # Errors
    /// If the stand-in refuses or does not answer.
    pub async fn create_table(&self, name: &str) -> io::Result<()> {
        match self.client.call("DynamoDB_20120810.CreateTable", &table(name)).await {
            Ok(_) => {}
            Err(CallError::Refused { kind, .. }) if kind == "ResourceInUseException" => return Ok(()),
            Err(error) => return Err(io::Error::other(error.to_string())),
        }
        let ttl = json!({
            "TableName": name,
            "TimeToLiveSpecification": { "AttributeName": "ttl", "Enabled": true },
        });
        let set = self.client.call("DynamoDB_20120810.UpdateTimeToLive", &ttl).await;
        set.map(drop).map_err(|error| io::Error::other(error.to_string()))
    }
}

/// Starts the program and waits until it answers.
async fn serve(program: &Path, database: Option<&Path>, port: u16, client: &JsonClient) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.args(["serve", "--host", "127.0.0.1", "--log", "quiet", "--port", &port.to_string()]);
    if let Some(database) = database {
        command.arg("--db-path").arg(database);
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn();
    let mut child =
        child.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", program.display())))?;
    tokio::select! {
        status = child.wait() => return Err(io::Error::other(format!("dynoxide ended: {}", status?))),
        ready = tokio::time::timeout(START_TIMEOUT, ready(client)) => ready?,
    }
    Ok(child)
}

/// The path of the program: `configured`, else the folder below the working directory where `scripts/` installs tools.
#[must_use]
pub fn program(configured: Option<PathBuf>) -> PathBuf {
    configured.unwrap_or_else(|| PathBuf::from("target/tools/bin/dynoxide"))
}

/// Waits until the stand-in answers. Another server that has its port refuses the call.
async fn ready(client: &JsonClient) {
    while client.call("DynamoDB_20120810.ListTables", &json!({})).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A free port. The program cannot choose one itself, since it does not report its port.
async fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port())
}

fn table(name: &str) -> Value {
    let keys = |partition: &str, sort: &str| {
        json!([
            { "AttributeName": partition, "KeyType": "HASH" },
            { "AttributeName": sort, "KeyType": "RANGE" },
        ])
    };
    let attributes =
        [("pk", "S"), ("sk", "S"), ("owner", "S"), ("id", "S"), ("due_key", "S"), ("due_at", "N")];
    let attributes = attributes.map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind }));
    json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": keys("pk", "sk"),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by_owner",
                "KeySchema": keys("owner", "id"),
                "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": ["head", "status"] },
            },
            {
                "IndexName": "by_due",
                "KeySchema": keys("due_key", "due_at"),
                "Projection": { "ProjectionType": "KEYS_ONLY" },
            },
        ],
    })
}
