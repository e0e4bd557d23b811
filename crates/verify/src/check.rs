//! The types of cases and groups.

use crate::probe::Probe;
use crate::verdict::Verdict;

/// An acceptance case.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The expected behaviour, as a sentence.
    pub name: &'static str,
    /// Whether the case submits jobs, and so cannot run while intake is paused.
    pub submits: bool,
    /// Runs the case.
    pub run: fn(&Probe) -> Verdict,
}

/// The cases for one part of the service.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// The name of the part, in one word.
    pub name: &'static str,
    /// Its cases, in the order in which they run.
    pub checks: &'static [Check],
}

/// A case that submits no jobs.
pub(crate) const fn reads(name: &'static str, run: fn(&Probe) -> Verdict) -> Check {
    Check { name, submits: false, run }
}

/// A case that submits jobs.
pub(crate) const fn submits(name: &'static str, run: fn(&Probe) -> Verdict) -> Check {
    Check { name, submits: true, run }
}
