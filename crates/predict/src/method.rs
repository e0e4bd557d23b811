//! What computed a prediction.

use serde::{Deserialize, Serialize};

/// Which method made a result: enough to make it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// Name of the engine and model, for instance `pssp-conv`.
    pub name: String,
    /// Version of the model.
    pub version: String,
    /// SHA-256 of the weights, lower-case hex.
    pub sha256: String,
    /// How to cite it.
    pub citation: String,
}
