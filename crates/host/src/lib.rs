//! The thin adapter between handlers and wherever they run. Knows no backend and no function.
//!
//! - [`settings`]: one list of environment variables, validated at start
//! - [`telemetry`]: logs and metrics
//! - [`shutdown`]: signals as a cancellation token
//! - [`server`]: an HTTP server with bounds and a graceful end
//! - [`poll`]: the loop that takes messages and runs a [`Handler`](pssp_jobs::Handler) for each
//! - [`sweep`]: the loop that repairs what is overdue
//! - [`liveness`]: whether the poll loop is doing well
//! - [`probes`]: what a worker process answers about itself
//! - `lambda` (feature `lambda`): the same functions on AWS Lambda, which brings the requests and messages
//! - [`program`]: what the mains share

mod backoff;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod later;
pub mod liveness;
pub mod poll;
pub mod probes;
mod processor;
pub mod program;
pub mod server;
pub mod settings;
pub mod shutdown;
pub mod sweep;
pub mod telemetry;

pub use settings::Settings;
