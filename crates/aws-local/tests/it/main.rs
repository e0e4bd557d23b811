//! Tests of the parts of local AWS, each through its protocol.

#![allow(clippy::unwrap_used, reason = "a failed expectation is how a test fails")]

mod dynamodb;
mod event_source;
mod gateway;
mod runtime;
mod sqs;
mod sqs_delivery;
mod support;
