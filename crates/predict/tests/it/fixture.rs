//! Artificial predictions for tests. They need no engine and are always the same.

use pssp_predict::prediction::quantise;
use pssp_predict::{Method, PROPERTIES, Prediction, Property, Sequence, Track};

/// A small random number generator (SplitMix64), so that fixtures need no crate and never change.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A random number from 0 (included) to 1 (excluded).
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }
}

pub(crate) fn method() -> Method {
    Method {
        name: "fixture".to_owned(),
        version: "1.2.3".to_owned(),
        sha256: "0".repeat(64),
        citation: "nobody (2026)".to_owned(),
    }
}

/// A sequence of `n` residues.
pub(crate) fn sequence(n: usize) -> Sequence {
    let mut noise = Noise(7);
    let letter = |_| char::from(b"ACDEFGHIKLMNPQRSTVWY"[(noise.next() % 20) as usize]);
    (0..n).map(letter).collect::<String>().parse().unwrap()
}

/// A track whose label is the most probable letter of each row.
pub(crate) fn track(property: Property, rows: &[Vec<u16>]) -> Track {
    let alphabet = property.alphabet();
    let best = |row: &Vec<u16>| {
        let top = (0..row.len()).rev().max_by_key(|&c| row[c]).unwrap();
        alphabet[top].letter
    };
    Track {
        property,
        labels: rows.iter().map(best).collect(),
        columns: (0..alphabet.len()).map(|c| rows.iter().map(|row| row[c]).collect()).collect(),
    }
}

/// A prediction with random probabilities for each residue: the worst case for compression.
pub(crate) fn noisy(n: usize, seed: u64) -> Prediction {
    let mut noise = Noise(seed);
    let mut make = |property: Property| {
        let k = property.alphabet().len();
        let mut row = |_| quantise(&(0..k).map(|_| noise.unit()).collect::<Vec<_>>());
        track(property, &(0..n).map(&mut row).collect::<Vec<_>>())
    };
    let tracks = PROPERTIES.iter().map(|&p| make(p)).collect();
    let rsa = (0..n).map(|_| (noise.next() % 1001) as u16).collect();
    Prediction::new(method(), tracks, rsa).unwrap()
}

/// A prediction with segments as in a real protein: helices, strands, one membrane helix, disordered ends.
pub(crate) fn smooth(n: usize) -> Prediction {
    let wave = |i: usize, period: f32, phase: f32| {
        0.5 + 0.5 * (i as f32 / period * std::f32::consts::TAU + phase).sin()
    };
    let edge = |i: usize| {
        let end = i.min(n - 1 - i) as f32;
        (1.0 - end / 12.0).max(0.02)
    };
    let membrane = |i: usize| {
        if n > 60 && (35..56).contains(&i) { 0.95 } else { 0.02 }
    };
    let row = |property: Property, i: usize| -> Vec<f32> {
        let (h, e) = (wave(i, 38.0, 0.0).powi(2) * 1.6, wave(i, 38.0, 3.1).powi(4) * 1.2);
        let m = membrane(i);
        match property {
            Property::Ss3 => vec![h, e, 0.5],
            Property::Ss8 => vec![h * 0.9, h * 0.08, h * 0.02, e * 0.95, e * 0.05, 0.2, 0.1, 0.2],
            Property::Acc => vec![wave(i, 3.6, 0.0), 0.4, wave(i, 3.6, 3.1)],
            Property::Dis => vec![edge(i), 1.0 - edge(i).min(1.0)],
            Property::Tm2 => vec![m, 1.0 - m],
            Property::Tm8 => vec![m, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0 - m],
        }
    };
    let rows = |p: Property| (0..n).map(|i| quantise(&row(p, i))).collect::<Vec<_>>();
    let tracks = PROPERTIES.iter().map(|&p| track(p, &rows(p))).collect();
    let rsa = (0..n).map(|i| (wave(i, 3.6, 3.1) * 700.0) as u16 + 50).collect();
    Prediction::new(method(), tracks, rsa).unwrap()
}
