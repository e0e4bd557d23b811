//! Known structures from files: which of their chains is which result.

use pssp_predict::known::{Alignment, KnownChain, KnownStructure, States};
use pssp_predict::score::UNKNOWN;
use pssp_predict::{Property, Sequence};

use super::{Aligned, KnownLabels, Match};
use crate::exit::Failure;

/// Leaves those chains that were asked for.
pub(super) fn choose(known: &mut KnownStructure, chains: &[String]) -> Result<(), Failure> {
    let ids: Vec<&str> = known.chains.iter().map(|chain| chain.id.as_str()).collect();
    if let Some(missing) = chains.iter().find(|chain| !ids.contains(&chain.as_str())) {
        let hint = format!("choose of {}", ids.join(", "));
        return Err(Failure::usage(format!("there is no chain {missing} in the known structure"), hint));
    }
    if !chains.is_empty() {
        known.chains.retain(|chain| chains.contains(&chain.id));
    }
    Ok(())
}

/// The chains of the structure that are the protein of a sequence; else, for the error, the one that is most like it.
pub(super) fn matches(known: &KnownStructure, sequence: &Sequence) -> Result<Vec<Match>, String> {
    let mut matches = Vec::new();
    let mut nearest: Option<(usize, String)> = None;
    for chain in &known.chains {
        let Some(alignment) = Alignment::new(sequence.residues(), chain) else {
            return Err(format!("chain {} and the sequence are too long to be aligned", chain.id));
        };
        if alignment.is_same_protein(chain) {
            matches.push(of_chain(known, chain, &alignment));
        } else if nearest.as_ref().is_none_or(|(same, _)| alignment.same > *same) {
            let text = format!(
                "chain {} is most like it, with {} of {} aligned residues the same",
                chain.id, alignment.same, alignment.aligned
            );
            nearest = Some((alignment.same, text));
        }
    }
    if matches.is_empty() {
        return Err(nearest.map(|(_, text)| text).unwrap_or_default());
    }
    Ok(matches)
}

fn of_chain(known: &KnownStructure, chain: &KnownChain, alignment: &Alignment) -> Match {
    let labels = alignment.labels(chain);
    let compared = labels.iter().filter(|label| **label != UNKNOWN).count();
    let (listed, seen) = (chain.residues.len(), chain.seen());
    let mut about = vec![format!(
        "chain {}: {seen} residues in the structure{}; {} of {} residues of the sequence are compared",
        if chain.id.is_empty() { "without id" } else { &chain.id },
        if listed > seen { format!(", {} more without coordinates", listed - seen) } else { String::new() },
        compared,
        labels.len(),
    )];
    if alignment.same < alignment.aligned {
        about.push(format!(
            "{} of {} aligned residues have another letter in the structure, and are compared, too",
            alignment.aligned - alignment.same,
            alignment.aligned
        ));
    }
    about.extend(known.notes.iter().cloned());
    let property = match known.states {
        States::Eight => Property::Ss8,
        States::Three => Property::Ss3,
    };
    let labels = String::from_utf8_lossy(&labels).into_owned();
    let source = known.source.to_owned();
    Match {
        chain: Some(chain.id.clone()),
        about,
        labels: vec![KnownLabels { property, labels, source }],
        alignment: Some(Aligned { compared, aligned: alignment.aligned, same: alignment.same }),
    }
}
