//! Small helpers that several crates share. This crate depends on no other crate of the workspace and on no async
//! runtime, so callers of [`Backoff`] sleep themselves.

mod backoff;
mod error;
mod text;

pub use backoff::{Backoff, jittered};
pub use error::error_chain;
pub use text::plain;
