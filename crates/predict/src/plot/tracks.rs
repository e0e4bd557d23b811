//! The track plot: secondary structure, confidence, membrane segments, accessibility and disorder
//! along the chain, in at most ten rows.

use super::svg::{Anchor, Path, Svg};
use crate::palette::{ACCESSIBLE, DISORDER, MEMBRANE};
use crate::{Prediction, Property, Sequence};

mod lanes;
mod layout;

use lanes::Lanes;
use layout::{Layout, PICTURE_WIDTH};

const CONFIDENCE: &str = "#a3a3a3";
const GRID: &str = "#d9d9d9";
const FAINT_TEXT: &str = "fill=\"#555555\"";

/// The maximum number of characters of a name in the title.
const MAX_NAME_CHARS: usize = 80;

/// Draws the properties along the chain, with `name` as title.
///
/// Residue letters are shown up to about a thousand residues. In longer chains neighbouring residues are
/// drawn as one (labels by majority, curves by mean), so that the SVG has at most a few hundred kilobytes.
#[must_use]
pub fn tracks_svg(prediction: &Prediction, sequence: &Sequence, name: &str) -> String {
    let n = sequence.len().min(prediction.len());
    let has_membrane = prediction.track(Property::Tm2).labels.contains(&b'H');
    let layout = Layout::new(n, has_membrane);
    let title = shorten(name);
    let mut svg = Svg::new(PICTURE_WIDTH, layout.height(), &format!("Predicted properties of {title}"));
    svg.text(20.0, 32.0, 17.0, Anchor::Start, &title);
    svg.styled_text(20.0, 52.0, 11.5, Anchor::Start, FAINT_TEXT, &summary(prediction, n));
    legend(&mut svg, has_membrane);
    for row in 0..layout.rows {
        let residues = layout.residues(row);
        Lanes::new(&layout, row, prediction, sequence).draw(&mut svg, residues);
    }
    svg.finish()
}

/// At most [`MAX_NAME_CHARS`] characters of `name`.
fn shorten(name: &str) -> String {
    if name.chars().count() <= MAX_NAME_CHARS {
        return name.to_owned();
    }
    let start: String = name.chars().take(MAX_NAME_CHARS - 1).collect();
    start + "…"
}

fn summary(prediction: &Prediction, n: usize) -> String {
    let labels = &prediction.track(Property::Ss3).labels;
    let percent = |letter: u8| {
        let count = labels.iter().filter(|&&l| l == letter).count();
        (200 * count + n) / (2 * n.max(1))
    };
    let plural = if n == 1 { "" } else { "s" };
    let method = prediction.method();
    format!(
        "{n} residue{plural}  ·  {} % helix, {} % strand, {} % coil  ·  {} {}",
        percent(b'H'),
        percent(b'E'),
        percent(b'C'),
        method.name,
        method.version
    )
}

fn legend(svg: &mut Svg, has_membrane: bool) {
    let y = 74.0;
    let mut x = 20.0;
    let mut place = |icon: f64, text: &str| {
        let start = x;
        #[expect(clippy::cast_precision_loss, reason = "a few characters")]
        let text_width = text.chars().count() as f64 * 6.3;
        x += icon + 6.0 + text_width + 20.0;
        start
    };
    let mut entry = |svg: &mut Svg, text: &str, draw: &dyn Fn(&mut Svg, f64)| {
        let start = place(26.0, text);
        draw(svg, start);
        svg.text(start + 32.0, y + 4.0, 11.0, Anchor::Start, text);
    };
    entry(svg, "helix", &|svg, x| lanes::helix(svg, x, y, 26.0, 4));
    entry(svg, "strand", &|svg, x| lanes::strand(svg, x, y, 26.0, true));
    entry(svg, "coil", &|svg, x| lanes::coil(svg, x, y, 26.0));
    entry(svg, "confidence", &|svg, x| svg.rect(x, y - 5.0, 26.0, 10.0, CONFIDENCE));
    if has_membrane {
        entry(svg, "transmembrane", &|svg, x| svg.rect(x, y - 4.0, 26.0, 8.0, MEMBRANE));
    }
    entry(svg, "solvent accessibility", &|svg, x| svg.rect(x, y - 5.0, 26.0, 10.0, ACCESSIBLE));
    entry(svg, "disorder probability", &|svg, x| {
        let mut line = Path::default();
        line.move_to(x, y).line_to(x + 26.0, y);
        svg.path(&line, &stroke(DISORDER, 2.0));
    });
}

fn stroke(colour: &str, width: f64) -> String {
    format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_at_characters() {
        assert_eq!(shorten("a"), "a");
        assert_eq!(shorten(&"é".repeat(100)).chars().count(), MAX_NAME_CHARS);
    }
}
