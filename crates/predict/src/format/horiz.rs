//! PSIPRED's horizontal format: blocks of 60 residues under their confidence.
//!
//! The layout is exactly that of `psipass2` (PSIPRED 4.0), including blanks at line ends. If the number of
//! residues is a multiple of 60, one more, empty block follows.

use std::io;

use super::{Entry, Layout, Place, method_name};
use crate::Property;

/// Residues in a block.
const BLOCK_WIDTH: usize = 60;

pub(super) struct Horiz;

impl Layout for Horiz {
    fn name(&self) -> &'static str {
        "PSIPRED horiz"
    }

    fn extension(&self) -> &'static str {
        "horiz"
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
    writeln!(out, "# PSIPRED HFORMAT ({})", method_name(entry))?;
    let ss3 = entry.prediction.track(Property::Ss3);
    let length = entry.sequence.len();
    let confidence: String = (0..length).map(|i| char::from(b'0' + ss3.confidence(i))).collect();
    for block in 0..=length / BLOCK_WIDTH {
        let start = block * BLOCK_WIDTH;
        let end = (start + BLOCK_WIDTH).min(length);
        writeln!(out, "{}", if block == 0 { second_line } else { "" })?;
        writeln!(out, "Conf: {}", &confidence[start..end])?;
        writeln!(out, "Pred: {}", &ss3.text()[start..end])?;
        writeln!(out, "  AA: {}", &entry.sequence.as_str()[start..end])?;
        writeln!(out, "      {}\n", ruler(start, end))?;
    }
    Ok(())
}

/// Every tenth position of residues `start + 1` to `end`; the last digit is below its residue. `psipass2`
/// pads the rest after the last number, but with four blanks less than there are residues.
fn ruler(start: usize, end: usize) -> String {
    let tens: String = (start + 1..=end).filter(|at| at % 10 == 0).map(|at| format!("{at:10}")).collect();
    tens + &" ".repeat(((end - start) % 10).saturating_sub(4))
}
