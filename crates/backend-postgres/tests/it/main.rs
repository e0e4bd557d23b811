//! Tests of the PostgreSQL backend against real servers, which each test run starts on free ports.

#![allow(clippy::unwrap_used, reason = "a failed expectation is how a test fails")]

mod bounded;
mod contract;
mod heal;
mod refuse;
mod support;
mod wake;
