//! Jalview's annotation file: rows of symbols, bars and lines under the sequence that has the name of the chain.
//!
//! Values belong to the residues of the sequence, from the first one on, wherever gaps are in the alignment. Each value
//! ends with `|`, the last one too: Jalview takes a single value without it for a score of the row.

use std::io;

use super::{Entry, Layout, Place, method_name};
use crate::Property;
use crate::name::one_line;
use crate::palette::{ACCESSIBLE, DISORDER, MEMBRANE};

/// The rows whose bars and lines have one colour. Rows are named as in [`write`].
const COLOURS: [(&str, &str); 3] = [("ACC", ACCESSIBLE), ("Disorder", DISORDER), ("Membrane", MEMBRANE)];

pub(super) struct Jalview;

impl Layout for Jalview {
    fn name(&self) -> &'static str {
        "Jalview annotations"
    }

    fn extension(&self) -> &'static str {
        "jalview"
    }

    fn media_type(&self) -> &'static str {
        "text/plain; charset=utf-8"
    }

    fn by_name(&self) -> bool {
        true
    }

    fn write_one(&self, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        self.begin_batch(out)?;
        write(entry, out)?;
        self.end_batch(out)
    }

    fn begin_batch(&self, out: &mut dyn io::Write) -> io::Result<()> {
        writeln!(out, "JALVIEW_ANNOTATION")
    }

    fn write_next(&self, entry: &Entry<'_>, _place: Place, out: &mut dyn io::Write) -> io::Result<()> {
        write(entry, out)
    }

    /// A colour is that of the rows so far.
    fn end_batch(&self, out: &mut dyn io::Write) -> io::Result<()> {
        COLOURS
            .iter()
            .try_for_each(|(row, colour)| writeln!(out, "COLOUR\t{row}\t{}", colour.trim_start_matches('#')))
    }
}

fn write(entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    // Jalview's names of sequences end at the first blank, as ids in FASTA do.
    let line = one_line(entry.id);
    let id = line.split_whitespace().next().unwrap_or("_");
    writeln!(out, "# {}: {}", entry.title_with_warnings(), method_name(entry))?;
    writeln!(out, "SEQUENCE_REF\t{id}\t1")?;
    let prediction = entry.prediction;
    let track = |property| prediction.track(property);
    let of_label = |property, i: usize| {
        let label = prediction.track(property).labels[i];
        (prediction.track(property).probability(i, label), char::from(label))
    };
    row(out, entry, "NO_GRAPH", "SS3", Property::Ss3.title(), |i| match track(Property::Ss3).labels[i] {
        symbol @ (b'H' | b'E') => char::from(symbol).to_string(),
        _ => String::new(),
    })?;
    row(out, entry, "BAR_GRAPH", "SS3 confidence", "probability of the state in SS3", |i| {
        let (probability, label) = of_label(Property::Ss3, i);
        format!("{probability:.3},{label}")
    })?;
    row(out, entry, "BAR_GRAPH", "SS8", "probability of the state, secondary structure in 8 states", |i| {
        let (probability, label) = of_label(Property::Ss8, i);
        format!("{probability:.3},{label}")
    })?;
    row(out, entry, "BAR_GRAPH", "ACC", "relative solvent accessibility, and its class", |i| {
        let accessible = f32::from(prediction.rsa()[i]) / 1000.0;
        format!("{accessible:.3},{}", of_label(Property::Acc, i).1)
    })?;
    row(out, entry, "LINE_GRAPH", "Disorder", "probability of disorder", |i| {
        format!("{:.3}", track(Property::Dis).probability(i, b'*'))
    })?;
    row(out, entry, "BAR_GRAPH", "Membrane", "probability of being transmembrane, and the state", |i| {
        let inside = track(Property::Tm2).probability(i, b'H');
        match of_label(Property::Tm8, i).1 {
            '_' => format!("{inside:.3}"),
            label => format!("{inside:.3},{label}"),
        }
    })?;
    writeln!(out, "GRAPHLINE\tDisorder\t0.5\tdisordered above\tblack")
}

/// A row with the values of `value_of`, for each residue from 0.
fn row(
    out: &mut dyn io::Write,
    entry: &Entry<'_>,
    graph: &str,
    label: &str,
    description: &str,
    value_of: impl Fn(usize) -> String,
) -> io::Result<()> {
    write!(out, "{graph}\t{label}\t{description}\t")?;
    (0..entry.sequence.len()).try_for_each(|i| write!(out, "{}|", value_of(i)))?;
    writeln!(out)
}
