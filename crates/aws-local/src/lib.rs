//! Local AWS: imitates on one machine the AWS services around the two functions, with the limits of AWS.
//!
//! It is a tool for development and tests and is never deployed. The head of each module lists the differences from
//! AWS.

#![allow(missing_docs, reason = "a test tool; names such as `url` and `sqs` explain themselves")]

mod client;
pub mod dynamodb;
pub mod event_source;
pub mod gateway;
mod http;
pub mod local;
pub mod runtime;
pub mod schedule;
pub mod sqs;
