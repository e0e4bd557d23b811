//! The result formats: the list of them, and one file for each.
//!
//! [`write`](write()) writes the result of one chain. [`Writer`] writes the results of a batch, with one
//! table header or one pair of JSON brackets for all.
//!
//! ```
//! use pssp_predict::format::Format;
//!
//! let format = Format::from_extension("ss2").unwrap();
//! assert_eq!(format, Format::Ss2);
//! assert_eq!(format.media_type(), "text/plain; charset=utf-8");
//! ```

use std::collections::HashSet;
use std::fmt;
use std::io;

use crate::name::one_line;
use crate::sequence::{Edit, Warning};
use crate::structure::Structure;
use crate::{Prediction, Property, Sequence};

mod bed;
pub mod classic;
mod defattr;
mod fasta;
mod gff3;
mod horiz;
mod jalview;
mod json;
mod pymol;
mod ss2;
mod table;

pub use crate::property::SS3_REDUCTION;

/// How one format is written. Each format has its own file in the folder `format`; [`formats!`] lists them.
trait Layout: Sync {
    /// Its name, for people to read.
    fn name(&self) -> &'static str;

    /// The extension of its files, without a dot.
    fn extension(&self) -> &'static str;

    /// Its media type.
    fn media_type(&self) -> &'static str;

    /// Writes one chain alone.
    fn write_one(&self, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()>;

    /// Writes the text before the first chain of a batch.
    fn begin_batch(&self, _out: &mut dyn io::Write) -> io::Result<()> {
        Ok(())
    }

    /// Writes a chain of a batch.
    fn write_next(&self, entry: &Entry<'_>, _place: Place, out: &mut dyn io::Write) -> io::Result<()> {
        self.write_one(entry, out)
    }

    /// Writes the text after the last chain of a batch.
    fn end_batch(&self, _out: &mut dyn io::Write) -> io::Result<()> {
        Ok(())
    }

    /// Whether a batch of one chain is written like one chain alone.
    fn is_alone_in_batch(&self) -> bool {
        false
    }

    /// Whether programs that read it find the sequence by its name.
    fn by_name(&self) -> bool {
        false
    }

    /// Whether chains with the same id would be one chain for programs that read it.
    fn needs_unique_ids(&self) -> bool {
        false
    }

    /// Whether it has use for [`Entry::structure`].
    fn uses_structure(&self) -> bool {
        false
    }
}

/// The place of a chain in a batch.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The number of chains before it.
    index: usize,
    /// The number of records before it, those without a result too.
    record: usize,
}

/// Makes [`Format`] and [`FORMATS`] from one list, in the order of the list.
macro_rules! formats {
    ($($(#[$doc:meta])* $format:ident => $layout:expr,)+) => {
        /// A result format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Format {
            $($(#[$doc])* $format,)+
        }

        /// Every format.
        pub const FORMATS: &[Format] = &[$(Format::$format,)+];

        impl Format {
            fn layout(self) -> &'static dyn Layout {
                match self {
                    $(Self::$format => &$layout,)+
                }
            }
        }
    };
}

formats! {
    /// JSON: everything; a list for a batch.
    Json => json::Json,
    /// The classic 8 lines: header, sequence, SS3, SS8, ACC, DIS, TM2, TM8.
    Classic => classic::Lines,
    /// PSIPRED's vertical format.
    Ss2 => ss2::Ss2,
    /// PSIPRED's horizontal format.
    Horiz => horiz::Horiz,
    /// Tab-separated values, one residue a row.
    Tsv => table::TSV,
    /// Comma-separated values (RFC 4180), one residue a row.
    Csv => table::CSV,
    /// FASTA: the sequence, then the labels of each property as a record `id|SS3`.
    Fasta => fasta::Fasta,
    /// One compact JSON object a line.
    Ndjson => json::Ndjson,
    /// GFF3: a feature for each segment.
    Gff3 => gff3::Gff3,
    /// BED: a row for each segment.
    Bed => bed::Bed,
    /// Jalview's annotation file.
    Jalview => jalview::Jalview,
    /// ChimeraX's attribute file.
    Defattr => defattr::Defattr,
    /// A script of PyMOL.
    Pml => pymol::Pymol,
}

impl Format {
    /// Its name, for people to read.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.layout().name()
    }

    /// The extension of its files, without a dot. It is also the key of the format in URLs and options.
    #[must_use]
    pub fn extension(self) -> &'static str {
        self.layout().extension()
    }

    /// Its media type, as sent in `Content-Type`.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        self.layout().media_type()
    }

    /// Whether programs that read it find the sequence by its name, so [`Entry::id`] must be that of their sequence.
    #[must_use]
    pub fn by_name(self) -> bool {
        self.layout().by_name()
    }

    /// Whether it colours a structure, and so has use for [`Entry::structure`].
    #[must_use]
    pub fn uses_structure(self) -> bool {
        self.layout().uses_structure()
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

/// The result of one chain, ready to be written.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The id of the chain in every format: a job id or the id of its FASTA record.
    pub id: &'a str,
    /// A name or description for people.
    pub name: Option<&'a str>,
    /// The first line of the classic format, without `>`. If it is `None`, the line has `id` and `name`.
    pub header: Option<&'a str>,
    /// The residues.
    pub sequence: &'a Sequence,
    /// The prediction of the residues, of the same length.
    pub prediction: &'a Prediction,
    /// The edits made by cleaning.
    pub edits: &'a [Edit],
    /// The warnings about the input.
    pub warnings: &'a [Warning],
    /// Where the residues are in a structure.
    pub structure: Structure<'a>,
}

impl Entry<'_> {
    /// `id name` on one line, for formats with a header line.
    fn title(&self) -> String {
        let name = self.name.filter(|name| *name != self.id);
        let title = name.map_or_else(|| self.id.to_owned(), |name| format!("{} {name}", self.id));
        one_line(&title).into_owned()
    }

    /// The title and the warnings about changed residues, for header lines that may contain any text.
    fn title_with_warnings(&self) -> String {
        match self.changes() {
            None => self.title(),
            Some(changes) => one_line(&format!("{} [warning: {changes}]", self.title())).into_owned(),
        }
    }

    /// The warnings about changed residues.
    fn changes(&self) -> Option<String> {
        let changes = self.warnings.iter().filter(|warning| warning.code.changes_prediction());
        let changes: Vec<&str> = changes.map(|warning| warning.message.as_str()).collect();
        (!changes.is_empty()).then(|| changes.join("; "))
    }

    /// Position (from 1) and letter of residue `i` (from 0): the first columns of most formats.
    fn residue(&self, i: usize) -> (usize, char) {
        (i + 1, char::from(self.sequence.residues()[i]))
    }

    fn label(&self, property: Property, i: usize) -> char {
        char::from(self.prediction.track(property).labels[i])
    }

    /// Refuses a prediction of another length: it would belong to another chain.
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

/// Writes the result of one chain, in many small pieces, so `out` should be buffered.
///
/// # Errors
/// The errors of `out`, and `InvalidInput` if sequence and prediction differ in length.
pub fn write(format: Format, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    entry.check()?;
    format.layout().write_one(entry, out)
}

/// Writes the results of a batch one after the other.
///
/// A table has one header line, and JSON is a list. In ss2 and horiz the second line of each chain, which is
/// blank in PSIPRED's files, contains the id (`# id`). So programs that skip two lines can still read it. A
/// batch of one record has PSIPRED's layout, like that chain alone. In GFF3 and BED the second chain with an id
/// has `_2` after it, because its segments are not those of the first. The other formats are like
/// [`write`](write()).
#[derive(Debug)]
pub struct Writer<W> {
    format: Format,
    out: W,
    entries: usize,
    records: usize,
    ids: HashSet<String>,
    held: Option<Held>,
}

/// The first chain of a batch in both forms, until it is known whether it is the only record.
#[derive(Debug)]
struct Held {
    alone: Vec<u8>,
    in_batch: Vec<u8>,
}

impl<W: io::Write> Writer<W> {
    /// Writes the text before the first entry.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(format: Format, mut out: W) -> io::Result<Self> {
        format.layout().begin_batch(&mut out)?;
        Ok(Self { format, out, entries: 0, records: 0, ids: HashSet::new(), held: None })
    }

    /// Writes one entry.
    ///
    /// # Errors
    /// As [`write`](write()).
    pub fn entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        entry.check()?;
        if self.format.layout().needs_unique_ids() {
            let id = self.unique(entry.id);
            return self.place(&Entry { id: &id, name: entry.name.or(Some(entry.id)), ..*entry });
        }
        self.place(entry)
    }

    /// The id, with a number after it if a chain before had it.
    fn unique(&mut self, id: &str) -> String {
        let numbered = (2..).map(|number| format!("{id}_{number}"));
        let mut candidates = std::iter::once(id.to_owned()).chain(numbered);
        let free = candidates.find(|candidate| !self.ids.contains(candidate)).unwrap_or_default();
        self.ids.insert(free.clone());
        free
    }

    fn place(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let place = Place { index: self.entries, record: self.records };
        self.entries += 1;
        self.records += 1;
        let layout = self.format.layout();
        if place.record == 0 && layout.is_alone_in_batch() {
            let mut held = Held { alone: Vec::new(), in_batch: Vec::new() };
            layout.write_one(entry, &mut held.alone)?;
            layout.write_next(entry, place, &mut held.in_batch)?;
            self.held = Some(held);
            return Ok(());
        }
        self.release()?;
        layout.write_next(entry, place, &mut self.out)
    }

    /// Notes a record of the batch that has no result.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn skip(&mut self) -> io::Result<()> {
        self.records += 1;
        self.release()
    }

    /// Writes the first entry, since it is not the only record.
    fn release(&mut self) -> io::Result<()> {
        match self.held.take() {
            Some(first) => self.out.write_all(&first.in_batch),
            None => Ok(()),
        }
    }

    /// The underlying writer, for instance to take the bytes written so far out of a buffer.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes the text after the last entry and returns the underlying writer.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        if let Some(only) = self.held.take() {
            self.out.write_all(&only.alone)?;
        }
        self.format.layout().end_batch(&mut self.out)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Name and version of the method, for the first line of PSIPRED's formats.
fn method_name(entry: &Entry<'_>) -> String {
    let method = entry.prediction.method();
    one_line(&format!("{} {}", method.name, method.version)).into_owned()
}
