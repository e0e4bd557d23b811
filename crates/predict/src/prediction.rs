//! The result of an engine: for every property a label and probabilities for each residue.
//!
//! Probabilities are whole per-mille values, and those of a residue sum to exactly 1000. So stored values,
//! values printed with three decimals, and values computed on another machine are exactly the same.

use crate::property::Property;
use crate::{Method, PROPERTIES};

mod stored;

/// One property over a whole chain of `n` residues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// The property.
    pub property: Property,
    /// `n` letters of the property's alphabet.
    pub labels: Vec<u8>,
    /// One column of `n` per-mille values for each letter, in alphabet order; rows sum to 1000.
    pub columns: Vec<Vec<u16>>,
}

impl Track {
    /// The labels as text.
    #[must_use]
    pub fn text(&self) -> &str {
        // `Prediction::new` has checked that labels are letters of an ASCII alphabet.
        std::str::from_utf8(&self.labels).unwrap_or_default()
    }

    /// Probability (0 to 1) of `letter` at residue `i` (from 0); 0 for a letter not in the alphabet.
    #[must_use]
    pub fn probability(&self, i: usize, letter: u8) -> f32 {
        self.property.column(letter).map_or(0.0, |c| f32::from(self.columns[c][i]) / 1000.0)
    }

    /// The confidence digit (0 to 9) of the label at residue `i` (from 0): the tenths of its probability,
    /// rounded down. For a well calibrated model, labels with the digit 7 are right in 70 to 80 % of cases.
    /// The model card describes the calibration.
    #[must_use]
    pub fn confidence(&self, i: usize) -> u8 {
        let permille = self.property.column(self.labels[i]).map_or(0, |c| self.columns[c][i]);
        u8::try_from(permille / 100).unwrap_or(9).min(9)
    }
}

/// All properties of one chain, and the method that predicted them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    method: Method,
    tracks: Vec<Track>,
    rsa: Vec<u16>,
}

/// The parts of a prediction do not fit together. The text names the part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed prediction: {0}")]
pub struct MalformedPrediction(pub String);

impl Prediction {
    /// Makes a prediction from one track for each property (in the order of [`PROPERTIES`]) and the relative
    /// solvent accessibility (`n` values, in per mille of the residue's maximum).
    ///
    /// # Errors
    /// If a track is missing, out of order, of another length, has a letter outside its alphabet,
    /// or a row of probabilities that does not sum to 1000.
    pub fn new(method: Method, tracks: Vec<Track>, rsa: Vec<u16>) -> Result<Self, MalformedPrediction> {
        let n = rsa.len();
        if tracks.len() != PROPERTIES.len() {
            return Err(MalformedPrediction(format!(
                "{} tracks for {} properties",
                tracks.len(),
                PROPERTIES.len()
            )));
        }
        for (track, &property) in tracks.iter().zip(PROPERTIES) {
            check_track(track, property, n)?;
        }
        Ok(Self { method, tracks, rsa })
    }

    /// The compact form for storage: about 1 to 25 bytes for each residue, the same bytes on every machine.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        stored::encode(self)
    }

    /// Reads the bytes that [`Prediction::encode`] wrote.
    ///
    /// # Errors
    /// For all other bytes. It never panics, and allocates only in proportion to the bytes that are really there
    /// (a chain has at most a million residues).
    pub fn decode(bytes: &[u8]) -> Result<Self, MalformedPrediction> {
        stored::decode(bytes)
    }

    /// Number of residues.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rsa.len()
    }

    /// Whether there are no residues.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rsa.is_empty()
    }

    /// The method that made the prediction.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The track of `property`.
    #[must_use]
    pub fn track(&self, property: Property) -> &Track {
        &self.tracks[property as usize]
    }

    /// All tracks, in the order of [`PROPERTIES`].
    #[must_use]
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// Relative solvent accessibility of each residue, in per mille of the residue's maximum (Tien et al. 2013).
    #[must_use]
    pub fn rsa(&self) -> &[u16] {
        &self.rsa
    }
}

fn check_track(track: &Track, property: Property, n: usize) -> Result<(), MalformedPrediction> {
    let code = property.code();
    let bad = |what: String| Err(MalformedPrediction(format!("{code}: {what}")));
    if track.property != property {
        return bad(format!("found {} in its place", track.property.code()));
    }
    if track.labels.len() != n {
        return bad(format!("{} labels for {n} residues", track.labels.len()));
    }
    if let Some(i) = track.labels.iter().position(|&l| property.column(l).is_none()) {
        return bad(format!("letter {:?} at residue {}", char::from(track.labels[i]), i + 1));
    }
    if track.columns.len() != property.alphabet().len() || track.columns.iter().any(|c| c.len() != n) {
        return bad(format!("probabilities are not {} columns of {n}", property.alphabet().len()));
    }
    for i in 0..n {
        let sum: u32 = track.columns.iter().map(|c| u32::from(c[i])).sum();
        if sum != 1000 {
            return bad(format!("probabilities of residue {} sum to {sum} per mille", i + 1));
        }
    }
    Ok(())
}

/// Rounds a row of probabilities to whole per-mille that sum to exactly 1000 (largest remainder;
/// ties go to the earlier class, so the result is the same everywhere).
///
/// `row` has non-negative finite values. If they sum to 0, the last class gets 1000.
#[must_use]
pub fn quantise(row: &[f32]) -> Vec<u16> {
    let total: f32 = row.iter().sum();
    if row.is_empty() || !total.is_finite() || total <= 0.0 {
        let mut out = vec![0; row.len()];
        if let Some(last) = out.last_mut() {
            *last = 1000;
        }
        return out;
    }
    let scaled: Vec<f32> = row.iter().map(|p| p / total * 1000.0).collect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
    let mut out: Vec<u16> = scaled.iter().map(|s| s.floor() as u16).collect();
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| (scaled[b] - scaled[b].floor()).total_cmp(&(scaled[a] - scaled[a].floor())));
    let missing = 1000_u16.saturating_sub(out.iter().sum());
    for &i in order.iter().cycle().take(usize::from(missing)) {
        out[i] += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantised_rows_sum_to_a_thousand() {
        assert_eq!(quantise(&[1.0, 1.0, 1.0]), [334, 333, 333]);
        assert_eq!(quantise(&[0.0, 0.0]), [0, 1000]);
        assert_eq!(quantise(&[0.0005, 0.9995]), [1, 999]);
        for k in 1..400_u32 {
            let row: Vec<f32> = (0..8).map(|i| ((k * 7919 + i * 104) % 997) as f32 / 997.0).collect();
            assert_eq!(quantise(&row).iter().sum::<u16>(), 1000, "{row:?}");
        }
    }
}
