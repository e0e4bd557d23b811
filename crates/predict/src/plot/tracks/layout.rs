//! The division of a chain into rows, and the positions of the lanes in a row.

use std::ops::Range;

// Lengths are in SVG units.

/// Width of the picture.
pub(super) const PICTURE_WIDTH: f64 = 1040.0;

/// Left edge of the first residue of a row.
pub(super) const LEFT: f64 = 72.0;

/// Width of the area of residues.
const RESIDUES_WIDTH: f64 = 944.0;

/// Height of the title and the legend together.
const HEAD_HEIGHT: f64 = 104.0;

const MAX_ROWS: usize = 10;

/// Residues in a row, if letters are shown.
const LETTERS_PER_ROW: usize = 100;

const MAX_CELL: f64 = 16.0;

/// Letters are left out if a residue is narrower than this.
const MIN_LETTER_CELL: f64 = 7.0;

/// Neighbouring residues are drawn as one bin if they are narrower than this.
const MIN_BIN_WIDTH: f64 = 1.5;

pub(super) const CARTOON_HEIGHT: f64 = 20.0;
pub(super) const BARS_HEIGHT: f64 = 14.0;
pub(super) const MEMBRANE_HEIGHT: f64 = 8.0;
pub(super) const CURVES_HEIGHT: f64 = 56.0;
const LETTERS_HEIGHT: f64 = 16.0;
const LANE_GAP: f64 = 7.0;
const AXIS_HEIGHT: f64 = 18.0;
const ROW_GAP: f64 = 16.0;

/// The layout of one chain.
#[derive(Debug)]
pub(super) struct Layout {
    /// The number of residues.
    n: usize,
    /// The number of residues in a row.
    per_row: usize,
    /// The number of rows, at least 1.
    pub(super) rows: usize,
    /// Width of a residue.
    pub(super) cell: f64,
    /// The number of residues that are drawn as one bin.
    pub(super) bin: usize,
    /// Whether there is a lane for membrane segments.
    has_membrane: bool,
}

/// The upper edges of the lanes of a row.
#[derive(Debug)]
pub(super) struct Edges {
    /// The baseline of the letters; `None` if they do not fit.
    pub(super) letters: Option<f64>,
    pub(super) cartoon: f64,
    pub(super) bars: f64,
    pub(super) membrane: Option<f64>,
    pub(super) curves: f64,
    pub(super) axis: f64,
}

impl Layout {
    pub(super) fn new(n: usize, has_membrane: bool) -> Self {
        let per_row = per_row(n);
        let cell = (RESIDUES_WIDTH / as_f64(per_row)).min(MAX_CELL);
        let mut bin = 1;
        while as_f64(bin) * cell < MIN_BIN_WIDTH {
            bin += 1;
        }
        Self { n, per_row, rows: n.div_ceil(per_row).max(1), cell, bin, has_membrane }
    }

    /// The residues of `row`, from 0.
    pub(super) fn residues(&self, row: usize) -> Range<usize> {
        (row * self.per_row).min(self.n)..((row + 1) * self.per_row).min(self.n)
    }

    pub(super) fn height(&self) -> f64 {
        HEAD_HEIGHT + as_f64(self.rows) * self.row_height() + 4.0
    }

    pub(super) fn edges(&self, row: usize) -> Edges {
        let top = HEAD_HEIGHT + as_f64(row) * self.row_height();
        let letters = self.shows_letters().then_some(top + 11.0);
        let cartoon = top + if self.shows_letters() { LETTERS_HEIGHT } else { 0.0 };
        let bars = cartoon + CARTOON_HEIGHT + LANE_GAP;
        let below_bars = bars + BARS_HEIGHT + LANE_GAP;
        let membrane = self.has_membrane.then_some(below_bars);
        let curves = below_bars + if self.has_membrane { MEMBRANE_HEIGHT + LANE_GAP } else { 0.0 } + 3.0;
        Edges { letters, cartoon, bars, membrane, curves, axis: curves + CURVES_HEIGHT }
    }

    /// The number of residues between two numbers of the axis: a round number, large enough that the numbers
    /// do not overlap.
    pub(super) fn tick_step(&self) -> usize {
        let steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000];
        let wide = steps.into_iter().find(|&step| as_f64(step) * self.cell >= 44.0);
        wide.unwrap_or(1_000_000)
    }

    fn shows_letters(&self) -> bool {
        self.cell >= MIN_LETTER_CELL
    }

    fn row_height(&self) -> f64 {
        let letters = if self.shows_letters() { LETTERS_HEIGHT } else { 0.0 };
        let membrane = if self.has_membrane { MEMBRANE_HEIGHT + LANE_GAP } else { 0.0 };
        letters
            + CARTOON_HEIGHT
            + LANE_GAP
            + BARS_HEIGHT
            + LANE_GAP
            + membrane
            + 3.0
            + CURVES_HEIGHT
            + AXIS_HEIGHT
            + ROW_GAP
    }
}

/// The number of residues in a row. It is a multiple of 10 or 50, unless there is only one row. All rows have
/// about the same length.
fn per_row(n: usize) -> usize {
    if n <= LETTERS_PER_ROW {
        return n.max(1);
    }
    let rows = n.div_ceil(LETTERS_PER_ROW);
    if rows <= MAX_ROWS {
        return n.div_ceil(rows).next_multiple_of(10);
    }
    n.div_ceil(MAX_ROWS).next_multiple_of(50)
}

/// The conversion is exact, because `f64` represents all integers up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "at most a million")]
pub(super) fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_cover_the_chain_and_stay_few() {
        for n in [1, 5, 99, 100, 101, 333, 999, 1000, 1001, 4321, 10_000, 100_000] {
            let layout = Layout::new(n, true);
            assert!(layout.rows <= MAX_ROWS, "{n}");
            let covered: usize = (0..layout.rows).map(|row| layout.residues(row).len()).sum();
            assert_eq!(covered, n);
            assert!(!layout.residues(layout.rows - 1).is_empty(), "{n}: an empty row");
        }
    }
}
