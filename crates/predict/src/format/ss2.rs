//! PSIPRED's vertical format: a row for each residue with the probabilities of coil, helix and strand.
//!
//! The layout is exactly that of `psipass2` (PSIPRED 4.0): two lines, then the rows.

use std::io;

use super::{Entry, Layout, Place, method_name};
use crate::Property;

pub(super) struct Ss2;

impl Layout for Ss2 {
    fn name(&self) -> &'static str {
        "PSIPRED ss2"
    }

    fn extension(&self) -> &'static str {
        "ss2"
    }

    fn media_type(&self) -> &'static str {
        "text/plain; charset=utf-8"
    }

    fn write_one(&self, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        write(entry, "", out)
    }

    fn write_next(&self, entry: &Entry<'_>, _place: Place, out: &mut dyn io::Write) -> io::Result<()> {
        write(entry, &format!("# {}", entry.title()), out)
    }

    fn is_alone_in_batch(&self) -> bool {
        true
    }
}

fn write(entry: &Entry<'_>, second_line: &str, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "# PSIPRED VFORMAT ({})\n{second_line}", method_name(entry))?;
    let ss3 = entry.prediction.track(Property::Ss3);
    for i in 0..entry.sequence.len() {
        let (position, residue) = entry.residue(i);
        let label = entry.label(Property::Ss3, i);
        let [c, h, e] = [b'C', b'H', b'E'].map(|letter| ss3.probability(i, letter));
        writeln!(out, "{position:4} {residue} {label}  {c:6.3} {h:6.3} {e:6.3}")?;
    }
    Ok(())
}
