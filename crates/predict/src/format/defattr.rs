//! ChimeraX's attribute file: attributes of residues, which its commands colour and select by.
//!
//! The residues of a chain alone are those with the same numbers in all chains of all models that are open, unless
//! [`Entry::structure`] names a chain. In a batch each chain has an id of its own: the one that is told, or A, B, … in
//! the order of the batch, as in structures that are predicted from several sequences.

use std::io;

use super::{Entry, Layout, Place, method_name};
use crate::palette::{ACCESSIBLE, COIL, DISORDER, HELIX, STRAND};
use crate::structure::ChainId;
use crate::{PROPERTIES, Property};

pub(super) struct Defattr;

impl Layout for Defattr {
    fn name(&self) -> &'static str {
        "ChimeraX attributes"
    }

    fn extension(&self) -> &'static str {
        "defattr"
    }

    fn media_type(&self) -> &'static str {
        "text/plain; charset=utf-8"
    }

    fn uses_structure(&self) -> bool {
        true
    }

    fn write_one(&self, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        begin(out)?;
        write(entry, entry.structure.chain, out)
    }

    fn write_next(&self, entry: &Entry<'_>, place: Place, out: &mut dyn io::Write) -> io::Result<()> {
        if place.index == 0 {
            begin(out)?;
        }
        let in_order = ChainId::in_order(place.record);
        write(entry, Some(entry.structure.chain.unwrap_or(&in_order)), out)
    }

    fn is_alone_in_batch(&self) -> bool {
        true
    }
}

/// Says how to use the file.
fn begin(out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(
        out,
        "# Open it in ChimeraX after the structure. Then, for instance, one of:\n\
         #   color {COIL}; color ::pssp_ss3=\"H\" {HELIX}; color ::pssp_ss3=\"E\" {STRAND}\n\
         #   color byattribute r:pssp_rsa palette 0,white:1,{ACCESSIBLE}\n\
         #   color byattribute r:pssp_dis palette 0,white:1,{DISORDER}\n\
         #   select ::pssp_dis>0.5"
    )
}

fn write(entry: &Entry<'_>, chain: Option<&ChainId>, out: &mut dyn io::Write) -> io::Result<()> {
    let of_chain = chain.map(|chain| format!("/{chain}")).unwrap_or_default();
    let first = entry.structure.first_residue.unwrap_or(1);
    let place = if of_chain.is_empty() { "all chains" } else { &of_chain };
    let last = i64::from(first) + entry.sequence.len() as i64 - 1;
    writeln!(out, "#\n# {}: {}", entry.title_with_warnings(), method_name(entry))?;
    writeln!(out, "# residues {first} to {last} of {place}")?;
    let mut attribute = |name: &str, value_of: &dyn Fn(usize) -> String| -> io::Result<()> {
        writeln!(out, "attribute: pssp_{name}\nmatch mode: any\nrecipient: residues")?;
        (0..entry.sequence.len())
            .zip(i64::from(first)..)
            .try_for_each(|(i, number)| writeln!(out, "\t{of_chain}:{number}\t{}", value_of(i)))
    };
    for &property in PROPERTIES {
        let track = entry.prediction.track(property);
        match property {
            // Symbols that stand for yes and no are of little use in commands; probabilities are.
            Property::Dis => attribute("dis", &|i| format!("{:.3}", track.probability(i, b'*')))?,
            Property::Tm2 => attribute("tm2", &|i| format!("{:.3}", track.probability(i, b'H')))?,
            _ => attribute(property.key(), &|i| format!("\"{}\"", entry.label(property, i)))?,
        }
    }
    let ss3 = entry.prediction.track(Property::Ss3);
    attribute("ss3_confidence", &|i| format!("{:.3}", ss3.probability(i, ss3.labels[i])))?;
    attribute("rsa", &|i| format!("{:.3}", f32::from(entry.prediction.rsa()[i]) / 1000.0))
}
