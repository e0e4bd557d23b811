//! FASTA: the sequence, then one record of labels for each property (`id|SS3` … `id|TM8`).

use std::io;

use super::{Entry, Layout};
use crate::name::one_line;

/// Letters in a line.
const LINE_WIDTH: usize = 60;

pub(super) struct Fasta;

impl Layout for Fasta {
    fn name(&self) -> &'static str {
        "FASTA"
    }

    fn extension(&self) -> &'static str {
        "fasta"
    }

    fn media_type(&self) -> &'static str {
        "text/x-fasta; charset=utf-8"
    }

    fn write_one(&self, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        writeln!(out, ">{}", entry.title_with_warnings())?;
        write_lines(entry.sequence.residues(), out)?;
        // A blank would end the id before the code of the property.
        let id = one_line(entry.id).replace(char::is_whitespace, "_");
        for track in entry.prediction.tracks() {
            writeln!(out, ">{id}|{} {}", track.property.code(), track.property.title())?;
            write_lines(&track.labels, out)?;
        }
        Ok(())
    }
}

fn write_lines(letters: &[u8], out: &mut dyn io::Write) -> io::Result<()> {
    for line in letters.chunks(LINE_WIDTH) {
        out.write_all(line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
