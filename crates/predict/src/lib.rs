//! The prediction code of pssp: from a protein sequence to six properties of each residue.
//!
//! The crate is synchronous and has no side effects: it uses no files, network, async runtime or environment
//! variables. The code of the service around it is in `pssp-jobs` and the functions.
//!
//! - [`Sequence`]: cleaned residues of one chain; [`sequence::clean`] makes them and lists every edit
//! - [`fasta`]: a streaming reader of FASTA, also of the malformed FASTA that people send
//! - [`Property`] and [`PROPERTIES`]: the predicted properties and their alphabets
//! - [`Prediction`]: labels and probabilities of every property, and its compact stored form
//! - [`Engine`]: anything that turns a sequence into a prediction
//! - [`name`]: the rules for names of jobs, batches and records
//! - [`segment`](mod@segment): stretches of residues with the same label, as other programs name them
//! - [`format`](mod@format): the result formats, for people, for programs, and for viewers
//! - [`known`]: the secondary structure that files of structures and DSSP tell
//! - [`score`]: how well predicted labels agree with known ones
//! - [`plot`]: the amino-acid frequency chart and the track plot, as SVG and PNG

pub mod engine;
pub mod fasta;
pub mod format;
pub mod known;
mod method;
pub mod name;
mod palette;
pub mod plot;
pub mod prediction;
pub mod property;
pub mod score;
pub mod segment;
pub mod sequence;
pub mod structure;

pub use engine::{Cancel, Engine, EngineError};
pub use method::Method;
pub use prediction::{Prediction, Track};
pub use property::{PROPERTIES, Property};
pub use sequence::{Cleaned, Sequence};
