//! The adapter between handlers and the platform that they run on. It depends on no backend and on no function.
//!
//! - [`clock`]: keeps the time of the store
//! - [`settings`]: one list of environment variables, validated at start
//! - [`telemetry`]: logs and metrics
//! - [`shutdown`]: signals as a cancellation token
//! - [`server`]: an HTTP server with limits and a graceful shutdown
//! - [`poll`]: the loop that receives messages and runs a [`Handler`](pssp_jobs::Handler) for each
//! - [`sweep`]: the loop that repairs overdue jobs and removes expired records
//! - [`liveness`]: whether the poll loop is alive and ready
//! - [`probes`]: health checks and metrics of a worker process
//! - `lambda` (feature `lambda`): the host on AWS Lambda, where requests and messages come as events
//! - [`deferred`]: a router that is set after the server starts
//! - [`program`]: code that the main functions share

pub mod clock;
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
