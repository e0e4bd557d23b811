//! Tests of the jobs crate: the memory backend against the contract suite, and the transitions.

#![allow(clippy::unwrap_used, reason = "tests")]

mod intake;
mod memory;
mod transitions;
