//! Draws one row of the track plot, lane by lane.

use std::ops::Range;

use super::layout::{
    BARS_HEIGHT, CARTOON_HEIGHT, CURVES_HEIGHT, Edges, LEFT, Layout, MEMBRANE_HEIGHT, as_f64,
};
use super::{Anchor, FAINT_TEXT, Path, Svg, stroke};
use crate::palette;
use crate::segment::runs;
use crate::{Prediction, Property, Sequence, Track};

/// Residues in half a turn of an alpha helix (3.6 residues a turn).
const HALF_TURN: f64 = 1.8;

/// A helix is drawn as a bar if half a turn is narrower than this.
const MIN_HALF_TURN: f64 = 3.0;

const SMALL_TEXT: f64 = 10.0;

/// The lanes of one row, and the data that is drawn in them.
pub(super) struct Lanes<'a> {
    layout: &'a Layout,
    edges: Edges,
    prediction: &'a Prediction,
    sequence: &'a Sequence,
}

impl<'a> Lanes<'a> {
    pub(super) fn new(
        layout: &'a Layout,
        row: usize,
        prediction: &'a Prediction,
        sequence: &'a Sequence,
    ) -> Self {
        Self { layout, edges: layout.edges(row), prediction, sequence }
    }

    /// Draws `residues` of the chain.
    pub(super) fn draw(&self, svg: &mut Svg, residues: Range<usize>) {
        let edges = &self.edges;
        if let Some(baseline) = edges.letters {
            self.letters(svg, baseline, residues.clone());
        }
        lane_name(svg, edges.cartoon + CARTOON_HEIGHT / 2.0, "structure");
        self.cartoon(svg, residues.clone());
        lane_name(svg, edges.bars + BARS_HEIGHT / 2.0, "confidence");
        self.bars(svg, residues.clone());
        if let Some(top) = edges.membrane {
            lane_name(svg, top + MEMBRANE_HEIGHT / 2.0, "membrane");
            self.membrane(svg, top, residues.clone());
        }
        self.grid(svg, residues.len());
        self.curves(svg, residues.clone());
        self.axis(svg, residues);
    }

    fn letters(&self, svg: &mut Svg, baseline: f64, residues: Range<usize>) {
        let size = (self.layout.cell * 1.05).min(11.5);
        for (k, i) in residues.enumerate() {
            let letter = char::from(self.sequence.residues()[i]).to_string();
            svg.text(self.x(k) + self.layout.cell / 2.0, baseline, size, Anchor::Middle, &letter);
        }
    }

    fn cartoon(&self, svg: &mut Svg, residues: Range<usize>) {
        let track = self.prediction.track(Property::Ss3);
        let y = self.edges.cartoon + CARTOON_HEIGHT / 2.0;
        let next = track.labels.get(residues.end).copied();
        for (letter, run) in self.runs(track, residues.clone()) {
            let (x, width) = (self.x(run.start), self.width(run.len()));
            let half_turn = HALF_TURN * self.layout.cell;
            match letter {
                b'H' if half_turn >= MIN_HALF_TURN => {
                    helix(svg, x, y, width, half_turns(width / half_turn));
                }
                b'H' => svg.rect(x, y - 6.0, width, 12.0, palette::HELIX),
                // A strand that continues in the next row has its arrow head there.
                b'E' => {
                    strand(svg, x, y, width, run.end < residues.len() || next != Some(b'E'));
                }
                _ => coil(svg, x, y, width),
            }
        }
    }

    fn bars(&self, svg: &mut Svg, residues: Range<usize>) {
        let track = self.prediction.track(Property::Ss3);
        let bottom = self.edges.bars + BARS_HEIGHT;
        let mut bars = Path::default();
        for bin in self.bins(residues) {
            let tenths = mean(bin.residues.clone().map(|i| f64::from(track.confidence(i)) + 1.0));
            let height = tenths / 10.0 * BARS_HEIGHT;
            bars.bar(bin.x, bottom - height, bin.width, height);
        }
        svg.path(&bars, &format!("fill=\"{}\"", super::CONFIDENCE));
    }

    fn membrane(&self, svg: &mut Svg, top: f64, residues: Range<usize>) {
        let mut line = Path::default();
        let middle = top + MEMBRANE_HEIGHT / 2.0;
        line.move_to(self.x(0), middle).line_to(self.x(residues.len()), middle);
        svg.path(&line, &stroke(super::GRID, 1.0));
        let track = self.prediction.track(Property::Tm2);
        for (letter, run) in self.runs(track, residues) {
            if letter == b'H' {
                let width = self.width(run.len());
                svg.rect(self.x(run.start), top, width, MEMBRANE_HEIGHT, palette::MEMBRANE);
            }
        }
    }

    fn grid(&self, svg: &mut Svg, count: usize) {
        for (value, label) in [(0.0, "0"), (0.5, "0.5"), (1.0, "1")] {
            let y = self.curve_y(value);
            let mut line = Path::default();
            line.move_to(LEFT, y).line_to(self.x(count), y);
            let dashed = if value == 0.5 { " stroke-dasharray=\"4 3\"" } else { "" };
            svg.path(&line, &(stroke(super::GRID, 1.0) + dashed));
            svg.styled_text(LEFT - 6.0, y + 3.5, SMALL_TEXT, Anchor::End, FAINT_TEXT, label);
        }
    }

    fn curves(&self, svg: &mut Svg, residues: Range<usize>) {
        let rsa = self.prediction.rsa();
        let mut area = Path::default();
        area.move_to(self.x(0), self.curve_y(0.0));
        let accessible = |i: usize| (f64::from(rsa[i]) / 1000.0).min(1.0);
        self.steps(&mut area, residues.clone(), &accessible);
        area.line_to(self.x(residues.len()), self.curve_y(0.0)).close();
        svg.path(&area, &format!("fill=\"{}\" fill-opacity=\"0.55\"", palette::ACCESSIBLE));

        let track = self.prediction.track(Property::Dis);
        let mut line = Path::default();
        let disordered = |i: usize| f64::from(track.probability(i, b'*'));
        line.move_to(self.x(0), self.curve_y(disordered(residues.start)));
        self.steps(&mut line, residues, &disordered);
        svg.path(&line, &stroke(palette::DISORDER, 1.8));
    }

    /// A line through the middle of every bin, extended to both ends of the row.
    fn steps(&self, path: &mut Path, residues: Range<usize>, value: &dyn Fn(usize) -> f64) {
        let mut end = None;
        for bin in self.bins(residues) {
            let y = self.curve_y(mean(bin.residues.clone().map(value)));
            if end.is_none() {
                path.line_to(bin.x, y);
            }
            path.line_to(bin.x + bin.width / 2.0, y);
            end = Some((bin.x + bin.width, y));
        }
        if let Some((x, y)) = end {
            path.line_to(x, y);
        }
    }

    fn axis(&self, svg: &mut Svg, residues: Range<usize>) {
        let y = self.edges.axis;
        let step = self.layout.tick_step();
        let mut line = Path::default();
        line.move_to(LEFT, y).line_to(self.x(residues.len()), y);
        for position in residues.start + 1..=residues.end {
            // The first residue of the chain also has a number, if there is room before the next number.
            if position % step == 0 || (position == 1 && step > 2) {
                let x = self.x(position - 1 - residues.start) + self.layout.cell / 2.0;
                line.move_to(x, y).line_to(x, y + 4.0);
                let label = position.to_string();
                svg.styled_text(x, y + 15.0, SMALL_TEXT, Anchor::Middle, FAINT_TEXT, &label);
            }
        }
        svg.path(&line, &stroke("#555555", 1.0));
    }

    /// The runs of equal labels in the row, in residues from the start of the row. A bin has the label of its
    /// majority.
    fn runs(&self, track: &Track, residues: Range<usize>) -> Vec<(u8, Range<usize>)> {
        let labels = &track.labels[residues];
        let smooth = labels.chunks(self.layout.bin).flat_map(|bin| {
            let count = |letter: u8| bin.iter().filter(|&&l| l == letter).count();
            let most = bin.iter().copied().max_by_key(|&l| (count(l), l)).unwrap_or(b'_');
            std::iter::repeat_n(most, bin.len())
        });
        runs(&smooth.collect::<Vec<u8>>())
    }

    fn bins(&self, residues: Range<usize>) -> impl Iterator<Item = Bin> {
        let starts = residues.clone().step_by(self.layout.bin);
        starts.map(move |start| {
            let end = (start + self.layout.bin).min(residues.end);
            Bin { x: self.x(start - residues.start), width: self.width(end - start), residues: start..end }
        })
    }

    /// The left edge of residue `k` (from 0) of the row.
    fn x(&self, k: usize) -> f64 {
        LEFT + self.width(k)
    }

    fn width(&self, residues: usize) -> f64 {
        as_f64(residues) * self.layout.cell
    }

    fn curve_y(&self, value: f64) -> f64 {
        self.edges.curves + (1.0 - value) * CURVES_HEIGHT
    }
}

/// Neighbouring residues that are drawn as one.
struct Bin {
    x: f64,
    width: f64,
    residues: Range<usize>,
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = as_f64(values.len().max(1));
    values.sum::<f64>() / count
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred")]
fn half_turns(turns: f64) -> usize {
    (turns.round() as usize).max(1)
}

fn lane_name(svg: &mut Svg, middle: f64, name: &str) {
    svg.styled_text(LEFT - 6.0, middle + 3.5, SMALL_TEXT, Anchor::End, FAINT_TEXT, name);
}

/// Draws a ribbon of `half_turns` waves around `y`.
pub(super) fn helix(svg: &mut Svg, x: f64, y: f64, width: f64, half_turns: usize) {
    let mut wave = Path::default();
    wave.move_to(x, y);
    for turn in 0..half_turns {
        wave.wave(width / as_f64(half_turns), if turn % 2 == 0 { -7.5 } else { 7.5 });
    }
    svg.path(&wave, &stroke(palette::HELIX, 3.5));
}

/// Draws an arrow along the chain. It has no head if the strand continues in the next row.
pub(super) fn strand(svg: &mut Svg, x: f64, y: f64, width: f64, with_head: bool) {
    let head = if with_head { (width * 0.5).min(9.0) } else { 0.0 };
    let (neck, tip) = (x + width - head, x + width);
    let mut arrow = Path::default();
    arrow.move_to(x, y - 4.5).line_to(neck, y - 4.5);
    if with_head {
        arrow.line_to(neck, y - 9.0).line_to(tip, y).line_to(neck, y + 9.0);
    }
    arrow.line_to(neck, y + 4.5).line_to(x, y + 4.5).close();
    svg.path(&arrow, &format!("fill=\"{}\"", palette::STRAND));
}

/// Draws a thin line.
pub(super) fn coil(svg: &mut Svg, x: f64, y: f64, width: f64) {
    svg.rect(x, y - 1.25, width, 2.5, palette::COIL);
}
