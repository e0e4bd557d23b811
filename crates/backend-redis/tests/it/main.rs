//! Tests of the Redis backend against real servers, which each test run starts on free ports.

#![allow(clippy::unwrap_used, reason = "a failed expectation is how a test fails")]

mod bounded;
mod contract;
mod dump;
mod heal;
mod refuse;
mod server;
mod tls;
mod upgrade;
mod wake;

use pssp_jobs::contract::live::{eventually, is_finished, jobs, jobs_at, new_job, submit, work, worker};
