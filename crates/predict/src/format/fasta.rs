//! FASTA: the sequence, then one record of labels for each property (`id|SS3` … `id|TM8`).

use std::io;

use super::Entry;
use crate::name::one_line;

const LINE: usize = 60;

pub(super) fn write(entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, ">{}", entry.title())?;
    write_lines(entry.sequence.residues(), out)?;
    // Blanks would end the id before the property.
    let id = one_line(entry.id).replace(char::is_whitespace, "_");
    for track in entry.prediction.tracks() {
        writeln!(out, ">{id}|{} {}", track.property.code(), track.property.title())?;
        write_lines(&track.labels, out)?;
    }
    Ok(())
}

fn write_lines(letters: &[u8], out: &mut dyn io::Write) -> io::Result<()> {
    for line in letters.chunks(LINE) {
        out.write_all(line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
