//! The method that computed a prediction.

use serde::{Deserialize, Serialize};

/// The method that made a result, in enough detail to repeat it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// Name of the engine and model, for instance `pssp-conv`.
    pub name: String,
    /// Version of the model.
    pub version: String,
    /// SHA-256 of the weights, lower-case hex.
    pub sha256: String,
    /// How to cite the method.
    pub citation: String,
}
