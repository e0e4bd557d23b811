//! Tests of the SQLite backend.

#![allow(clippy::unwrap_used, reason = "a failed expectation is how a test fails")]

mod contract;
mod crash;
mod files;
mod limits;
mod processes;
mod queue;
mod support;
mod upgrade;
