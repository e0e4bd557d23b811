//! Both plots: their content, their size, and that they render.
//!
//! The tests leave the pictures in the folder `tmp` of the target folder, for people to look at.

use std::path::Path;

use pssp_predict::Sequence;
use pssp_predict::plot::{composition_svg, png, tracks_svg};

use crate::fixture;

/// Width, height and colour type (2 = RGB, 6 = RGBA) from a PNG's first chunk.
fn png_head(bytes: &[u8]) -> (u32, u32, u8) {
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!(&bytes[12..16], b"IHDR");
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (word(16), word(20), bytes[25])
}

fn keep(name: &str, bytes: &[u8]) {
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), bytes).unwrap();
}

fn parse(text: &str) -> Sequence {
    text.parse().unwrap()
}

#[test]
fn composition_is_640_by_480() {
    let ubiquitin = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG";
    let picture = png(&composition_svg(&parse(ubiquitin))).unwrap();
    keep("composition.png", &picture);
    let (width, height, colour) = png_head(&picture);
    assert_eq!((width, height), (640, 480));
    assert!(colour == 2 || colour == 6, "colour type {colour}");
}

#[test]
fn composition_shows_twenty_letters_in_order_and_its_labels() {
    let svg = composition_svg(&parse("ACDEFGHIKLMNPQRSTVWYX"));
    let texts: String = svg.split("<text").skip(1).filter_map(|t| t.split('>').nth(1)).collect();
    let letters: String = texts.split("</text").collect();
    assert!(letters.starts_with("ACDEFGHIKLMNPQRSTVWY01"), "{letters}");
    for label in ["Amino Acid Frequency", "Amino Acids", "Frequency"] {
        assert!(svg.contains(&format!(">{label}</text>")), "{label}");
    }
    assert_eq!(svg.matches("#008000").count(), 20);
}

#[test]
fn composition_counts() {
    // T occurs 7 times and A 3 times: the heights of their bars have the same ratio. Amino acids that do
    // not occur have no bar.
    let svg = composition_svg(&parse("TATTTTTTAAXX"));
    let heights: Vec<f64> = svg
        .lines()
        .filter(|line| line.contains("#008000"))
        .map(|line| line.split("height=\"").nth(1).unwrap().split('"').next().unwrap())
        .map(|height| height.parse().unwrap())
        .collect();
    assert_eq!(heights.len(), 2);
    assert!((heights[1] / heights[0] - 7.0 / 3.0).abs() < 1e-3, "{heights:?}");
}

#[test]
fn composition_of_unknown_residues_only_is_an_empty_chart() {
    let svg = composition_svg(&parse("XXXX"));
    assert_eq!(svg.matches("#008000").count(), 0);
    png(&svg).unwrap();
}

#[test]
fn tracks_render_at_every_length() {
    for n in [1, 5, 30, 100, 101, 333, 1000, 1001, 10_000] {
        let svg = tracks_svg(&fixture::smooth(n), &fixture::sequence(n), &format!("chain of {n}"));
        assert!(svg.len() < 600_000, "{n} residues: {} bytes of svg", svg.len());
        // Rendering is slow without optimisation, so only a few lengths are rendered.
        if ![1, 30, 101, 10_000].contains(&n) {
            continue;
        }
        let picture = png(&svg).unwrap();
        keep(&format!("tracks-{n}.png"), &picture);
        let (width, height, _) = png_head(&picture);
        assert!(width == 1040 && (200..2000).contains(&height), "{n}: {width} x {height}");
    }
}

#[test]
fn the_plot_of_a_random_prediction_is_bounded() {
    let svg = tracks_svg(&fixture::noisy(10_000, 1), &fixture::sequence(10_000), "noise");
    assert!(svg.len() < 1_500_000, "{} bytes", svg.len());
}

#[test]
fn lanes_without_data_are_left_out() {
    let show = |n| tracks_svg(&fixture::smooth(n), &fixture::sequence(n), "x");
    assert!(show(120).contains(">transmembrane<"));
    assert!(!show(40).contains(">transmembrane<"), "without a membrane segment there is no lane");
    assert!(show(120).contains("120 residues"));
}

#[test]
fn names_are_escaped_and_cut() {
    let name = format!("<script>alert('&')</script>\u{1}\u{1b}{}", "é".repeat(200));
    let svg = tracks_svg(&fixture::smooth(20), &fixture::sequence(20), &name);
    assert!(!svg.contains("<script>") && !svg.contains('\u{1b}'));
    assert!(svg.contains("&lt;script&gt;alert(&apos;&amp;&apos;)"));
    png(&svg).unwrap();
}

#[test]
fn text_is_drawn_with_the_embedded_font() {
    let with = png(&composition_svg(&parse("A"))).unwrap();
    let without = png(&composition_svg(&parse("A")).replace("<text", "<desc").replace("</text", "</desc"));
    assert!(with.len() > without.unwrap().len() + 1000, "no glyphs were drawn");
}

#[test]
fn what_is_not_svg_is_an_error() {
    assert!(png("not svg").unwrap_err().to_string().starts_with("unreadable svg"));
}

#[test]
fn pictures_are_the_same_every_time() {
    let draw = || tracks_svg(&fixture::smooth(77), &fixture::sequence(77), "same");
    assert_eq!(draw(), draw());
    assert_eq!(png(&draw()).unwrap(), png(&draw()).unwrap());
}
