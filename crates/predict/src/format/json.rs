//! JSON: every label with its alphabet, all probabilities, the edits of the input, and the method.
//!
//! The JSON is compact (not indented), because most of it is long lists of numbers.

use std::io;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Entry, Layout, Place, SS3_REDUCTION};
use crate::property::Class;
use crate::sequence::{Edit, Warning};
use crate::{Method, Track};

/// The format JSON: one object for one chain, a list of objects for a batch.
pub(super) struct Json;

impl Layout for Json {
    fn name(&self) -> &'static str {
        "JSON"
    }

    fn extension(&self) -> &'static str {
        "json"
    }

    fn media_type(&self) -> &'static str {
        "application/json"
    }

    fn write_one(&self, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        write(entry, out)
    }

    fn begin_batch(&self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(b"[\n")
    }

    fn write_next(&self, entry: &Entry<'_>, place: Place, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(if place.index == 0 { b"" } else { b"," })?;
        write(entry, out)
    }

    fn end_batch(&self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(b"]\n")
    }
}

/// The format NDJSON: one object on each line.
pub(super) struct Ndjson;

impl Layout for Ndjson {
    fn name(&self) -> &'static str {
        "NDJSON"
    }

    fn extension(&self) -> &'static str {
        "ndjson"
    }

    fn media_type(&self) -> &'static str {
        "application/x-ndjson"
    }

    fn write_one(&self, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        write(entry, out)
    }
}

fn write(entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Document::new(entry))?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct Document<'a> {
    id: &'a str,
    name: Option<&'a str>,
    length: usize,
    sequence: &'a str,
    properties: Tracks<'a>,
    /// Relative solvent accessibility, 0 to 1.
    rsa: Permille<'a>,
    edits: &'a [Edit],
    warnings: &'a [Warning],
    method: MethodField<'a>,
}

impl<'a> Document<'a> {
    fn new(entry: &Entry<'a>) -> Self {
        Self {
            id: entry.id,
            name: entry.name,
            length: entry.sequence.len(),
            sequence: entry.sequence.as_str(),
            properties: Tracks(entry.prediction.tracks()),
            rsa: Permille(entry.prediction.rsa()),
            edits: entry.edits,
            warnings: entry.warnings,
            method: MethodField { method: entry.prediction.method(), ss3_reduction: SS3_REDUCTION },
        }
    }
}

#[derive(Serialize)]
struct MethodField<'a> {
    #[serde(flatten)]
    method: &'a Method,
    ss3_reduction: &'static str,
}

/// A map from property key to its track.
struct Tracks<'a>(&'a [Track]);

impl Serialize for Tracks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|t| (t.property.key(), TrackField::new(t))))
    }
}

#[derive(Serialize)]
struct TrackField<'a> {
    title: &'static str,
    alphabet: Vec<Letter>,
    labels: &'a str,
    /// One digit for each residue.
    confidence: String,
    probabilities: Columns<'a>,
}

impl<'a> TrackField<'a> {
    fn new(track: &'a Track) -> Self {
        let n = track.labels.len();
        Self {
            title: track.property.title(),
            alphabet: track.property.alphabet().iter().map(Letter::new).collect(),
            labels: track.text(),
            confidence: (0..n).map(|i| char::from(b'0' + track.confidence(i))).collect(),
            probabilities: Columns(track),
        }
    }
}

#[derive(Serialize)]
struct Letter {
    letter: char,
    meaning: &'static str,
}

impl Letter {
    fn new(class: &Class) -> Self {
        Self { letter: char::from(class.letter), meaning: class.meaning }
    }
}

/// A map from letter to its probability at every residue.
struct Columns<'a>(&'a Track);

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let alphabet = self.0.property.alphabet();
        let mut map = serializer.serialize_map(Some(alphabet.len()))?;
        for (class, column) in alphabet.iter().zip(&self.0.columns) {
            map.serialize_entry(&char::from(class.letter), &Permille(column))?;
        }
        map.end()
    }
}

/// Per-mille values as numbers from 0 to 1 with at most three decimals.
struct Permille<'a>(&'a [u16]);

impl Serialize for Permille<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|&v| f64::from(v) / 1000.0))
    }
}
