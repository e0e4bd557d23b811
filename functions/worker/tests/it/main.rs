//! Tests of the worker, one module for each topic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod failures;
mod invocations;
mod lost;
mod once;
mod pool;
#[cfg(feature = "standalone")]
mod program;
#[cfg(feature = "standalone")]
mod sharing;
mod store;
mod submit;
mod support;
#[cfg(feature = "standalone")]
mod whole;
