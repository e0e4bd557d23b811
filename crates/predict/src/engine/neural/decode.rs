//! Turns raw outputs into probabilities and labels, like `training/decode.py`.
//!
//! A label is the most probable class after rounding to per mille; on a tie, the first of these classes.
//! Two properties differ: disorder has its own threshold, and a search over the whole chain finds the
//! membrane segments, see [`membrane`](super::membrane). All exponentials are computed by `libm`, with the
//! same result on every platform.

use super::file::{File, OUTPUTS, WeightsError, metadata};
use super::membrane;

use crate::prediction::{MalformedPrediction, quantise};
use crate::property::ss3_of_ss8;
use crate::{Method, Prediction, Property, Track};

/// The positions of each head's outputs among the raw outputs of a residue.
const SS8: std::ops::Range<usize> = 0..8;
const ACC: std::ops::Range<usize> = 8..11;
const RSA: usize = 11;
const DIS: usize = 12;
const TM: std::ops::Range<usize> = 13..19;

/// Parameters of the labels besides the probabilities. They are fitted on validation chains and stored in
/// the model file.
#[derive(Debug)]
pub(super) struct Rules {
    /// A residue is disordered at or above this probability, in per mille.
    dis_threshold: u16,
    /// The column of TM8 for each membrane output.
    tm_columns: [usize; 6],
    segments: membrane::Rules,
}

impl Rules {
    /// Reads the metadata of the model file and checks that its alphabets are those of this program.
    pub(super) fn read(file: &File<'_>) -> Result<Self, WeightsError> {
        for (key, property) in [("ss8", Property::Ss8), ("acc", Property::Acc)] {
            let letters = property.alphabet().iter().map(|c| c.letter);
            if !letters.eq(file.text(key)?.bytes()) {
                return Err(metadata(key));
            }
        }
        let columns: Option<Vec<usize>> =
            (file.text("tm")?.bytes()).map(|letter| Property::Tm8.column(letter)).collect();
        let threshold = file.number("dis_threshold")?;
        Ok(Self {
            dis_threshold: threshold.try_into().map_err(|_| metadata("dis_threshold"))?,
            tm_columns: columns.and_then(|c| c.try_into().ok()).ok_or_else(|| metadata("tm"))?,
            segments: membrane::Rules::new(
                file.number("tm_enter")?,
                file.text("tm_helix")?,
                file.text("tm_strand")?,
            )
            .ok_or_else(|| metadata("tm_enter, tm_helix or tm_strand"))?,
        })
    }
}

/// Turns the raw outputs of one network (19 for each residue) into probabilities and adds them to `sums`,
/// which has the same layout.
pub(super) fn add_probabilities(outputs: &[f32], sums: &mut [f32]) {
    for (row, sums) in outputs.chunks_exact(OUTPUTS).zip(sums.chunks_exact_mut(OUTPUTS)) {
        for head in [SS8, ACC, TM] {
            for (sum, p) in sums[head.clone()].iter_mut().zip(softmax(&row[head])) {
                *sum += p;
            }
        }
        for single in [RSA, DIS] {
            sums[single] += sigmoid(row[single]);
        }
    }
}

/// Makes a prediction from `sums`: the sums of the probabilities of `nets` networks, 19 for each residue.
pub(super) fn prediction(
    rules: &Rules,
    sums: &[f32],
    nets: u8,
    method: Method,
) -> Result<Prediction, MalformedPrediction> {
    let mean = |sum: &f32| sum / f32::from(nets);
    let mean: Vec<f32> = sums.iter().map(mean).collect();
    let rows = || mean.chunks_exact(OUTPUTS);
    let ss3 = rows().map(|row| quantise(&three_states(&row[SS8])));
    let ss8 = rows().map(|row| quantise(&row[SS8]));
    let acc = rows().map(|row| quantise(&row[ACC]));
    let tm8: Vec<Vec<u16>> = rows().map(|row| spread(&quantise(&row[TM]), rules.tm_columns)).collect();
    let spans = membrane::segments(&rules.segments, &tm8);
    let tracks = vec![
        most_probable(Property::Ss3, &ss3.collect::<Vec<_>>()),
        most_probable(Property::Ss8, &ss8.collect::<Vec<_>>()),
        most_probable(Property::Acc, &acc.collect::<Vec<_>>()),
        disorder(rules, rows().map(|row| row[DIS])),
        tm2_track(&spans, &tm8),
        tm8_track(&spans, &tm8),
    ];
    let rsa = rows().map(|row| permille(row[RSA])).collect();
    Prediction::new(method, tracks, rsa)
}

/// Sums of SS8 probabilities, in the order `H E C`.
fn three_states(ss8: &[f32]) -> [f32; 3] {
    let mut sums = [0.0; 3];
    for (p, class) in ss8.iter().zip(Property::Ss8.alphabet()) {
        let state = match ss3_of_ss8(class.letter) {
            b'H' => 0,
            b'E' => 1,
            _ => 2,
        };
        sums[state] += p;
    }
    sums
}

/// Moves the six learnt membrane classes to their columns of TM8. The two other columns (`C`, `X`) are zero,
/// because no public data set has these labels.
fn spread(learnt: &[u16], columns: [usize; 6]) -> Vec<u16> {
    let mut row = vec![0; Property::Tm8.alphabet().len()];
    for (&p, column) in learnt.iter().zip(columns) {
        row[column] = p;
    }
    row
}

/// A track whose labels are the most probable classes; on a tie, the first of them.
fn most_probable(property: Property, rows: &[Vec<u16>]) -> Track {
    let alphabet = property.alphabet();
    let labels = rows.iter().map(|row| alphabet[first_largest(row)].letter);
    track(property, labels.collect(), rows)
}

fn disorder(rules: &Rules, probabilities: impl Iterator<Item = f32>) -> Track {
    let rows: Vec<Vec<u16>> = probabilities.map(|p| quantise(&[p, 1.0 - p])).collect();
    let disordered = |row: &Vec<u16>| row[0] >= rules.dis_threshold;
    let labels = rows.iter().map(|row| if disordered(row) { b'*' } else { b'.' });
    track(Property::Dis, labels.collect(), &rows)
}

/// The track of membrane (helix or strand) against everything else.
fn tm2_track(spans: &[u8], tm8: &[Vec<u16>]) -> Track {
    let labels = spans.iter().map(|&span| if span == b'_' { b'_' } else { b'H' });
    let rows: Vec<Vec<u16>> = tm8.iter().map(|row| vec![row[0] + row[1], 1000 - row[0] - row[1]]).collect();
    track(Property::Tm2, labels.collect(), &rows)
}

/// The track with the segments, and elsewhere the most probable of the other classes.
fn tm8_track(spans: &[u8], tm8: &[Vec<u16>]) -> Track {
    let alphabet = Property::Tm8.alphabet();
    let outside = |row: &[u16]| {
        // Columns 0 and 1 are helix and strand.
        let others = &row[2..];
        match others.iter().all(|&p| p == 0) {
            // All probability is on helix and strand, but the residue is in no legal segment.
            true => b'_',
            false => alphabet[2 + first_largest(others)].letter,
        }
    };
    let labels = (spans.iter().zip(tm8)).map(|(&span, row)| if span == b'_' { outside(row) } else { span });
    track(Property::Tm8, labels.collect(), tm8)
}

/// Turns rows (one for each residue) into a track with one column for each class.
fn track(property: Property, labels: Vec<u8>, rows: &[Vec<u16>]) -> Track {
    let column = |class: usize| rows.iter().map(|row| row[class]).collect();
    Track { property, labels, columns: (0..property.alphabet().len()).map(column).collect() }
}

fn first_largest(row: &[u16]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|&x| libm::expf(x - largest)).collect();
    let total: f32 = powers.iter().sum();
    powers.into_iter().map(|p| p / total).collect()
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

/// A probability as whole per mille.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
fn permille(p: f32) -> u16 {
    libm::roundf(p * 1000.0) as u16
}
