//! Checks the colours of the stylesheet: their contrast, and that people who are blind to some colours tell apart what
//! stands in one lane. axe-core cannot judge pictures.

use std::collections::BTreeMap;

const STYLE: &str = include_str!("../assets/page.css");

type Rgb = [f64; 3];

/// The colours of the light and of the dark scheme, by the name of their variable.
fn schemes() -> [BTreeMap<String, Rgb>; 2] {
    let (light, dark) = STYLE.split_once("prefers-color-scheme: dark").expect("two schemes");
    let end = dark.find("\n}\n").expect("the end of the dark scheme");
    [colours(light), colours(&dark[..end])]
}

fn colours(text: &str) -> BTreeMap<String, Rgb> {
    let mut found = BTreeMap::new();
    for declaration in text.split([';', '{']) {
        if let Some((name, value)) = declaration.split_once(':')
            && let Some(name) = name.trim().strip_prefix("--")
            && let Some(rgb) = rgb(value.trim())
        {
            found.insert(name.to_owned(), rgb);
        }
    }
    found
}

/// Linear light of `#rgb` or `#rrggbb` (WCAG 2.2, relative luminance).
fn rgb(text: &str) -> Option<Rgb> {
    let hex = text.strip_prefix('#')?;
    let (digits, scale) = match hex.len() {
        3 => (1, 17),
        6 => (2, 1),
        _ => return None,
    };
    let mut linear = [0.0; 3];
    for (k, value) in linear.iter_mut().enumerate() {
        let byte = u32::from_str_radix(hex.get(k * digits..(k + 1) * digits)?, 16).ok()? * scale;
        let part = f64::from(byte) / 255.0;
        *value = if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
    }
    Some(linear)
}

fn luminance([r, g, b]: Rgb) -> f64 {
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    if a > b { a / b } else { b / a }
}

/// How a colour looks without one kind of cones: Machado, Oliveira and Fernandes (2009), severity 1, on linear light.
const EYES: [(&str, [Rgb; 3]); 3] = [
    (
        "protanopia",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "tritanopia",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];

fn seen(matrix: &[Rgb; 3], colour: Rgb) -> Rgb {
    matrix.map(|row| (row[0] * colour[0] + row[1] * colour[1] + row[2] * colour[2]).clamp(0.0, 1.0))
}

/// CIE L*a*b* under D65, and the distance there (CIE 1976). About 2 can just be told apart.
fn distance(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (lab(a), lab(b));
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

fn lab([r, g, b]: Rgb) -> Rgb {
    let f = |t: f64| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
    let x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.950_47);
    let y = f(luminance([r, g, b]));
    let z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.088_83);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[test]
fn text_and_marks_have_contrast() {
    for scheme in schemes() {
        let of = |name: &str| scheme[name];
        for (text, back) in [
            ("text", "page"),
            ("text", "card"),
            ("text", "mark"),
            ("text", "tint-helix"),
            ("text", "tint-strand"),
            ("soft", "card"),
            ("soft", "page"),
            ("accent", "card"),
            ("on-accent", "accent"),
            ("good", "good-back"),
            ("bad", "bad-back"),
            ("warn", "warn-back"),
        ] {
            let ratio = contrast(of(text), of(back));
            assert!(ratio >= 4.5, "{text} on {back}: {ratio:.2}"); // WCAG 2.2, 1.4.3
        }
        for mark in ["helix", "helix-back", "strand", "coil", "membrane", "exposed-line", "disorder", "bar"] {
            let ratio = contrast(of(mark), of("card"));
            assert!(ratio >= 3.0, "{mark} on card: {ratio:.2}"); // WCAG 2.2, 1.4.11
        }
    }
}

#[test]
fn what_stands_in_one_lane_is_told_apart_by_all_eyes() {
    for scheme in schemes() {
        for (eyes, matrix) in EYES {
            let of = |name: &str| seen(&matrix, scheme[name]);
            for (a, b) in
                [("helix", "strand"), ("helix", "coil"), ("strand", "coil"), ("tint-helix", "tint-strand")]
            {
                let distance = distance(of(a), of(b));
                assert!(distance >= 10.0, "{a} and {b} with {eyes}: {distance:.1}");
            }
        }
    }
}
