//! Segments: stretches of residues with the same label of a property, with the names that other programs know them by.

use std::ops::Range;

use crate::palette::{ACCESSIBLE, BURIED, DISORDER, HELIX, MEMBRANE, STRAND, TURN};
use crate::{Prediction, Property};

/// What a label means, in the terms of other programs.
#[derive(Debug, PartialEq, Eq)]
pub struct Feature {
    /// The property that has the label.
    pub property: Property,
    /// The label.
    pub letter: u8,
    /// A name for people, that of a `UniProt` feature where there is one.
    pub name: &'static str,
    /// The type in the Sequence Ontology.
    pub ontology: &'static str,
    /// Its colour, as `#rrggbb`.
    pub colour: &'static str,
}

const fn feature(
    property: Property,
    letter: u8,
    name: &'static str,
    ontology: &'static str,
    colour: &'static str,
) -> Feature {
    Feature { property, letter, name, ontology, colour }
}

/// The labels that make segments. The others say that there is nothing (coil, loop, ordered, not transmembrane), that
/// nothing is known, or that a value is in the middle.
///
/// Where the Sequence Ontology has no term for a label, the type is the nearest one above it.
pub const FEATURES: &[Feature] = &[
    feature(Property::Ss3, b'H', "Helix", "peptide_helix", HELIX),
    feature(Property::Ss3, b'E', "Beta strand", "beta_strand", STRAND),
    feature(Property::Ss8, b'H', "Alpha helix", "alpha_helix", HELIX),
    feature(Property::Ss8, b'G', "3-10 helix", "three_ten_helix", HELIX),
    feature(Property::Ss8, b'I', "Pi helix", "pi_helix", HELIX),
    feature(Property::Ss8, b'E', "Extended strand", "beta_strand", STRAND),
    feature(Property::Ss8, b'B', "Isolated bridge", "polypeptide_secondary_structure", STRAND),
    feature(Property::Ss8, b'T', "Turn", "polypeptide_turn_motif", TURN),
    feature(Property::Ss8, b'S', "Bend", "polypeptide_secondary_structure", TURN),
    feature(Property::Acc, b'B', "Buried", "polypeptide_region", BURIED),
    feature(Property::Acc, b'E', "Exposed", "polypeptide_region", ACCESSIBLE),
    feature(Property::Dis, b'*', "Disordered", "intrinsically_unstructured_polypeptide_region", DISORDER),
    feature(Property::Tm2, b'H', "Transmembrane", "transmembrane_polypeptide_region", MEMBRANE),
    feature(Property::Tm8, b'H', "Transmembrane helix", "transmembrane_polypeptide_region", MEMBRANE),
    feature(Property::Tm8, b'E', "Transmembrane strand", "transmembrane_polypeptide_region", MEMBRANE),
    feature(Property::Tm8, b'C', "Transmembrane coil", "transmembrane_polypeptide_region", MEMBRANE),
    feature(Property::Tm8, b'I', "Inside the membrane", "polypeptide_region", MEMBRANE),
    feature(Property::Tm8, b'L', "Membrane loop", "membrane_peptide_loop", MEMBRANE),
    feature(Property::Tm8, b'F', "Interfacial", "polypeptide_region", MEMBRANE),
];

/// A stretch of residues with the same label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// What the label means.
    pub feature: &'static Feature,
    /// The residues, from 0.
    pub residues: Range<usize>,
    /// The mean probability of the label over the residues, in per mille.
    pub permille: u16,
}

/// The segments of all properties: property after property, each from the start of the chain.
#[must_use]
pub fn segments(prediction: &Prediction) -> Vec<Segment> {
    let mut all = Vec::new();
    for track in prediction.tracks() {
        for (letter, residues) in runs(&track.labels) {
            let named = FEATURES.iter().find(|f| f.property == track.property && f.letter == letter);
            if let (Some(feature), Some(column)) = (named, track.property.column(letter)) {
                let permille = mean(&track.columns[column][residues.clone()]);
                all.push(Segment { feature, residues, permille });
            }
        }
    }
    all
}

/// The mean, rounded to whole per mille.
fn mean(permilles: &[u16]) -> u16 {
    let sum: u64 = permilles.iter().map(|&permille| u64::from(permille)).sum();
    let count = permilles.len().max(1) as u64;
    u16::try_from((sum + count / 2) / count).unwrap_or(u16::MAX)
}

/// The runs of equal values: each value with its range of indices.
#[must_use]
pub fn runs(values: &[u8]) -> Vec<(u8, Range<usize>)> {
    let mut runs: Vec<(u8, Range<usize>)> = Vec::new();
    for (i, &value) in values.iter().enumerate() {
        match runs.last_mut() {
            Some((last, range)) if *last == value => range.end = i + 1,
            _ => runs.push((value, i..i + 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_everything_once() {
        assert_eq!(runs(b"HHEEEC"), [(b'H', 0..2), (b'E', 2..5), (b'C', 5..6)]);
        assert_eq!(runs(b""), []);
    }

    #[test]
    fn features_name_labels_of_their_property() {
        for feature in FEATURES {
            assert!(feature.property.column(feature.letter).is_some(), "{feature:?}");
        }
    }

    #[test]
    fn means_are_rounded() {
        assert_eq!(mean(&[1000, 999]), 1000);
        assert_eq!(mean(&[500, 501, 501]), 501);
    }
}
