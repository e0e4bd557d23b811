//! The cases, one file for each promise.

mod cancelled;
mod cost;
mod durable;
mod effect_once;
mod keys;
mod nothing_stuck;
mod poison;
mod queue;
mod randomised;
mod records;
mod reuse;
mod shutdown;
mod turns;

pub use cancelled::*;
pub use cost::*;
pub use durable::*;
pub use effect_once::*;
pub use keys::*;
pub use nothing_stuck::*;
pub use poison::*;
pub use queue::*;
pub use randomised::*;
pub use records::*;
pub use reuse::*;
pub use shutdown::*;
pub use turns::*;

/// The source of every file above, for [`case_names`](super::case_names).
pub(super) const SOURCES: &[&str] = &[
    include_str!("cancelled.rs"),
    include_str!("cost.rs"),
    include_str!("durable.rs"),
    include_str!("effect_once.rs"),
    include_str!("keys.rs"),
    include_str!("nothing_stuck.rs"),
    include_str!("poison.rs"),
    include_str!("queue.rs"),
    include_str!("randomised.rs"),
    include_str!("records.rs"),
    include_str!("reuse.rs"),
    include_str!("shutdown.rs"),
    include_str!("turns.rs"),
];
