//! The API function of pssp: [`router`] makes an [`axum::Router`] of an [`App`].
//!
//! Two APIs on one service: the classic API at the root, whose clients keep working, and the v1 API under
//! `/v1`. `openapi.json` describes both.
//!
//! - [`app`]: the data that handlers need ([`App`]); `config`: the settings of the operator ([`Config`])
//! - [`routes`]: one file for each resource, and [`ROUTES`], the list of all routes
//! - `problem`: every error, as RFC 9457 (v1 API) or as text (classic API)
//! - `page`: what the pages for people have in common; the crate `pssp-page` has their templates
//! - `accept`, `body`, `input`, `negotiate`, `headers`: read the parts of a request
//! - [`Gateway`]: information from a gateway in front of the service
//! - `describe` (feature `openapi`): makes `openapi.json` from the routes and the types of `pssp-api-types`
//! - `layers`: middleware for every request: request id, log line, metrics, limits, panics
//!
//! The handlers do not depend on a backend or a host. Code that only the program needs is in the feature
//! `standalone`.

mod accept;
pub mod app;
mod auth;
mod body;
mod bounds;
mod buffers;
mod client;
mod config;
mod cpu;
mod depth;
#[cfg(feature = "openapi")]
pub mod describe;
mod fresh;
mod gateway;
mod guesses;
mod headers;
mod immutable;
mod input;
mod keys;
mod layers;
mod negotiate;
#[cfg(feature = "openapi")]
pub mod operation;
mod origin;
mod page;
mod paths;
mod problem;
mod render;
mod retry_after;
pub mod route;
pub mod routes;
mod settled;
#[cfg(feature = "standalone")]
pub mod standalone;
mod stored_keys;
mod view;

pub use app::App;
pub use auth::Access;
pub use config::{Anonymous, Config};
pub use gateway::Gateway;
pub use pssp_jobs::ApiKey;
pub use routes::{PAGES, ROUTES, metrics_router, router};

/// The version of this program, equal to the version of its image and its git tag.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The description of the HTTP interface, as served at `/openapi.json`. The example `openapi` makes it.
pub const OPENAPI: &str = include_str!("../openapi.json");
