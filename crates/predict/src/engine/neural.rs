//! The default engine: a residual stack of dilated 1-D convolutions, weights inside the binary.
//!
//! Its only input is the sequence: no alignment, no templates, no files. Each network predicts all six
//! properties. If the model file holds several networks, their probabilities are averaged. `training/`
//! makes the model file; `model/MODEL_CARD.md` describes the training data and the accuracy.
//!
//! Results are the same to the bit on every machine. Each sum has one fixed order and uses correctly
//! rounded fused multiply-adds, so it does not depend on the vector width. Exponentials come from a
//! portable implementation, not from the platform's.

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

/// The method of that file, with the file's digest. `training/export.py` writes it; a test compares both.
const METHOD: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../model/method.json"));

/// Digest of what this build predicts for a fixed chain. A test checks it, so it changes whenever results
/// change, because of new weights or of new code.
pub const BEHAVIOUR: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../model/digest.txt")).trim_ascii_end();

/// The neural network engine. It is cheap to clone, because clones share the weights.
#[derive(Debug, Clone)]
pub struct Neural {
    method: Method,
    weights: Arc<Weights>,
}

/// The content of a model file: networks whose probabilities are averaged, and the rules for labels.
#[derive(Debug)]
struct Weights {
    /// At least one network.
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
    /// Loads the network that is built into this program. This takes a few milliseconds; there is no warm-up.
    ///
    /// # Errors
    /// Only if the program was built with a damaged model file. A test checks that it is sound.
    pub fn load() -> Result<Self, EngineError> {
        // The digest is known from `METHOD`. To compute it here would take a third of the loading time.
        let weights = Weights::parse(EMBEDDED).map_err(|e| unusable(&e))?;
        Ok(Self { method: Self::built_in()?, weights: Arc::new(weights) })
    }

    /// The method of the built-in network, without loading it. A program that only names the method need not
    /// contain the weights.
    ///
    /// # Errors
    /// As for [`Neural::load`].
    pub fn built_in() -> Result<Method, EngineError> {
        serde_json::from_str(METHOD)
            .map_err(|e| EngineError::Method(format!("unusable model/method.json: {e}")))
    }

    /// Loads a model file in the layout that `training/export.py` writes.
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

/// The method as named in a model file.
fn method(bytes: &[u8]) -> Result<Method, EngineError> {
    let file = File::open(bytes).map_err(|e| unusable(&e))?;
    let text = |key| file.text(key).map(str::to_owned).map_err(|e| unusable(&e));
    let (name, version, citation) = (text("name")?, text("version")?, text("citation")?);
    Ok(Method { name, version, sha256: base16ct::lower::encode_string(&Sha256::digest(bytes)), citation })
}

fn unusable(error: &WeightsError) -> EngineError {
    EngineError::Method(format!("unusable model file: {error}"))
}
