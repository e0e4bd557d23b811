//! A PyMOL script: the prediction as data, and a command that colours the structures that are open by it.
//!
//! The script finds the chains by their residues, so numbering, missing residues and insertion codes do not matter.
//! [`Entry::structure`] may name the chain, and the number of the first residue.

use std::io;

use super::{Entry, Layout, Place, method_name};
use crate::palette::{ACCESSIBLE, BURIED, COIL, DISORDER, HELIX, MEMBRANE, STRAND, TURN};
use crate::{PROPERTIES, Property};

/// What the script does with the data.
const PROGRAM: &str = include_str!("pymol.py");

pub(super) struct Pymol;

impl Layout for Pymol {
    fn name(&self) -> &'static str {
        "PyMOL script"
    }

    fn extension(&self) -> &'static str {
        "pml"
    }

    fn media_type(&self) -> &'static str {
        "text/plain; charset=utf-8"
    }

    fn uses_structure(&self) -> bool {
        true
    }

    fn write_one(&self, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        self.begin_batch(out)?;
        write(entry, out)?;
        self.end_batch(out)
    }

    fn begin_batch(&self, out: &mut dyn io::Write) -> io::Result<()> {
        writeln!(
            out,
            "# Run it in PyMOL after the structure is open. Then colour by another property, for instance:"
        )?;
        writeln!(out, "#   pssp_color rsa\n#   pssp_color dis, chain A\npython\nPSSP_CHAINS = []")
    }

    fn write_next(&self, entry: &Entry<'_>, _place: Place, out: &mut dyn io::Write) -> io::Result<()> {
        write(entry, out)
    }

    fn end_batch(&self, out: &mut dyn io::Write) -> io::Result<()> {
        writeln!(out, "PSSP_COLOURS = {{")?;
        for &property in PROPERTIES {
            let colours = property.alphabet().iter().map(|class| {
                let colour = hexadecimal(colour(property, class.letter));
                format!("{}: {colour}", literal(&char::from(class.letter).to_string()))
            });
            writeln!(
                out,
                "    {}: {{{}}},",
                literal(property.key()),
                colours.collect::<Vec<_>>().join(", ")
            )?;
        }
        writeln!(out, "}}")?;
        let ends = [("rsa", ACCESSIBLE), ("p_dis", DISORDER)];
        let ends = ends.map(|(key, colour)| format!("{}: {}", literal(key), hexadecimal(colour)));
        writeln!(out, "PSSP_RAMPS = {{{}}}", ends.join(", "))?;
        write!(out, "{PROGRAM}")?;
        writeln!(out, "python end\npssp_color ss3")
    }
}

fn write(entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let none = || "None".to_owned();
    let structure = entry.structure;
    writeln!(out, "PSSP_CHAINS.append({{")?;
    writeln!(out, "    \"name\": {},", literal(&entry.title()))?;
    writeln!(out, "    \"method\": {},", literal(&method_name(entry)))?;
    writeln!(out, "    \"chain\": {},", structure.chain.map_or_else(none, |chain| literal(chain.as_str())))?;
    writeln!(
        out,
        "    \"first\": {},",
        structure.first_residue.map_or_else(none, |first| first.to_string())
    )?;
    writeln!(out, "    \"sequence\": {},", literal(entry.sequence.as_str()))?;
    for track in entry.prediction.tracks() {
        writeln!(out, "    {}: {},", literal(track.property.key()), literal(track.text()))?;
    }
    let dis = entry.prediction.track(Property::Dis);
    let disordered: Vec<f32> = (0..dis.labels.len()).map(|i| dis.probability(i, b'*')).collect();
    writeln!(out, "    \"p_dis\": {disordered:?},")?;
    let accessible: Vec<f32> = entry.prediction.rsa().iter().map(|&r| f32::from(r) / 1000.0).collect();
    writeln!(out, "    \"rsa\": {accessible:?},")?;
    writeln!(out, "}})")
}

/// The colour of a label.
const fn colour(property: Property, letter: u8) -> &'static str {
    match (property, letter) {
        (Property::Ss3 | Property::Ss8, b'H' | b'G' | b'I') => HELIX,
        (Property::Ss3 | Property::Ss8, b'E' | b'B') => STRAND,
        (Property::Ss8, b'T' | b'S') => TURN,
        (Property::Acc, b'B') => BURIED,
        (Property::Acc, b'E') => ACCESSIBLE,
        (Property::Dis, b'*') => DISORDER,
        (Property::Tm2 | Property::Tm8, b'H' | b'E' | b'C' | b'I' | b'L' | b'F') => MEMBRANE,
        _ => COIL,
    }
}

/// `#rrggbb` as a number of Python.
fn hexadecimal(colour: &str) -> String {
    colour.replace('#', "0x")
}

/// A string literal of Python, in ASCII.
fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match u32::from(c) {
            0x22 => out.push_str("\\\""),
            0x5c => out.push_str("\\\\"),
            0x20..=0x7e => out.push(c),
            code @ ..=0xffff => out += &format!("\\u{code:04x}"),
            code => out += &format!("\\U{code:08x}"),
        }
    }
    out + "\""
}
