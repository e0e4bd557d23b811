//! SQS on loopback: standard queues in memory behind the JSON protocol that today's SDKs speak, with AWS's limits.
//!
//! Departures from AWS: nothing is signed or allowed by policy; queues are not partitioned, so that messages come
//! nearly in order and no delivery is doubled unless a test asks ([`Faults::double`]); counts are exact; what was
//! deleted never comes back; `PurgeQueue` works at once and as often as asked; there are no FIFO queues, no tags and
//! no message move tasks. Everything is gone when it stops.

mod actions;
mod error;
mod faults;
mod message;
mod queue;
mod settings;
mod state;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub use self::faults::{Fault, Faults};

use self::error::SqsError;
use self::state::Shared;
use crate::http::{Cut, Server};

/// The account that owns the resources of local AWS.
pub const ACCOUNT: &str = "000000000000";

/// A request cannot be larger than this: a batch of 1 MiB whose every character is escaped (`\u0001` is six).
const LARGEST_REQUEST: usize = 8 << 20;

/// How a stand-in is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The region in its ARNs.
    pub region: String,
    /// Where it listens; port 0 is a free one.
    pub address: SocketAddr,
}

impl Default for Options {
    fn default() -> Self {
        Self { region: "eu-central-1".to_owned(), address: (Ipv4Addr::LOCALHOST, 0).into() }
    }
}

/// How many messages a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// May be received.
    pub visible: usize,
    /// Received, neither deleted nor visible again.
    pub in_flight: usize,
    /// Sent with a delay that has not passed.
    pub delayed: usize,
}

/// A running stand-in. It ends, and cuts its connections, when it is dropped.
#[derive(Debug)]
pub struct Sqs {
    shared: Arc<Shared>,
    _server: Server,
}

impl Sqs {
    /// Starts one without queues.
    ///
    /// # Errors
    /// When it cannot listen where it should.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.address).await?;
        let shared = Arc::new(Shared::new(options.region, listener.local_addr()?));
        let router = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
            .with_state(shared.clone());
        Ok(Self { shared, _server: Server::on(listener, router)? })
    }

    /// The endpoint for SDKs, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// The URL of the queue `name`, whether it exists or not.
    #[must_use]
    pub fn queue_url(&self, name: &str) -> String {
        self.shared.url(name)
    }

    /// The ARN of the queue `name`, whether it exists or not.
    #[must_use]
    pub fn queue_arn(&self, name: &str) -> String {
        self.shared.arn(name)
    }

    /// Creates the queue `name` with `attributes` (names to strings, as `CreateQueue` takes them). Returns its URL.
    ///
    /// # Errors
    /// The message of the service, when it would refuse.
    pub async fn create_queue(&self, name: &str, attributes: Value) -> io::Result<String> {
        let input = json!({ "QueueName": name, "Attributes": attributes });
        let created = actions::perform(&self.shared, "CreateQueue", &input).await;
        created.map(|_| self.queue_url(name)).map_err(|error| io::Error::other(error.message))
    }

    /// What the queue `name` holds now; nothing for a queue that does not exist.
    #[must_use]
    pub fn counts(&self, name: &str) -> Counts {
        let (at, at_ms) = state::now();
        let mut queues = self.shared.queues();
        queues.get_mut(name).map_or_else(Counts::default, |queue| {
            queue.advance(at, at_ms);
            queue.counts()
        })
    }

    /// Bodies of all messages in the queue `name`, visible or not, oldest first.
    #[must_use]
    pub fn bodies(&self, name: &str) -> Vec<String> {
        self.shared.queues().get(name).map(queue::Queue::bodies).unwrap_or_default()
    }

    /// Empties the queue `name`, as `PurgeQueue` does.
    pub fn purge(&self, name: &str) {
        if let Some(queue) = self.shared.queues().get_mut(name) {
            queue.purge();
        }
    }

    /// The faults that it still has to make.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// How many requests of each action arrived so far: what AWS would charge for.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let Some(action) = target.and_then(|target| target.strip_prefix("AmazonSQS.")) else {
        return SqsError::new("InvalidAction", "There is no X-Amz-Target of AmazonSQS.").into_response();
    };
    *shared.requests.lock().unwrap_or_else(PoisonError::into_inner).entry(action.to_owned()).or_default() +=
        1;
    let (latency, fault) = shared.faults.of_request(action);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match fault {
        Some(Fault::CutBefore) => return cut(),
        Some(Fault::CutAfter) | None => {}
        Some(fault) => {
            return fault.error().unwrap_or_else(SqsError::no_queue).into_response();
        }
    }
    let Ok(input) = serde_json::from_slice::<Value>(&body) else {
        return SqsError::new("MalformedInput", "The request is not JSON.").into_response();
    };
    let answer = actions::perform(&shared, action, &input).await;
    match (fault, answer) {
        (Some(_), _) => cut(),
        (None, Ok(answer)) => json_response(&answer),
        (None, Err(error)) => error.into_response(),
    }
}

fn json_response(answer: &Value) -> Response {
    let headers = [
        ("content-type", "application/x-amz-json-1.0".to_owned()),
        ("x-amzn-requestid", uuid::Uuid::new_v4().to_string()),
    ];
    (headers, Body::from(answer.to_string())).into_response()
}

fn cut() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Cut);
    response
}
