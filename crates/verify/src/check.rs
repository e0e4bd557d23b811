//! What a case is.

use crate::probe::Probe;
use crate::verdict::Verdict;

/// One case.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// What must hold, as a sentence.
    pub name: &'static str,
    /// Whether the case submits jobs, and so cannot run while intake is paused.
    pub submits: bool,
    /// Runs the case.
    pub run: fn(&Probe) -> Verdict,
}

/// Cases about one part of the service.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// The part, in one word.
    pub name: &'static str,
    /// Its cases, in the order in which they run.
    pub checks: &'static [Check],
}

/// A case that submits nothing.
pub(crate) const fn reads(name: &'static str, run: fn(&Probe) -> Verdict) -> Check {
    Check { name, submits: false, run }
}

/// A case that submits jobs.
pub(crate) const fn submits(name: &'static str, run: fn(&Probe) -> Verdict) -> Check {
    Check { name, submits: true, run }
}
