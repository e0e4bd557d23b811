//! Acceptance cases: how a live pssp service must behave over HTTP.
//!
//! `pssp verify` and the end-to-end suite (`crates/e2e`) run the same cases ([`GROUPS`]). To add one, write it in the
//! file of its group below `cases/` and add its line to the group's `CHECKS`. Other clients may use the service
//! at the same time, so a case checks only its own jobs.

mod answer;
mod cases;
mod check;
mod labels;
mod pace;
mod probe;
mod text;
mod verdict;

pub use answer::Answer;
pub use cases::{GROUPS, intake_is_paused};
pub use check::{Check, Group};
pub use probe::{CHAIN, Probe};
pub use text::{brief, text};
pub use verdict::{Verdict, Why, ensure, equal};
