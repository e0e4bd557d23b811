//! The science of pssp: protein sequence in, six per-residue properties out.
//!
//! Pure and synchronous: no files, no network, no async runtime, no environment. What the service
//! around it does with a prediction lives in `pssp-jobs` and the functions.
//!
//! - [`Sequence`]: cleaned residues of one chain, made by [`sequence::clean`] with every edit listed
//! - [`fasta`]: a streaming reader of FASTA, including the malformed kind that people send
//! - [`Property`] and [`PROPERTIES`]: what is predicted, with its alphabet
//! - [`Prediction`]: labels and probabilities of every property, and its compact stored form
//! - [`Engine`]: whatever turns a sequence into a prediction
//! - [`name`]: the one rule for names of jobs and records
//! - [`format`](mod@format): the result formats (classic text, ss2, horiz, JSON, TSV, CSV, FASTA)
//! - [`plot`]: the amino-acid frequency chart and the track plot, as SVG and PNG

pub mod engine;
pub mod fasta;
pub mod format;
mod method;
pub mod name;
pub mod plot;
pub mod prediction;
pub mod property;
pub mod sequence;

pub use engine::{Cancel, Engine, EngineError};
pub use method::Method;
pub use prediction::{Prediction, Track};
pub use property::{PROPERTIES, Property};
pub use sequence::{Cleaned, Sequence};
