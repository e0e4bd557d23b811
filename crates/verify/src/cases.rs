//! The list of cases, and one file for each group of them.

use crate::check::Group;
use crate::probe::Probe;
use crate::verdict::Verdict;

mod batch;
mod classic;
mod events;
mod idempotency;
mod input;
mod jobs;
mod keys;
mod problems;
mod results;
mod service;

/// Every case, in the order in which they run.
pub const GROUPS: &[Group] = &[
    Group { name: "service", checks: service::CHECKS },
    Group { name: "keys", checks: keys::CHECKS },
    Group { name: "classic", checks: classic::CHECKS },
    Group { name: "jobs", checks: jobs::CHECKS },
    Group { name: "events", checks: events::CHECKS },
    Group { name: "results", checks: results::CHECKS },
    Group { name: "idempotency", checks: idempotency::CHECKS },
    Group { name: "batch", checks: batch::CHECKS },
    Group { name: "input", checks: input::CHECKS },
    Group { name: "problems", checks: problems::CHECKS },
];

/// The case for a service whose intake is paused: it answers submissions with 503 and `Retry-After`, and reads work.
///
/// # Errors
/// If the service behaves differently.
pub fn intake_is_paused(probe: &Probe) -> Verdict {
    problems::paused(probe)
}
