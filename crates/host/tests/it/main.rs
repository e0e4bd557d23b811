//! Tests of the host, one module for each part.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

#[cfg(feature = "lambda")]
mod lambda_http;
#[cfg(feature = "lambda")]
mod lambda_worker;
mod poll;
mod server;
mod settings;
mod support;
mod sweep;
mod telemetry;
