//! Small helpers that several crates share. Depends on no other crate of the workspace, and on no async runtime:
//! callers sleep the waits themselves.

mod backoff;
mod error;

pub use backoff::{Backoff, jittered};
pub use error::error_chain;
