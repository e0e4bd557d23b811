//! PSIPRED's horizontal format: blocks of 60 residues under their confidence.

use std::io;

use super::{Entry, method_name};
use crate::Property;

const BLOCK: usize = 60;

/// `comment` is a further comment line after the first.
pub(super) fn write(entry: &Entry<'_>, comment: Option<&str>, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "# PSIPRED HFORMAT ({})", method_name(entry))?;
    if let Some(comment) = comment {
        writeln!(out, "# {comment}")?;
    }
    let ss3 = entry.prediction.track(Property::Ss3);
    let confidence: String = (0..ss3.labels.len()).map(|i| char::from(b'0' + ss3.confidence(i))).collect();
    for start in (0..entry.sequence.len()).step_by(BLOCK) {
        let end = (start + BLOCK).min(entry.sequence.len());
        writeln!(out, "\nConf: {}", &confidence[start..end])?;
        writeln!(out, "Pred: {}", &ss3.text()[start..end])?;
        writeln!(out, "  AA: {}", &entry.sequence.as_str()[start..end])?;
        writeln!(out, "      {}\n", ruler(start, end))?;
    }
    Ok(())
}

/// Every tenth position of residues `start + 1` to `end`, its last digit under its residue.
fn ruler(start: usize, end: usize) -> String {
    let tens = (start + 1..=end).filter(|position| position % 10 == 0);
    tens.map(|position| format!("{position:10}")).collect()
}
