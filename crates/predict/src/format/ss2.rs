//! PSIPRED's vertical format: one residue a row with the probabilities of coil, helix and strand.

use std::io;

use super::{Entry, method_name};
use crate::Property;

/// `comment` is a further comment line after the first.
pub(super) fn write(entry: &Entry<'_>, comment: Option<&str>, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "# PSIPRED VFORMAT ({})", method_name(entry))?;
    if let Some(comment) = comment {
        writeln!(out, "# {comment}")?;
    }
    writeln!(out)?;
    let ss3 = entry.prediction.track(Property::Ss3);
    for i in 0..entry.sequence.len() {
        let (position, residue) = entry.residue(i);
        let label = entry.label(Property::Ss3, i);
        let [c, h, e] = [b'C', b'H', b'E'].map(|letter| ss3.probability(i, letter));
        writeln!(out, "{position:4} {residue} {label}  {c:6.3} {h:6.3} {e:6.3}")?;
    }
    Ok(())
}
