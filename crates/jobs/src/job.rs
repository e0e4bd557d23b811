//! A job: its record, and how it moves from state to state.
//!
//! - [`record`]: [`Job`] (head and status), [`Request`] (the input), and what they are made of
//! - [`transition`]: pure functions from one [`Job`] to the next

pub mod record;
pub mod transition;

pub use record::{
    AttemptError, BatchRef, Failure, FailureClass, Fence, Head, Job, Lease, Phase, Request, State, Status,
};
pub use transition::Refused;
