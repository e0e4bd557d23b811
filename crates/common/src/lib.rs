//! Small helpers that several crates share. Depends on no other crate of the workspace, and on no async runtime:
//! callers sleep the waits themselves.

mod backoff;
mod error;
mod text;

pub use backoff::{Backoff, jittered};
pub use error::error_chain;
pub use text::plain;
