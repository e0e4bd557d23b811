//! Tests of the HTTP interface: requests to the router, with the in-memory backend.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod support;

mod access;
mod auth;
mod batch_results;
mod batches;
mod bounds;
mod caching;
mod cancel_delete;
mod classic;
mod encodings;
mod errors;
mod events;
mod forms;
mod gateway;
mod hostile;
mod idempotency;
mod jobs_create;
mod jobs_read;
mod limits;
mod logs;
mod metrics;
mod notice;
mod openapi;
mod pages;
mod plots;
#[cfg(feature = "standalone")]
mod program;
mod results;
mod reuse;
mod same_text;
mod service;
mod slashes;
mod stored_keys;
mod validate;
mod wait;
