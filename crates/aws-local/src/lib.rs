//! Local AWS: what AWS does around the two functions, on one machine and with AWS's limits.
//!
//! It is a tool of development and tests and never part of what is deployed. Where it departs from AWS, the
//! head of the module says so.

mod client;
pub mod dynamodb;
pub mod event_source;
pub mod gateway;
mod http;
pub mod local;
pub mod runtime;
pub mod schedule;
pub mod sqs;
