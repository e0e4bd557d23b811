//! Draws the tracks of a result as pieces of SVG with classes; the stylesheet gives the colours, light and dark.
//!
//! Lengths are in SVG units: a residue is [`CELL`] wide.

use std::fmt::Write as _;
use std::ops::Range;

use pssp_predict::{Prediction, Property, Sequence};

/// Residues in one piece. Pieces flow, three, two or one on a line.
pub(crate) const PIECE: usize = 20;

const CELL: usize = 10;

/// The height of a piece.
pub(crate) const HEIGHT: usize = 106;

// The lanes of a piece, from top to bottom.
const NUMBERS: usize = 7;
const LETTERS: usize = 20;
const CARTOON: usize = 33;
const STATES: usize = 52;
const CONFIDENCE: Lane = Lane { top: 57, bottom: 67 };
const EXPOSURE: Lane = Lane { top: 71, bottom: 82 };
const DISORDER: Lane = Lane { top: 85, bottom: 96 };
const MEMBRANE: Lane = Lane { top: 99, bottom: 105 };

/// Half the height of a helix ribbon and of the head of a strand.
const HALF_CARTOON: f64 = 8.0;

/// Residues in half a turn of an alpha helix (3.6 residues a turn).
const HALF_TURN: f64 = 1.8;

/// The names of the lanes, each with its baseline.
pub(crate) const NAMES: [(&str, usize); 7] = [
    ("sequence", LETTERS),
    ("structure", CARTOON + 3),
    ("8 states", STATES),
    ("confidence", CONFIDENCE.bottom - 2),
    ("exposure", EXPOSURE.bottom - 2),
    ("disorder", DISORDER.bottom - 2),
    ("membrane", MEMBRANE.bottom),
];

#[derive(Clone, Copy)]
struct Lane {
    top: usize,
    bottom: usize,
}

impl Lane {
    /// The height of a value of 0 to 1000.
    fn y(self, permille: u16) -> f64 {
        let height = float(self.bottom - self.top);
        float(self.bottom) - height * f64::from(permille.min(1000)) / 1000.0
    }
}

/// One piece of the tracks: at most [`PIECE`] residues.
pub(crate) struct Piece {
    /// The first residue, from 1.
    pub(crate) first: usize,
    pub(crate) svg: String,
}

/// The pieces of `window` (from 0).
pub(crate) fn pieces(prediction: &Prediction, sequence: &Sequence, window: Range<usize>) -> Vec<Piece> {
    let starts = window.clone().step_by(PIECE);
    starts
        .map(|start| {
            let residues = start..(start + PIECE).min(window.end);
            Piece { first: start + 1, svg: Drawing::new(prediction, sequence, residues).draw() }
        })
        .collect()
}

struct Drawing<'a> {
    prediction: &'a Prediction,
    sequence: &'a Sequence,
    residues: Range<usize>,
    out: String,
}

impl<'a> Drawing<'a> {
    fn new(prediction: &'a Prediction, sequence: &'a Sequence, residues: Range<usize>) -> Self {
        Self { prediction, sequence, residues, out: String::new() }
    }

    fn draw(mut self) -> String {
        self.numbers();
        let letters = self.sequence.residues()[self.residues.clone()].to_vec();
        self.letters(LETTERS, "l", &letters);
        self.cartoon();
        self.states();
        self.confidence();
        self.exposure();
        self.disorder();
        self.membrane();
        self.out
    }

    /// Numbers above the first residue of the chain and every tenth.
    fn numbers(&mut self) {
        for i in self.residues.clone() {
            if (i + 1) % 10 == 0 || i == 0 {
                // The number ends above its residue, so that it is not cut at the end of the piece.
                let x = self.middle(i) + CELL / 2 - 2;
                self.add(format_args!("<text class=\"n\" x=\"{x}\" y=\"{NUMBERS}\">{}</text>", i + 1));
            }
        }
    }

    fn letters(&mut self, baseline: usize, class: &str, letters: &[u8]) {
        let places: Vec<String> = self.residues.clone().map(|i| self.middle(i).to_string()).collect();
        let text = String::from_utf8_lossy(letters);
        self.add(format_args!(
            "<text class=\"{class}\" x=\"{}\" y=\"{baseline}\">{text}</text>",
            places.join(" ")
        ));
    }

    fn cartoon(&mut self) {
        let labels = &self.prediction.track(Property::Ss3).labels;
        let (mut coil, mut front, mut back, mut strand) =
            (String::new(), String::new(), String::new(), String::new());
        for run in runs(labels, &self.residues) {
            let (x, end) = (self.x(run.start), self.x(run.end));
            match labels[run.start] {
                b'H' => self.helix(&run, &mut front, &mut back),
                b'E' => self.strand(&run, &mut strand),
                _ => put(&mut coil, format_args!("M{x} {CARTOON}H{end}")),
            }
        }
        for (class, path) in [("c", coil), ("hb", back), ("hf", front), ("e", strand)] {
            self.path(class, &path);
        }
    }

    /// A ribbon of half turns: those that rise lie in front, those that fall behind. `run` is the whole helix, also
    /// beyond this piece, so that the ribbon goes on from piece to piece.
    fn helix(&self, run: &Range<usize>, front: &mut String, back: &mut String) {
        let width = float(run.len()) * float(CELL);
        let count = (float(run.len()) / HALF_TURN).round().max(1.0);
        let step = width / count;
        let thick = (step * 0.45).min(6.0);
        let left = self.x(run.start);
        let (low, high) = (float(CARTOON) + HALF_CARTOON, float(CARTOON) - HALF_CARTOON);
        let visible = 0.0..float(self.residues.len() * CELL);
        let mut turn = 0.0;
        while turn < count {
            let (from, to) = (left + turn * step, left + (turn + 1.0) * step);
            let rises = turn % 2.0 == 0.0;
            turn += 1.0;
            if to + thick < visible.start || from - thick > visible.end {
                continue;
            }
            let (start, end, path) = if rises { (low, high, &mut *front) } else { (high, low, &mut *back) };
            let half = thick / 2.0;
            put(
                path,
                format_args!(
                    "M{:.1} {start}L{:.1} {end}H{:.1}L{:.1} {start}z",
                    from - half,
                    to - half,
                    to + half,
                    from + half
                ),
            );
        }
    }

    /// An arrow with its head at the end of the strand.
    fn strand(&self, run: &Range<usize>, path: &mut String) {
        let (left, right, y) = (self.x(run.start), self.x(run.end), float(CARTOON));
        let head = float(CELL).min((right - left) * 0.6);
        let (neck, half) = (right - head, HALF_CARTOON / 2.0);
        put(
            path,
            format_args!(
                "M{left} {}H{neck}V{}L{right} {y}L{neck} {}V{}H{left}z",
                y - half,
                y - HALF_CARTOON,
                y + HALF_CARTOON,
                y + half
            ),
        );
    }

    fn states(&mut self) {
        let track = self.prediction.track(Property::Ss8);
        let letters = track.labels[self.residues.clone()].to_vec();
        for (class, states) in [("th", &b"HGI"[..]), ("te", b"EB"), ("tt", b"TS")] {
            let of_class: Vec<bool> = track.labels.iter().map(|label| states.contains(label)).collect();
            let mut path = String::new();
            for run in runs(&of_class, &self.residues).into_iter().filter(|run| of_class[run.start]) {
                let run = self.cut(&run);
                let (x, width) = (self.x(run.start), run.len() * CELL);
                put(&mut path, format_args!("M{x} {}h{width}v11h-{width}z", STATES - 9));
            }
            self.path(class, &path);
        }
        self.letters(STATES, "s", &letters);
    }

    fn confidence(&mut self) {
        let track = self.prediction.track(Property::Ss3);
        let mut path = String::new();
        for i in self.residues.clone() {
            let height = usize::from(track.confidence(i)) + 1;
            let x = self.x(i) + 1.5;
            put(&mut path, format_args!("M{x} {}v-{height}h7v{height}z", CONFIDENCE.bottom));
        }
        self.path("k", &path);
    }

    fn exposure(&mut self) {
        let rsa = self.prediction.rsa();
        let line = self.curve(EXPOSURE, |i| rsa[i]);
        let (end, bottom) = (self.residues.len() * CELL, EXPOSURE.bottom);
        self.path("xa", &format!("{line}L{end} {bottom}H0z"));
        self.path("xl", &line);
    }

    fn disorder(&mut self) {
        let track = self.prediction.track(Property::Dis);
        let column = Property::Dis.column(b'*').and_then(|column| track.columns.get(column));
        let half = DISORDER.y(500);
        self.path("m", &format!("M0 {half}H{}", self.residues.len() * CELL));
        let mut shade = String::new();
        for run in runs(&track.labels, &self.residues) {
            if track.labels[run.start] == b'*' {
                let run = self.cut(&run);
                let (x, width) = (self.x(run.start), run.len() * CELL);
                let height = DISORDER.bottom - DISORDER.top;
                put(&mut shade, format_args!("M{x} {}h{width}v{height}h-{width}z", DISORDER.top));
            }
        }
        self.path("da", &shade);
        if let Some(column) = column {
            let line = self.curve(DISORDER, |i| column[i]);
            self.path("dl", &line);
        }
    }

    fn membrane(&mut self) {
        let labels = &self.prediction.track(Property::Tm2).labels;
        let (middle, height) =
            (usize::midpoint(MEMBRANE.top, MEMBRANE.bottom), MEMBRANE.bottom - MEMBRANE.top);
        self.path("m", &format!("M0 {middle}H{}", self.residues.len() * CELL));
        let mut path = String::new();
        for run in runs(labels, &self.residues).into_iter().filter(|run| labels[run.start] == b'H') {
            let run = self.cut(&run);
            let (x, width) = (self.x(run.start), run.len() * CELL);
            put(&mut path, format_args!("M{x} {}h{width}v{height}h-{width}z", MEMBRANE.top));
        }
        self.path("t", &path);
    }

    /// A line through the middle of every residue. It begins and ends half way to the next piece, at the mean of
    /// both residues, so that the lines of two pieces meet.
    fn curve(&self, lane: Lane, value: impl Fn(usize) -> u16) -> String {
        let Range { start, end } = self.residues;
        let between = |a: usize, b: usize| u16::midpoint(value(a), value(b));
        let mut path = String::new();
        let first = if start == 0 { value(0) } else { between(start - 1, start) };
        put(&mut path, format_args!("M0 {:.1}", lane.y(first)));
        for i in self.residues.clone() {
            put(&mut path, format_args!("L{} {:.1}", self.middle(i), lane.y(value(i))));
        }
        let last = if end == self.prediction.len() { value(end - 1) } else { between(end - 1, end) };
        put(&mut path, format_args!("L{} {:.1}", self.residues.len() * CELL, lane.y(last)));
        path
    }

    /// The part of a run that lies in this piece.
    fn cut(&self, run: &Range<usize>) -> Range<usize> {
        run.start.max(self.residues.start)..run.end.min(self.residues.end)
    }

    /// The left edge of a residue, which may lie before this piece.
    fn x(&self, residue: usize) -> f64 {
        (float(residue) - float(self.residues.start)) * float(CELL)
    }

    fn middle(&self, residue: usize) -> usize {
        (residue - self.residues.start) * CELL + CELL / 2
    }

    fn path(&mut self, class: &str, path: &str) {
        if !path.is_empty() {
            self.add(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
        }
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        put(&mut self.out, element);
    }
}

/// The runs of equal values that meet `window`, each as a whole, also beyond the window.
pub(crate) fn runs<T: PartialEq>(values: &[T], window: &Range<usize>) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut i = window.start;
    while i < window.end {
        let value = &values[i];
        let before = values[..i].iter().rev().take_while(|other| *other == value).count();
        let after = values[i..].iter().take_while(|other| *other == value).count();
        found.push(i - before..i + after);
        i += after;
    }
    found
}

/// The width of a picture of the whole chain.
pub(crate) const WHOLE_WIDTH: usize = 1000;

/// A picture of the whole chain: structure, membrane and disorder, in `WHOLE_WIDTH` by 34 units.
pub(crate) fn overview(prediction: &Prediction) -> String {
    let mut out = structure(prediction, 10.0);
    let scale = Scale::new(prediction.len());
    let tm = &prediction.track(Property::Tm2).labels;
    let mut path = String::new();
    for run in runs(tm, &(0..tm.len())).into_iter().filter(|run| tm[run.start] == b'H') {
        let (x, width) = (scale.x(run.start), scale.x(run.len()));
        put(&mut path, format_args!("M{x:.1} 20h{width:.1}v5h-{width:.1}z"));
    }
    put(&mut out, format_args!("<path class=\"t\" d=\"{path}\"/>"));
    let track = prediction.track(Property::Dis);
    if let Some(column) = Property::Dis.column(b'*').and_then(|column| track.columns.get(column)) {
        let bin = prediction.len().div_ceil(500).max(1);
        let mut line = String::new();
        for (k, values) in column.chunks(bin).enumerate() {
            let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / float(values.len());
            let x = scale.x(k * bin) + scale.x(values.len()) / 2.0;
            put(
                &mut line,
                format_args!("{}{x:.1} {:.1}", if k == 0 { 'M' } else { 'L' }, 33.0 - mean / 166.0),
            );
        }
        put(&mut out, format_args!("<path class=\"dl\" d=\"{line}\"/>"));
    }
    out
}

/// A small picture of the structure of a whole chain, for a row of a table: 1,000 by 20 units.
#[must_use]
pub fn strip(prediction: &Prediction) -> String {
    structure(prediction, 10.0)
}

/// Coil as a line, helices as high blocks, strands as low ones, around the height `y`.
fn structure(prediction: &Prediction, y: f64) -> String {
    let labels = &prediction.track(Property::Ss3).labels;
    let scale = Scale::new(labels.len());
    let (mut helix, mut strand) = (String::new(), String::new());
    for run in runs(labels, &(0..labels.len())) {
        let (path, half) = match labels[run.start] {
            b'H' => (&mut helix, 9.0),
            b'E' => (&mut strand, 5.0),
            _ => continue,
        };
        let (x, width) = (scale.x(run.start), scale.x(run.len()));
        put(path, format_args!("M{x:.1} {}h{width:.1}v{}h-{width:.1}z", y - half, 2.0 * half));
    }
    format!(
        "<path class=\"c\" d=\"M0 {y}H{WHOLE_WIDTH}\"/><path class=\"hf\" d=\"{helix}\"/><path class=\"e\" d=\"{strand}\"/>"
    )
}

/// The whole chain on `WHOLE_WIDTH` units.
struct Scale(f64);

impl Scale {
    fn new(residues: usize) -> Self {
        Self(float(WHOLE_WIDTH) / float(residues.max(1)))
    }

    fn x(&self, residues: usize) -> f64 {
        float(residues) * self.0
    }
}

/// The conversion is exact: `f64` represents all integers up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "at most a million")]
fn float(count: usize) -> f64 {
    count as f64
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text); // writing to a string does not fail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_whole_also_beyond_the_window() {
        assert_eq!(runs(b"HHHEECC", &(1..5)), [0..3, 3..5]);
        assert_eq!(runs(b"HHHE", &(0..4)), [0..3, 3..4]);
        assert_eq!(runs(b"", &(0..0)), []);
    }
}
