//! Everything together: stores, both functions, event source, schedule and gateway.

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

/// Names of table, queue and dead letter queue.
pub const TABLE: &str = "pssp-local";
/// The queue.
pub const QUEUE: &str = "pssp-local";
/// Where messages go that were received too often.
pub const DEAD_LETTERS: &str = "pssp-local-dead";

/// AWS's advice for the visibility: this many times the timeout of the function.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
const VISIBILITY_FACTOR: u32 = 6;

/// How local AWS is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program of the API function.
    pub api: PathBuf,
    /// The program of the worker function.
    pub worker: PathBuf,
    /// The program `dynoxide`.
    pub dynoxide: PathBuf,
    /// A file for the table; else it is in memory.
    pub database: Option<PathBuf>,
    /// Where the gateway listens; port 0 is a free one.
    pub address: SocketAddr,
    /// The kind of gateway.
    pub front: GatewayKind,
    /// Interval of the schedule, none without one.
    pub schedule: Option<Duration>,
    /// Receives of a message before it becomes a dead letter.
    pub max_receive_count: u32,
    /// Timeout of the worker function; visibility follows from it unless given.
    pub worker_timeout: Duration,
    /// Visibility of received messages.
    pub visibility: Option<Duration>,
    /// Processes of each function at most.
    pub concurrency: usize,
    /// Messages in an event.
    pub batch_size: usize,
    /// More variables for both functions.
    pub env: Vec<(String, String)>,
}

impl Options {
    /// Both programs with the figures that `infra/` would use for a test stage.
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

/// A running local AWS. It ends, with its processes, when it is dropped.
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

/// What invokes the worker; it stops when it is dropped.
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
    /// Starts everything, stores first.
    ///
    /// # Errors
    /// What could not be started, and why.
    pub async fn start(options: Options) -> io::Result<Self> {
        let dynamodb = DynamoDb::start(&options.dynoxide, options.database.as_deref()).await?;
        dynamodb.create_table(TABLE).await?;
        let sqs = Sqs::start(sqs::Options::default()).await?;
        create_queues(&sqs, &options).await?;
        let backend = backend(&dynamodb, &sqs);
        let api = Function::new(function("pssp-api", &options.api, &backend, &options));
        let worker = runtime::Options {
            timeout: options.worker_timeout,
            // One more than the event source uses, for the schedule.
            concurrency: options.concurrency.saturating_add(1),
            ..function("pssp-worker", &options.worker, &backend, &options)
        };
        let worker = Function::new(worker);
        let feeds = Some(Feeds::start(&sqs, &options, &worker)?);
        let gateway = Gateway::start(options.address, options.front.clone(), api.clone()).await?;
        Ok(Self { options, gateway, feeds, api, worker, sqs, dynamodb, backend })
    }

    /// URL of the service, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        self.gateway.url()
    }

    /// The stand-in of SQS, with its faults and counts.
    #[must_use]
    pub fn sqs(&self) -> &Sqs {
        &self.sqs
    }

    /// The stand-in of DynamoDB.
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

    /// What `PSSP_BACKEND` is set to; `pssp` itself can use it too.
    #[must_use]
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// Disables event source and schedule and kills the worker's processes: nothing is computed until
    /// [`LocalAws::resume_worker`].
    pub fn stop_worker(&mut self) {
        self.feeds = None;
        self.worker.kill();
    }

    /// Enables event source and schedule again.
    ///
    /// # Errors
    /// None once they could be started before.
    pub fn resume_worker(&mut self) -> io::Result<()> {
        self.feeds = Some(Feeds::start(&self.sqs, &self.options, &self.worker)?);
        Ok(())
    }

    /// Kills the stand-in of DynamoDB and starts it again on its port and file: an outage. What was in memory
    /// only is gone.
    ///
    /// # Errors
    /// If it does not come back.
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
