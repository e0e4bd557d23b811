//! Known secondary structure: what files of structures say about each residue of each chain.
//!
//! Read are the output of DSSP (the classic format and mmCIF), and the secondary structure that PDB and mmCIF files
//! contain themselves: as helices and strands, so in three states only.

use std::collections::BTreeMap;
use std::fmt;

mod align;
mod cif;
mod dssp;
mod mmcif;
mod pdb;
mod residue;

pub use align::Alignment;

/// A format of known structures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownFormat {
    /// The classic output of DSSP.
    Dssp,
    /// mmCIF: the output of DSSP, or a structure.
    Mmcif,
    /// A structure in PDB format.
    Pdb,
}

impl KnownFormat {
    /// The format that a text begins like. `None`: it may be anything.
    #[must_use]
    pub fn recognise(text: &str) -> Option<Self> {
        let first =
            text.lines().map(str::trim_end).find(|line| !line.is_empty() && !line.starts_with('#'))?;
        if first.starts_with("==== Secondary Structure Definition") || dssp::is_header(first) {
            return Some(Self::Dssp);
        }
        if first.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data_")) {
            return Some(Self::Mmcif);
        }
        pdb::RECORDS.contains(&first.get(..6).unwrap_or(first).trim_end()).then_some(Self::Pdb)
    }
}

/// The states of a known secondary structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum States {
    /// The eight of DSSP; what DSSP leaves blank, and its polyproline helix (`P`), is `L`.
    Eight,
    /// Helix, strand and the rest.
    Three,
}

/// The known secondary structure of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownStructure {
    /// What it was read from, for people.
    pub source: &'static str,
    /// The states of its labels.
    pub states: States,
    /// The chains of protein, in the order of the file.
    pub chains: Vec<KnownChain>,
    /// What a reader of a comparison must know.
    pub notes: Vec<String>,
}

/// One chain of a structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownChain {
    /// Its id, as authors and viewers call it (`auth_asym_id` of mmCIF).
    pub id: String,
    /// Its residues, those without coordinates too where the file lists them.
    pub residues: Vec<KnownResidue>,
}

/// One residue of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownResidue {
    /// Its letter; that of the residue it was made from, if it is modified.
    pub letter: u8,
    /// Its number with insertion code, as in `52A`.
    pub number: String,
    /// Its state. `None`: it has no coordinates.
    pub label: Option<u8>,
    /// Whether residues before it may be missing.
    pub after_gap: bool,
}

impl KnownChain {
    /// The number of residues with coordinates.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.residues.iter().filter(|residue| residue.label.is_some()).count()
    }
}

/// Why a text is no known structure: what is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownError {
    /// The line, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub detail: String,
    /// What to do.
    pub hint: String,
}

impl KnownError {
    fn new(detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { line: None, detail: detail.into(), hint: hint.into() }
    }

    fn at(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }
}

impl fmt::Display for KnownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.detail)
    }
}

impl std::error::Error for KnownError {}

/// Reads a text in a format. `model` is the number of the model where a file has several; the first one by default.
///
/// # Errors
/// If the text is not in the format, is cut off, or says nothing about secondary structure.
pub fn read(text: &str, format: KnownFormat, model: Option<u32>) -> Result<KnownStructure, KnownError> {
    let known = match format {
        KnownFormat::Dssp => dssp::read(text),
        KnownFormat::Mmcif => mmcif::read(text, model),
        KnownFormat::Pdb => pdb::read(text, model),
    }?;
    if known.chains.is_empty() {
        return Err(KnownError::new("no chain of protein in it", "give a file with a protein"));
    }
    Ok(known)
}

/// The residues of one model with coordinates, and where helices and strands are.
#[derive(Debug, Default)]
struct Segments {
    /// For each chain: first and last residue, and the state. What is later wins.
    of_chain: BTreeMap<String, Vec<(usize, usize, u8)>>,
}

impl Segments {
    fn add(&mut self, chain: &str, from: usize, to: usize, state: u8) {
        self.of_chain.entry(chain.to_owned()).or_default().push((from, to, state));
    }

    /// The state of residue `index` of a chain, counted as [`Segments::add`] does.
    fn state(&self, chain: &str, index: usize) -> u8 {
        let of_chain = self.of_chain.get(chain).map_or(&[][..], Vec::as_slice);
        let found = of_chain.iter().rev().find(|(from, to, _)| (*from..=*to).contains(&index));
        found.map_or(b'C', |(_, _, state)| *state)
    }
}

/// The error for a structure that says nothing about secondary structure.
fn no_secondary_structure(missing: &str) -> KnownError {
    KnownError::new(
        format!("the structure has no {missing}, so it does not say where helices and strands are"),
        "run mkdssp on it, and compare with its output",
    )
}

/// The note about the model that was read, if there are several.
fn note_of_model(model: u32, models: usize) -> Option<String> {
    (models > 1).then(|| format!("model {model} of {models}; choose another with --model"))
}

/// The error for a model that is not in the file.
fn no_such_model(model: u32, models: &[u32]) -> KnownError {
    let models: Vec<String> = models.iter().map(u32::to_string).collect();
    KnownError::new(format!("there is no model {model}"), format!("choose one of {}", models.join(", ")))
}
