//! TSV and CSV: one row for each residue, with named columns.

use std::borrow::Cow;
use std::io;

use super::{Entry, Layout, Place};
use crate::Property;
use crate::name::one_line;

const COLUMNS: [&str; 13] =
    ["id", "pos", "aa", "ss3", "p_h", "p_e", "p_c", "ss8", "acc", "dis", "p_dis", "tm2", "tm8"];

/// A table format: its name and its syntax.
pub(super) struct Table {
    name: &'static str,
    extension: &'static str,
    media_type: &'static str,
    separator: &'static str,
    line_end: &'static str,
    quote: fn(&str) -> String,
}

/// Tab-separated values. Nothing is quoted, because programs interpret quotes in TSV differently.
pub(super) const TSV: Table = Table {
    name: "TSV",
    extension: "tsv",
    media_type: "text/tab-separated-values; charset=utf-8",
    separator: "\t",
    line_end: "\n",
    quote: |text| guarded(&text.replace('"', "'")).into_owned(),
};

/// Comma-separated values as in RFC 4180, so with CRLF.
pub(super) const CSV: Table = Table {
    name: "CSV",
    extension: "csv",
    media_type: "text/csv; charset=utf-8; header=present",
    separator: ",",
    line_end: "\r\n",
    quote: quote_csv,
};

impl Layout for Table {
    fn name(&self) -> &'static str {
        self.name
    }

    fn extension(&self) -> &'static str {
        self.extension
    }

    fn media_type(&self) -> &'static str {
        self.media_type
    }

    fn write_one(&self, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        self.begin_batch(out)?;
        self.rows(entry, out)
    }

    fn begin_batch(&self, out: &mut dyn io::Write) -> io::Result<()> {
        write!(out, "{}{}", COLUMNS.join(self.separator), self.line_end)
    }

    fn write_next(&self, entry: &Entry<'_>, _place: Place, out: &mut dyn io::Write) -> io::Result<()> {
        self.rows(entry, out)
    }
}

impl Table {
    fn rows(&self, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        let id = (self.quote)(entry.id);
        let (s, end) = (self.separator, self.line_end);
        let ss3 = entry.prediction.track(Property::Ss3);
        let dis = entry.prediction.track(Property::Dis);
        for i in 0..entry.sequence.len() {
            let (position, residue) = entry.residue(i);
            let label = |property| entry.label(property, i);
            let [h, e, c] = [b'H', b'E', b'C'].map(|letter| ss3.probability(i, letter));
            let disordered = dis.probability(i, b'*');
            write!(
                out,
                "{id}{s}{position}{s}{residue}{s}{}{s}{h:.3}{s}{e:.3}{s}{c:.3}{s}{}{s}{}{s}{}{s}\
                 {disordered:.3}{s}{}{s}{}{end}",
                label(Property::Ss3),
                label(Property::Ss8),
                label(Property::Acc),
                label(Property::Dis),
                label(Property::Tm2),
                label(Property::Tm8),
            )?;
        }
        Ok(())
    }
}

/// The text on one line. A text that a spreadsheet would read as a formula gets a `'` in front, as OWASP
/// advises, because anybody can choose the ids.
fn guarded(text: &str) -> Cow<'_, str> {
    let line = one_line(text);
    if line.trim_start().starts_with(['=', '+', '-', '@']) { Cow::Owned(format!("'{line}")) } else { line }
}

/// Quotes a value that needs quotes.
fn quote_csv(text: &str) -> String {
    let value = guarded(text);
    if value.contains([',', '"']) || value.starts_with('\'') {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.into_owned()
    }
}
