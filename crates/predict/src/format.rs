//! The result formats: one list of them, one file for each.
//!
//! [`write`](write()) is for the result of one chain, [`Writer`] for those of a batch, which
//! share table headers and the brackets of a JSON list.
//!
//! ```
//! use pssp_predict::format::Format;
//!
//! let format = Format::from_extension("ss2").unwrap();
//! assert_eq!(format, Format::Ss2);
//! assert_eq!(format.media_type(), "text/plain; charset=utf-8");
//! ```

use std::fmt;
use std::io;

use crate::name::one_line;
use crate::sequence::{Edit, Warning};
use crate::{Prediction, Property, Sequence};

pub mod classic;
mod fasta;
mod horiz;
mod json;
mod ss2;
mod table;

/// How SS3 follows from SS8; part of the method in every JSON result.
pub const SS3_REDUCTION: &str = "H = H G I, E = E B, C = the rest";

/// A result format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// The classic 8 lines: header, sequence, SS3, SS8, ACC, DIS, TM2, TM8.
    Classic,
    /// PSIPRED's vertical format.
    Ss2,
    /// PSIPRED's horizontal format.
    Horiz,
    /// JSON: everything; a list for a batch.
    Json,
    /// One compact JSON object a line.
    Ndjson,
    /// Tab-separated values, one residue a row.
    Tsv,
    /// Comma-separated values (RFC 4180), one residue a row.
    Csv,
    /// FASTA: the sequence, then the labels of each property as a record `id|SS3`.
    Fasta,
}

/// Every format.
pub const FORMATS: &[Format] = &[
    Format::Json,
    Format::Classic,
    Format::Ss2,
    Format::Horiz,
    Format::Tsv,
    Format::Csv,
    Format::Fasta,
    Format::Ndjson,
];

impl Format {
    /// Its name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic text",
            Self::Ss2 => "PSIPRED ss2",
            Self::Horiz => "PSIPRED horiz",
            Self::Json => "JSON",
            Self::Ndjson => "NDJSON",
            Self::Tsv => "TSV",
            Self::Csv => "CSV",
            Self::Fasta => "FASTA",
        }
    }

    /// The extension of its files, without a dot: its key in addresses and options.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Classic => "txt",
            Self::Ss2 => "ss2",
            Self::Horiz => "horiz",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Tsv => "tsv",
            Self::Csv => "csv",
            Self::Fasta => "fasta",
        }
    }

    /// Its media type, as sent in `Content-Type`.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Classic | Self::Ss2 | Self::Horiz => "text/plain; charset=utf-8",
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Tsv => "text/tab-separated-values; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Fasta => "text/x-fasta; charset=utf-8",
        }
    }

    /// The format with this file extension.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Self> {
        FORMATS.iter().copied().find(|f| f.extension() == extension)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One chain's result, ready to be written.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// What names the chain in every format: a job id or the id of its FASTA record.
    pub id: &'a str,
    /// A name or description for people.
    pub name: Option<&'a str>,
    /// The first line of the classic format, without `>`; `id` and `name` if not given.
    pub header: Option<&'a str>,
    /// The residues.
    pub sequence: &'a Sequence,
    /// Their prediction, of the same length.
    pub prediction: &'a Prediction,
    /// What cleaning changed.
    pub edits: &'a [Edit],
    /// What is odd about the input.
    pub warnings: &'a [Warning],
}

impl Entry<'_> {
    /// `id name` on one line, for formats whose header is a line.
    fn title(&self) -> String {
        let name = self.name.filter(|name| *name != self.id);
        let title = name.map_or_else(|| self.id.to_owned(), |name| format!("{} {name}", self.id));
        one_line(&title).into_owned()
    }

    /// The columns of residue `i` (from 0) that most formats start with: position and residue.
    fn residue(&self, i: usize) -> (usize, char) {
        (i + 1, char::from(self.sequence.residues()[i]))
    }

    fn label(&self, property: Property, i: usize) -> char {
        char::from(self.prediction.track(property).labels[i])
    }

    /// A prediction of another length would be a mix-up of two chains.
    fn check(&self) -> io::Result<()> {
        if self.sequence.len() == self.prediction.len() {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "{} residues with a prediction of {} for {}",
                self.sequence.len(),
                self.prediction.len(),
                self.id
            ),
        ))
    }
}

/// Writes the result of one chain. Writes many small pieces: give it something buffered.
///
/// # Errors
/// Those of `out`, and `InvalidInput` if sequence and prediction differ in length.
pub fn write(format: Format, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    entry.check()?;
    match format {
        Format::Classic => classic::write(entry, out),
        Format::Ss2 => ss2::write(entry, None, out),
        Format::Horiz => horiz::write(entry, None, out),
        Format::Json | Format::Ndjson => json::write(entry, out),
        Format::Tsv => {
            table::write_header(&table::TSV, out).and_then(|()| table::write_rows(&table::TSV, entry, out))
        }
        Format::Csv => {
            table::write_header(&table::CSV, out).and_then(|()| table::write_rows(&table::CSV, entry, out))
        }
        Format::Fasta => fasta::write(entry, out),
    }
}

/// Writes the results of a batch one after the other.
///
/// Tables have one header, JSON is a list, ss2 and horiz tell each chain's id in a comment line
/// after the first line (PSIPRED's readers skip it); the rest is as [`write`](write()).
#[derive(Debug)]
pub struct Writer<W> {
    format: Format,
    out: W,
    entries: usize,
}

impl<W: io::Write> Writer<W> {
    /// Writes what stands before the first entry.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(format: Format, mut out: W) -> io::Result<Self> {
        match format {
            Format::Json => out.write_all(b"[\n")?,
            Format::Tsv => table::write_header(&table::TSV, &mut out)?,
            Format::Csv => table::write_header(&table::CSV, &mut out)?,
            _ => {}
        }
        Ok(Self { format, out, entries: 0 })
    }

    /// Writes one entry.
    ///
    /// # Errors
    /// As [`write`](write()).
    pub fn entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        entry.check()?;
        let first = self.entries == 0;
        self.entries += 1;
        let out = &mut self.out;
        match self.format {
            Format::Json => {
                out.write_all(if first { b"" } else { b"," })?;
                json::write(entry, out)
            }
            Format::Tsv => table::write_rows(&table::TSV, entry, out),
            Format::Csv => table::write_rows(&table::CSV, entry, out),
            Format::Ss2 => ss2::write(entry, Some(&entry.title()), out),
            Format::Horiz => horiz::write(entry, Some(&entry.title()), out),
            Format::Classic | Format::Fasta | Format::Ndjson => write(self.format, entry, out),
        }
    }

    /// What is written to, for instance to take what is there so far out of a buffer.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes what stands after the last entry and gives back what was written to.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        if self.format == Format::Json {
            self.out.write_all(b"]\n")?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Name and version of the method, as in the first line of PSIPRED's formats.
fn method_name(entry: &Entry<'_>) -> String {
    let method = entry.prediction.method();
    one_line(&format!("{} {}", method.name, method.version)).into_owned()
}
