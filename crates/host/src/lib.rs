//! The adapter between handlers and the platform that they run on. Depends on no backend and no function.
//!
//! - [`settings`]: one list of environment variables, validated at start
//! - [`telemetry`]: logs and metrics
//! - [`shutdown`]: signals as a cancellation token
//! - [`server`]: an HTTP server with bounds and a graceful end
//! - [`poll`]: the loop that takes messages and runs a [`Handler`](pssp_jobs::Handler) for each
//! - [`sweep`]: the loop that repairs what is overdue
//! - [`liveness`]: whether the poll loop is doing well
//! - [`probes`]: what a worker process answers about itself
//! - `lambda` (feature `lambda`): the same on AWS Lambda, from which requests and messages come as events
//! - [`deferred`]: a router that is set after the server starts
//! - [`program`]: what the mains share

pub mod deferred;
#[cfg(feature = "lambda")]
pub mod lambda;
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
