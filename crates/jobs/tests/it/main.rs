//! Tests of the jobs crate: the memory backend against the contract suite, and the transitions.

mod memory;
mod transitions;
