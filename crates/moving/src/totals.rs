//! Counts of what an archive has.

use std::collections::BTreeMap;
use std::fmt;

use pssp_jobs::{Entry, State};
use serde::{Deserialize, Serialize};

/// How many entries of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Jobs by state. A state without jobs is missing.
    pub jobs: BTreeMap<State, u64>,
    /// Batches.
    pub batches: u64,
    /// Idempotency keys. (A store may tell one of them twice.)
    pub keys: u64,
    /// Dead letters that belong to no job.
    pub letters: u64,
    /// 1 if there is an outage notice.
    pub notices: u64,
    /// Keys of callers.
    pub api_keys: u64,
}

impl Totals {
    /// Counts an entry.
    pub fn add(&mut self, entry: &Entry) {
        let count = match entry {
            Entry::Job(record) => self.jobs.entry(record.job.state()).or_default(),
            Entry::Batch(_) => &mut self.batches,
            Entry::JobKey(..) | Entry::BatchKey(..) => &mut self.keys,
            Entry::Letter { .. } => &mut self.letters,
            Entry::Notice(_) => &mut self.notices,
            Entry::ApiKey(_) => &mut self.api_keys,
        };
        *count += 1;
    }

    /// Jobs in every state.
    #[must_use]
    pub fn all_jobs(&self) -> u64 {
        self.jobs.values().sum()
    }

    /// Entries of every kind.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.all_jobs() + self.batches + self.keys + self.letters + self.notices + self.api_keys
    }
}

/// `1,204 jobs (3 submitted, 1,201 finished), 2 batches, …`; kinds that are not there are left out.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jobs = self.all_jobs();
        write!(f, "{}", counted(jobs, "job", "jobs"))?;
        if jobs > 0 {
            let states: Vec<String> = self.jobs.iter().map(|(state, n)| format!("{n} {state}")).collect();
            write!(f, " ({})", states.join(", "))?;
        }
        for (n, one, many) in [
            (self.batches, "batch", "batches"),
            (self.keys, "idempotency key", "idempotency keys"),
            (self.letters, "foreign dead letter", "foreign dead letters"),
            (self.notices, "notice", "notices"),
            (self.api_keys, "key of callers", "keys of callers"),
        ] {
            if n > 0 {
                write!(f, ", {}", counted(n, one, many))?;
            }
        }
        Ok(())
    }
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
