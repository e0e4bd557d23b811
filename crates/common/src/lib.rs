//! Small helpers that several crates share. This crate depends on no other crate of the workspace. It never sleeps:
//! callers of [`Backoff`] do.

mod backoff;
mod error;
mod peer;
mod text;

pub use backoff::{Backoff, jittered};
pub use error::error_chain;
pub use peer::{PeerClosed, PeerWatch, network};
pub use text::plain;
