//! TSV and CSV: one residue a row, named columns.

use std::borrow::Cow;
use std::io;

use super::Entry;
use crate::Property;
use crate::name::one_line;

const COLUMNS: [&str; 13] =
    ["id", "pos", "aa", "ss3", "p_h", "p_e", "p_c", "ss8", "acc", "dis", "p_dis", "tm2", "tm8"];

/// How a table is written down.
pub(super) struct Dialect {
    separator: &'static str,
    line_end: &'static str,
    quote: fn(&str) -> Cow<'_, str>,
}

/// Tab-separated values; tabs and line ends inside a value become blanks, as TSV cannot have them.
pub(super) const TSV: Dialect = Dialect { separator: "\t", line_end: "\n", quote: one_line };

/// Comma-separated values after RFC 4180, so with CRLF.
pub(super) const CSV: Dialect = Dialect { separator: ",", line_end: "\r\n", quote: quote_csv };

pub(super) fn write_header(dialect: &Dialect, out: &mut dyn io::Write) -> io::Result<()> {
    write!(out, "{}{}", COLUMNS.join(dialect.separator), dialect.line_end)
}

pub(super) fn write_rows(dialect: &Dialect, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let id = (dialect.quote)(entry.id);
    let (s, end) = (dialect.separator, dialect.line_end);
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

/// Quotes what needs it. A value that spreadsheets would take for a formula gets a `'` in front,
/// as OWASP advises: ids come from whoever made the file.
fn quote_csv(text: &str) -> Cow<'_, str> {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !formula && !text.contains([',', '"', '\n', '\r']) {
        return Cow::Borrowed(text);
    }
    let guard = if formula { "'" } else { "" };
    Cow::Owned(format!("\"{guard}{}\"", text.replace('"', "\"\"")))
}
