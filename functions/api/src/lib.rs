//! The API function of pssp: [`router`] makes an [`axum::Router`] of an [`App`].
//!
//! Two APIs on one service: the classic API at the root, whose clients keep working, and the v1 API under
//! `/v1`. `openapi.json` describes both.
//!
//! - [`app`]: what the handlers need ([`App`]); `config`: what an operator may set ([`Config`])
//! - [`routes`]: one file a resource, and [`ROUTES`], the list of them
//! - `problem`: every error, as RFC 9457 (v1 API) or as text (classic API)
//! - `body`, `input`, `negotiate`, `headers`: from a request to what it asks for
//! - [`Gateway`]: what a gateway in front of the service says of a request
//! - `describe` (feature `openapi`): makes `openapi.json` from the routes and the types of `pssp-api-types`
//! - `layers`: what happens to every request: id, log line, metrics, limits, panics
//!
//! The handlers know no backend and no host; what only the program needs lies behind the feature
//! `standalone`.

pub mod app;
mod auth;
mod body;
mod buffers;
mod config;
mod cpu;
#[cfg(feature = "openapi")]
pub mod describe;
mod gateway;
mod headers;
mod input;
mod keys;
mod layers;
mod negotiate;
#[cfg(feature = "openapi")]
pub mod operation;
mod paths;
mod problem;
mod render;
mod retry_after;
pub mod route;
pub mod routes;
#[cfg(feature = "standalone")]
pub mod standalone;
mod view;

pub use app::App;
pub use auth::Access;
pub use config::Config;
pub use gateway::Gateway;
pub use pssp_jobs::ApiKey;
pub use routes::{ROUTES, router};

/// The version of this program: that of its image and of its git tag.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The description of the HTTP interface, as served at `/openapi.json`. Made by the example `openapi`.
pub const OPENAPI: &str = include_str!("../openapi.json");
