//! Builds SVG documents from the few elements that the plots need.

use std::fmt::{Display, Write};

/// The fonts of all text: the embedded font, then fonts of browsers.
const FONTS: &str = "'DejaVu Sans', Verdana, sans-serif";

/// Which part of a text is at its coordinates.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// An SVG document.
pub(super) struct Svg(String);

impl Svg {
    /// A white picture. Screen readers read `title` aloud.
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        let title = escape(title);
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\" role=\"img\" font-family=\"{FONTS}\" fill=\"#1a1a1a\">\n\
             <title>{title}</title>\n\
             <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n",
            w = number(width),
            h = number(height),
        ))
    }

    pub(super) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str) {
        self.add(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"/>",
            number(x),
            number(y),
            number(width),
            number(height)
        ));
    }

    /// `style` contains further attributes, such as `stroke`.
    pub(super) fn path(&mut self, path: &Path, style: &str) {
        if !path.0.is_empty() {
            self.add(format_args!("<path d=\"{}\" {style}/>", path.0));
        }
    }

    pub(super) fn text(&mut self, x: f64, y: f64, size: f64, anchor: Anchor, text: &str) {
        self.styled_text(x, y, size, anchor, "", text);
    }

    /// `style` contains further attributes, such as `transform`.
    pub(super) fn styled_text(&mut self, x: f64, y: f64, size: f64, anchor: Anchor, style: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.add(format_args!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" text-anchor=\"{anchor}\" {style}>{}</text>",
            number(x),
            number(y),
            number(size),
            escape(text)
        ));
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    fn add(&mut self, element: impl Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{element}");
    }
}

/// The attribute `d` of a path. Coordinates are absolute, except `dx`.
#[derive(Default)]
pub(super) struct Path(String);

impl Path {
    pub(super) fn move_to(&mut self, x: f64, y: f64) -> &mut Self {
        self.add(format_args!("M{} {}", number(x), number(y)))
    }

    pub(super) fn line_to(&mut self, x: f64, y: f64) -> &mut Self {
        self.add(format_args!("L{} {}", number(x), number(y)))
    }

    /// A curve to the point `dx` further right at the same height. Its middle is `bulge` below that height.
    pub(super) fn wave(&mut self, dx: f64, bulge: f64) -> &mut Self {
        // The middle of a quadratic curve is half way to its control point.
        self.add(format_args!("q{} {} {} 0", number(dx / 2.0), number(2.0 * bulge), number(dx)))
    }

    pub(super) fn bar(&mut self, x: f64, y: f64, width: f64, height: f64) -> &mut Self {
        let (w, h) = (number(width), number(height));
        self.add(format_args!("M{} {}h{w}v{h}h-{w}z", number(x), number(y)))
    }

    pub(super) fn close(&mut self) -> &mut Self {
        self.add("z")
    }

    fn add(&mut self, step: impl Display) -> &mut Self {
        // Writing to a string does not fail.
        let _ = write!(self.0, "{step}");
        self
    }
}

/// A coordinate with at most two decimals.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Text as XML character data; characters that XML forbids become blanks.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases =
            [(1.0, "1"), (0.1, "0.1"), (1.006, "1.01"), (-0.001, "0"), (100.0, "100"), (-2.5, "-2.5")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
