//! What a run found.

use serde::Serialize;

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Result {
    /// The promise is kept.
    Passed,
    /// The promise is broken, or the case could not run.
    Failed {
        /// What was expected and found.
        why: String,
    },
    /// The backend declares that it does not keep what this case asks for.
    Deviation {
        /// What it keeps instead.
        why: String,
    },
}

/// The outcome of one case.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The name of the case.
    pub case: &'static str,
    /// Whether the queue ran on the time of the store, as in production, instead of a clock that the case moved.
    pub on_store_time: bool,
    /// How it ended.
    #[serde(flatten)]
    pub result: Result,
    /// Milliseconds that it took.
    pub ms: u64,
}

/// The outcomes of the cases of one promise.
#[derive(Debug, Clone, Serialize)]
pub struct Promise {
    /// The promise in words.
    pub promise: &'static str,
    /// Its cases.
    pub cases: Vec<Outcome>,
}

/// The outcome of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The name of the backend.
    pub backend: &'static str,
    /// Where the namespaces of the cases were made.
    pub place: String,
    /// The promises in order.
    pub promises: Vec<Promise>,
    /// Calls of the store and the receiver, all cases together.
    pub calls: u64,
    /// What could not be deleted, and how to delete it.
    pub left: Vec<String>,
    /// Whether the run was stopped before its end.
    pub stopped: bool,
}

impl Report {
    /// All outcomes.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.promises.iter().flat_map(|promise| &promise.cases)
    }

    /// Whether every case ran, every promise is kept apart from declared deviations, and nothing is left.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        !self.stopped
            && self.left.is_empty()
            && !self.outcomes().any(|o| matches!(o.result, Result::Failed { .. }))
    }
}
