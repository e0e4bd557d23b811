//! SQS on loopback: standard queues in memory, with the JSON protocol of current SDKs and the limits of AWS.
//!
//! Differences from AWS: signatures and policies are not checked; queues are not partitioned, so messages come nearly
//! in order, and no delivery is doubled unless a test asks for it ([`Faults::double`]); counts are exact; deleted
//! messages never come back; `PurgeQueue` works at once and may be called at any time; there are no FIFO queues, no
//! tags and no message move tasks. All messages are lost when the stand-in stops.

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
use crate::http::{CloseConnection, Server};

/// The account that owns the resources of local AWS.
pub const ACCOUNT: &str = "000000000000";

/// Limit on a request in bytes. It fits a batch of 1 MiB in which every character is escaped (`\u0001` is six bytes).
const LARGEST_REQUEST: usize = 8 << 20;

/// Options of the stand-in.
#[derive(Clone, Debug)]
pub struct Options {
    /// The region in the ARNs.
    pub region: String,
    /// The address to listen on. Port 0 chooses a free port.
    pub address: SocketAddr,
}

impl Default for Options {
    fn default() -> Self {
        Self { region: "eu-central-1".to_owned(), address: (Ipv4Addr::LOCALHOST, 0).into() }
    }
}

/// Numbers of messages in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Visible messages.
    pub visible: usize,
    /// Messages in flight: received, and neither deleted nor visible again.
    pub in_flight: usize,
    /// Messages whose delay has not passed.
    pub delayed: usize,
}

/// A running stand-in. Dropping it stops it and closes its connections.
#[derive(Debug)]
pub struct Sqs {
    shared: Arc<Shared>,
    _server: Server,
}

impl Sqs {
    /// Starts a stand-in without queues.
    ///
    /// # Errors
    /// If it cannot listen on the address.
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
    /// The error message of SQS, if it refuses the queue.
    pub async fn create_queue(&self, name: &str, attributes: Value) -> io::Result<String> {
        let input = json!({ "QueueName": name, "Attributes": attributes });
        let created = actions::perform(&self.shared, "CreateQueue", &input).await;
        created.map(|_| self.queue_url(name)).map_err(|error| io::Error::other(error.message))
    }

    /// The numbers of messages in the queue `name`; all zero if the queue does not exist.
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

    /// The faults that are still to happen; tests add faults here.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// The number of requests so far, by action. AWS charges by it.
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
        Some(Fault::CutBefore) => return close_connection(),
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
        (Some(_), _) => close_connection(),
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

fn close_connection() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(CloseConnection);
    response
}
