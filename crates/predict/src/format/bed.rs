//! BED: the segments of all properties, nine columns as genome browsers know them and three of ours.
//!
//! Positions are from 0 and exclude the last one. The score is the mean probability of the label in per mille.

use std::io;

use super::{Entry, Layout, Place};
use crate::name::one_line;
use crate::segment::segments;

/// The names of the columns. A line that begins with `#` is a comment.
const HEADER: &str =
    "#chrom\tchromStart\tchromEnd\tname\tscore\tstrand\tthickStart\tthickEnd\titemRgb\tproperty\tlabel\ttype";

pub(super) struct Bed;

impl Layout for Bed {
    fn name(&self) -> &'static str {
        "BED"
    }

    fn extension(&self) -> &'static str {
        "bed"
    }

    fn media_type(&self) -> &'static str {
        "text/x-bed; charset=utf-8"
    }

    fn by_name(&self) -> bool {
        true
    }

    fn needs_unique_ids(&self) -> bool {
        true
    }

    fn write_one(&self, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        self.begin_batch(out)?;
        write(entry, out)
    }

    fn begin_batch(&self, out: &mut dyn io::Write) -> io::Result<()> {
        writeln!(out, "{HEADER}")
    }

    fn write_next(&self, entry: &Entry<'_>, _place: Place, out: &mut dyn io::Write) -> io::Result<()> {
        write(entry, out)
    }
}

fn write(entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let id = chromosome(entry.id);
    for segment in segments(entry.prediction) {
        let feature = segment.feature;
        let (start, end) = (segment.residues.start, segment.residues.end);
        writeln!(
            out,
            "{id}\t{start}\t{end}\t{}\t{}\t.\t{start}\t{end}\t{}\t{}\t{}\t{}",
            feature.name,
            segment.permille,
            rgb(feature.colour),
            feature.property.key(),
            char::from(feature.letter),
            feature.ontology,
        )?;
    }
    Ok(())
}

/// The id without blanks, which end a column for many programs. An id like the first word of a line that is no segment
/// gets `_` in front.
fn chromosome(id: &str) -> String {
    let id = one_line(id).replace(char::is_whitespace, "_");
    let is_no_segment = ["#", "track", "browser"].iter().any(|word| id.starts_with(word));
    if is_no_segment { format!("_{id}") } else { id }
}

/// `#rrggbb` as three decimal numbers.
fn rgb(colour: &str) -> String {
    let channel =
        |i: usize| colour.get(i..i + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or(0);
    format!("{},{},{}", channel(1), channel(3), channel(5))
}
