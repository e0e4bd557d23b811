//! The default engine: a residual stack of dilated 1-D convolutions, weights inside the binary.
//!
//! It reads nothing but the sequence: no alignment, no templates, no files. A network predicts all six
//! properties, or several do and their probabilities are averaged, as the model file says;
//! `training/` made it, `model/MODEL_CARD.md` says from what and how good it
//! is. Results are the same to the bit on every machine: each sum is taken in one fixed order with
//! correctly rounded fused multiply-adds, whatever the vector width, and exponentials come from a
//! portable implementation instead of the platform's.

mod decode;
mod file;
mod forward;
mod kernel;
mod membrane;
mod weights;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use self::decode::Rules;
use self::file::{File, OUTPUTS, WeightsError};
use self::weights::Net;
use super::{Cancel, Engine, EngineError};
use crate::method::Method;
use crate::{Prediction, Sequence};

/// The exported network, about 2 MB of half-precision weights (layout: `training/weights.py`).
const EMBEDDED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../model/pssp-net.safetensors"));

/// The method of that file, with its digest (written by `training/export.py`; a test compares).
const METHOD: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../model/method.json"));

/// Digest of what this build predicts for a fixed chain. A test holds it, so whatever changes results, the
/// weights or the code around them, changes it.
pub const BEHAVIOUR: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../model/digest.txt")).trim_ascii_end();

/// The neural network engine. Cheap to clone: clones share the weights.
#[derive(Debug, Clone)]
pub struct Neural {
    method: Method,
    weights: Arc<Weights>,
}

/// What a model file holds: networks whose probabilities are averaged, and the rules of the labels.
#[derive(Debug)]
struct Weights {
    /// At least one.
    nets: Vec<Net>,
    rules: Rules,
}

impl Weights {
    fn parse(bytes: &[u8]) -> Result<Self, WeightsError> {
        let file = File::open(bytes)?;
        Ok(Self { nets: file.nets()?, rules: Rules::read(&file)? })
    }
}

impl Neural {
    /// The network that is built into this program; ready in milliseconds, without a warm-up.
    ///
    /// # Errors
    /// Only if the program was built with a damaged model file (a test makes sure it was not).
    pub fn load() -> Result<Self, EngineError> {
        // Its digest is known: to compute it again would be a third of the time to be ready.
        let weights = Weights::parse(EMBEDDED).map_err(|e| unusable(&e))?;
        Ok(Self { method: Self::built_in()?, weights: Arc::new(weights) })
    }

    /// The method of that network, for those who only have to name it: its weights need not be in their
    /// program.
    ///
    /// # Errors
    /// As for [`Neural::load`].
    pub fn built_in() -> Result<Method, EngineError> {
        serde_json::from_str(METHOD)
            .map_err(|e| EngineError::Method(format!("unusable model/method.json: {e}")))
    }

    /// A network in the layout that `training/export.py` writes.
    ///
    /// # Errors
    /// [`EngineError::Method`] if a tensor or an entry of the metadata is missing or has a shape
    /// that does not fit the others.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, EngineError> {
        let weights = Weights::parse(bytes).map_err(|e| unusable(&e))?;
        Ok(Self { method: method(bytes)?, weights: Arc::new(weights) })
    }
}

impl Engine for Neural {
    fn method(&self) -> &Method {
        &self.method
    }

    fn predict(&self, sequence: &Sequence, cancel: &Cancel) -> Result<Prediction, EngineError> {
        let nets = &self.weights.nets;
        let mut sums = vec![0.0; sequence.len() * OUTPUTS];
        for net in nets {
            decode::add_probabilities(&forward::run(net, sequence.residues(), cancel)?, &mut sums);
        }
        let count = u8::try_from(nets.len()).unwrap_or(u8::MAX);
        decode::prediction(&self.weights.rules, &sums, count, self.method.clone())
            .map_err(|e| EngineError::Method(e.to_string()))
    }
}

/// The method that a model file names.
fn method(bytes: &[u8]) -> Result<Method, EngineError> {
    let file = File::open(bytes).map_err(|e| unusable(&e))?;
    let text = |key| file.text(key).map(str::to_owned).map_err(|e| unusable(&e));
    let (name, version, citation) = (text("name")?, text("version")?, text("citation")?);
    Ok(Method { name, version, sha256: base16ct::lower::encode_string(&Sha256::digest(bytes)), citation })
}

fn unusable(error: &WeightsError) -> EngineError {
    EngineError::Method(format!("unusable model file: {error}"))
}
