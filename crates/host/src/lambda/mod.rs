//! AWS Lambda as a host: events come from its Runtime API, and responses go there.
//!
//! - [`http`]: events of API Gateway, function URLs and load balancers, for a router
//! - [`worker`]: batches of SQS, schedules and submissions, for a worker
//! - [`event`]: the events of a worker, distinguished by their shape
//! - [`Invocation`]: id and deadline of one event
//!
//! One event is processed at a time. No work goes on after its response, since Lambda then freezes the process.

mod base_path;
pub mod event;
pub mod http;
pub mod worker;

use std::time::{Duration, SystemTime};

use lambda_runtime::Context;
use tokio::time::Instant;

/// The metadata of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The platform's request id, as in its own log lines.
    pub request_id: String,
    /// When the platform ends the process.
    pub deadline: Instant,
}

impl Invocation {
    fn of(context: &Context) -> Self {
        let left = context.deadline().duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        Self { request_id: context.request_id.clone(), deadline: Instant::now() + left }
    }

    /// The time that is left.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Converts an error of the Lambda runtime.
fn runtime_error(error: lambda_runtime::Error) -> anyhow::Error {
    anyhow::anyhow!("the Lambda runtime ended: {error}")
}
