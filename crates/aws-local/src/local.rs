//! Local AWS as a whole: stores, both functions, event source, schedule and gateway.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::dynamodb::DynamoDb;
use crate::event_source::{self, EventSource};
use crate::gateway::{Gateway, GatewayKind};
use crate::runtime::{self, Function};
use crate::schedule::Schedule;
use crate::sqs::{self, Sqs};

/// Name of the table.
pub const TABLE: &str = "pssp-local";
/// Name of the queue.
pub const QUEUE: &str = "pssp-local";
/// Name of the dead letter queue.
pub const DEAD_LETTERS: &str = "pssp-local-dead";

/// The visibility timeout as a multiple of the function's timeout, as AWS recommends.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
const VISIBILITY_FACTOR: u32 = 6;

/// Options of local AWS.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program of the API function.
    pub api: PathBuf,
    /// The program of the worker function.
    pub worker: PathBuf,
    /// The program `dynoxide`, which stands in for DynamoDB.
    pub dynoxide: PathBuf,
    /// The file of the table. If `None`, the table is in memory.
    pub database: Option<PathBuf>,
    /// The address of the gateway. Port 0 chooses a free port.
    pub address: SocketAddr,
    pub front: GatewayKind,
    /// Interval of the scheduled sweep. If `None`, there is no schedule.
    pub schedule: Option<Duration>,
    /// How often a message is received before it becomes a dead letter.
    pub max_receive_count: u32,
    /// Timeout of the worker function. It determines the visibility timeout if that is not given.
    pub worker_timeout: Duration,
    /// Visibility timeout of the queue.
    pub visibility: Option<Duration>,
    /// Limit of processes for each function.
    pub concurrency: usize,
    /// Limit of messages in an event.
    pub batch_size: usize,
    /// Further environment variables of both functions.
    pub env: Vec<(String, String)>,
}

impl Options {
    /// Both programs, with the values that `infra/` has for a test stage.
    #[must_use]
    pub fn new(api: PathBuf, worker: PathBuf) -> Self {
        Self {
            api,
            worker,
            dynoxide: crate::dynamodb::program(None),
            database: None,
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            front: GatewayKind::HttpApi,
            schedule: Some(Duration::from_secs(60)),
            max_receive_count: 5,
            worker_timeout: Duration::from_secs(60),
            visibility: None,
            concurrency: 4,
            batch_size: 10,
            env: Vec::new(),
        }
    }
}

/// A running local AWS. Dropping it stops it with its processes.
#[derive(Debug)]
pub struct LocalAws {
    options: Options,
    gateway: Gateway,
    feeds: Option<Feeds>,
    api: Function,
    worker: Function,
    sqs: Sqs,
    dynamodb: DynamoDb,
    backend: String,
}

/// The parts that invoke the worker. Dropping them stops them.
#[derive(Debug)]
struct Feeds {
    _source: EventSource,
    _schedule: Option<Schedule>,
}

impl Feeds {
    fn start(sqs: &Sqs, options: &Options, worker: &Function) -> io::Result<Self> {
        let source = EventSource::start(source(sqs, options), worker).map_err(io::Error::other)?;
        let schedule = options.schedule.map(|interval| Schedule::start(interval, worker.clone()));
        Ok(Self { _source: source, _schedule: schedule })
    }
}

impl LocalAws {
    /// Starts all parts, the stores first.
    ///
    /// # Errors
    /// If a part cannot be started; the text names it and the reason.
    pub async fn start(options: Options) -> io::Result<Self> {
        let dynamodb = DynamoDb::start(&options.dynoxide, options.database.as_deref()).await?;
        dynamodb.create_table(TABLE).await?;
        let sqs = Sqs::start(sqs::Options::default()).await?;
        create_queues(&sqs, &options).await?;
        let backend = backend(&dynamodb, &sqs);
        let api = Function::new(function("pssp-api", &options.api, &backend, &options));
        let worker = runtime::Options {
            timeout: options.worker_timeout,
            // The schedule needs one process more than the event source uses.
            concurrency: options.concurrency.saturating_add(1),
            ..function("pssp-worker", &options.worker, &backend, &options)
        };
        let worker = Function::new(worker);
        let feeds = Some(Feeds::start(&sqs, &options, &worker)?);
        let gateway = Gateway::start(options.address, options.front.clone(), api.clone()).await?;
        Ok(Self { options, gateway, feeds, api, worker, sqs, dynamodb, backend })
    }

    /// URL of the service, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.gateway.url()
    }

    /// The stand-in for SQS, with its faults and counts.
    #[must_use]
    pub fn sqs(&self) -> &Sqs {
        &self.sqs
    }

    /// The stand-in for DynamoDB.
    #[must_use]
    pub fn dynamodb(&self) -> &DynamoDb {
        &self.dynamodb
    }

    /// The API function.
    #[must_use]
    pub fn api(&self) -> &Function {
        &self.api
    }

    /// The worker function.
    #[must_use]
    pub fn worker(&self) -> &Function {
        &self.worker
    }

    /// The value of `PSSP_BACKEND` in the functions. `pssp` can use it too.
    #[must_use]
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// Disables event source and schedule, and kills the worker's processes. No job is computed until
    /// [`LocalAws::resume_worker`].
    pub fn stop_worker(&mut self) {
        self.feeds = None;
        self.worker.kill();
    }

    /// Enables event source and schedule again.
    ///
    /// # Errors
    /// If they cannot be started. This does not happen after a successful [`LocalAws::start`].
    pub fn resume_worker(&mut self) -> io::Result<()> {
        self.feeds = Some(Feeds::start(&self.sqs, &self.options, &self.worker)?);
        Ok(())
    }

    /// Simulates an outage: kills the stand-in for DynamoDB and starts it again on its port and file. A table in memory
    /// is lost.
    ///
    /// # Errors
    /// If the stand-in does not start again.
    pub async fn restart_dynamodb(&mut self) -> io::Result<()> {
        self.dynamodb.restart().await
    }
}

async fn create_queues(sqs: &Sqs, options: &Options) -> io::Result<()> {
    sqs.create_queue(DEAD_LETTERS, json!({ "MessageRetentionPeriod": "1209600" })).await?;
    let visibility = options.visibility.unwrap_or(options.worker_timeout * VISIBILITY_FACTOR);
    let redrive = json!({
        "deadLetterTargetArn": sqs.queue_arn(DEAD_LETTERS),
        "maxReceiveCount": options.max_receive_count,
    });
    let attributes = json!({
        "VisibilityTimeout": visibility.as_secs().to_string(),
        "RedrivePolicy": redrive.to_string(),
    });
    sqs.create_queue(QUEUE, attributes).await.map(drop)
}

fn backend(dynamodb: &DynamoDb, sqs: &Sqs) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("queue", &sqs.queue_url(QUEUE))
        .append_pair("region", REGION)
        .append_pair("dynamodb_endpoint", dynamodb.endpoint())
        .append_pair("sqs_endpoint", &sqs.endpoint())
        .finish();
    format!("aws://{TABLE}?{query}")
}

const REGION: &str = "eu-central-1";

fn function(name: &str, program: &std::path::Path, backend: &str, options: &Options) -> runtime::Options {
    let mut env = vec![("PSSP_BACKEND".to_owned(), backend.to_owned())];
    env.extend(options.env.iter().cloned());
    runtime::Options { env, concurrency: options.concurrency, ..runtime::Options::new(name, program) }
}

fn source(sqs: &Sqs, options: &Options) -> event_source::Options {
    event_source::Options {
        endpoint: sqs.endpoint(),
        queue_url: sqs.queue_url(QUEUE),
        queue_arn: sqs.queue_arn(QUEUE),
        region: REGION.to_owned(),
        batch_size: options.batch_size,
        maximum_concurrency: options.concurrency,
    }
}
