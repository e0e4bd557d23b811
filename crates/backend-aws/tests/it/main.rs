//! Tests of the AWS backend against stand-ins, which each test run starts on free ports; see `stand_ins`.

#![allow(clippy::unwrap_used, reason = "a failed expectation is how a test fails")]

mod contract;
mod cost;
mod dump;
mod faults;
mod proxy;
mod stand_ins;
mod start;
mod upgrade;
