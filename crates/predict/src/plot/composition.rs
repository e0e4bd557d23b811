//! The amino-acid frequency chart of the classic `/download`. It looks like the chart that matplotlib drew
//! there.

use super::svg::{Anchor, Path, Svg};
use crate::Sequence;

/// The bars, from left to right.
const AMINO_ACIDS: &[u8; 20] = b"ACDEFGHIKLMNPQRSTVWY";

// Matplotlib's defaults at 100 dots per inch: a 6.4 x 4.8 inch figure with these axes, text of
// 10 and 12 points, bars 0.8 wide, margins of 5 %.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 576.0;
const TOP: f64 = 57.6;
const BOTTOM: f64 = 427.2;
const TICK_LENGTH: f64 = 4.86;
const TEXT_SIZE: f64 = 13.89;
const TITLE_SIZE: f64 = 16.67;
const DIGIT_WIDTH: f64 = 8.84;
const BAR_WIDTH: f64 = 0.8;
const MARGIN: f64 = 0.05;
const MAX_TICKS: f64 = 9.0;
const LINE_STYLE: &str = "fill=\"none\" stroke=\"#000000\" stroke-width=\"1.11\"";
const BAR_COLOUR: &str = "#008000";

/// The bar chart of how often each of the 20 amino acids occurs: 640 x 480, counts on the y axis.
#[must_use]
pub fn composition_svg(sequence: &Sequence) -> String {
    let counts = AMINO_ACIDS.map(|a| sequence.residues().iter().filter(|&&r| r == a).count());
    let counts = counts.map(|count| u32::try_from(count).unwrap_or(u32::MAX)).map(f64::from);
    let most = counts.iter().copied().fold(1.0, f64::max);
    let y = |count: f64| BOTTOM - count / (most * (1.0 + MARGIN)) * (BOTTOM - TOP);

    let mut svg = Svg::new(WIDTH, HEIGHT, "Amino Acid Frequency");
    let mut ticks = Path::default();
    for (i, count) in counts.into_iter().enumerate() {
        let (x, width) = bar(i);
        if count > 0.0 {
            svg.rect(x, y(count), width, BOTTOM - y(count), BAR_COLOUR);
        }
        let middle = x + width / 2.0;
        ticks.move_to(middle, BOTTOM).line_to(middle, BOTTOM + TICK_LENGTH);
        let letter = char::from(AMINO_ACIDS[i]).to_string();
        svg.text(middle, BOTTOM + 19.5, TEXT_SIZE, Anchor::Middle, &letter);
    }
    for count in y_ticks(most * (1.0 + MARGIN)) {
        ticks.move_to(LEFT, y(count)).line_to(LEFT - TICK_LENGTH, y(count));
        svg.text(LEFT - 9.7, y(count) + 5.0, TEXT_SIZE, Anchor::End, &count.to_string());
    }
    svg.path(&ticks, LINE_STYLE);
    let mut frame = Path::default();
    frame.bar(LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP);
    svg.path(&frame, LINE_STYLE);
    labels(&mut svg, most);
    svg.finish()
}

/// Draws the title and the axis labels. The label of the y axis is left of the numbers, which go up to `most`.
fn labels(svg: &mut Svg, most: f64) {
    let (middle_x, middle_y) = (f64::midpoint(LEFT, RIGHT), f64::midpoint(TOP, BOTTOM));
    svg.text(middle_x, TOP - 8.3, TITLE_SIZE, Anchor::Middle, "Amino Acid Frequency");
    svg.text(middle_x, BOTTOM + 38.5, TEXT_SIZE, Anchor::Middle, "Amino Acids");
    let x = LEFT - 20.0 - DIGIT_WIDTH * most.log10().floor().max(0.0) - DIGIT_WIDTH;
    let turned = format!("transform=\"rotate(-90 {x:.2} {middle_y})\"");
    svg.styled_text(x, middle_y, TEXT_SIZE, Anchor::Middle, &turned, "Frequency");
}

/// The left edge and the width of bar `i`.
fn bar(i: usize) -> (f64, f64) {
    let span = 19.0 + BAR_WIDTH;
    let unit = (RIGHT - LEFT) / (span * (1.0 + 2.0 * MARGIN));
    let left = AMINO_ACIDS[..i].iter().map(|_| unit).sum::<f64>();
    (LEFT + span * MARGIN * unit + left, BAR_WIDTH * unit)
}

/// Round numbers from 0 to `top`, at most 10 of them. They are whole numbers, because they are counts.
fn y_ticks(top: f64) -> Vec<f64> {
    let steps = (0..).flat_map(|power| [1.0, 2.0, 2.5, 5.0].map(|s| s * 10_f64.powi(power)));
    let step = steps.filter(|step| step.fract() == 0.0).find(|step| top / step <= MAX_TICKS).unwrap_or(top);
    (0..=10).map(|i| f64::from(i) * step).take_while(|&tick| tick <= top).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(y_ticks(1.05), [0.0, 1.0]);
        assert_eq!(y_ticks(6.3), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(y_ticks(105.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(y_ticks(10_500.0), [0.0, 2000.0, 4000.0, 6000.0, 8000.0, 10_000.0]);
    }
}
