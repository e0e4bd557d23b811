//! How well predicted labels agree with known ones: Q (residues) and SOV (segments).
//!
//! Where nothing is known a label is `-`: the residue does not count, and segments end before it.

use std::ops::{AddAssign, Range};

use crate::segment::runs;

/// The label of a residue of which nothing is known.
pub const UNKNOWN: u8 = b'-';

/// The residues whose label is right: Q3 for three states, Q8 for eight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Residues with the same label.
    pub right: usize,
    /// Residues with a known label.
    pub total: usize,
}

impl Agreement {
    /// Counts the residues of a chain. Both have a label for each residue.
    #[must_use]
    pub fn of(known: &[u8], predicted: &[u8]) -> Self {
        let judged = known.iter().zip(predicted).filter(|(known, _)| **known != UNKNOWN);
        judged.fold(Self::default(), |sum, (known, predicted)| Self {
            right: sum.right + usize::from(known == predicted),
            total: sum.total + 1,
        })
    }

    /// The share of right labels in per cent. `None` if nothing is known.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far fewer residues than 2^52")]
    pub fn percent(self) -> Option<f64> {
        (self.total > 0).then(|| self.right as f64 * 100.0 / self.total as f64)
    }
}

impl AddAssign for Agreement {
    fn add_assign(&mut self, other: Self) {
        self.right += other.right;
        self.total += other.total;
    }
}

/// The segment overlap SOV'99 of Zemla, Venclovas, Fidelis and Rost (1999), Proteins 34:220-223.
///
/// For each state, each segment that is known is paired with each predicted segment of the state that overlaps it. A
/// pair counts (minov + δ) / maxov times the length of the known segment, where minov is the length of the overlap,
/// maxov that of both together, and δ the least of maxov - minov, minov, and half the length of either segment (rounded
/// down). The sum is divided by the sum of those lengths over all pairs, plus the lengths of known segments without a
/// pair. For several chains both sums go over all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SegmentOverlap {
    sum: f64,
    weight: f64,
}

impl SegmentOverlap {
    /// Compares the segments of a chain. Both have a label for each residue.
    #[must_use]
    pub fn of(known: &[u8], predicted: &[u8]) -> Self {
        let mut all = Self::default();
        let is_known: Vec<u8> = known.iter().map(|&label| u8::from(label != UNKNOWN)).collect();
        for (_, stretch) in runs(&is_known).into_iter().filter(|(is_known, _)| *is_known == 1) {
            let predicted = runs(predicted.get(stretch.clone()).unwrap_or_default());
            for (state, segment) in runs(&known[stretch]) {
                let of_state = predicted.iter().filter(|(other, _)| *other == state);
                all += Self::of_segment(&segment, of_state.map(|(_, range)| range));
            }
        }
        all
    }

    #[expect(clippy::cast_precision_loss, reason = "far fewer residues than 2^52")]
    fn of_segment<'a>(known: &Range<usize>, predicted: impl Iterator<Item = &'a Range<usize>>) -> Self {
        let length = known.len() as f64;
        let mut pairs = Self::default();
        for other in predicted {
            let overlap = known.end.min(other.end).saturating_sub(known.start.max(other.start));
            if overlap > 0 {
                let extent = known.end.max(other.end) - known.start.min(other.start);
                let allowed = (extent - overlap).min(overlap).min(known.len() / 2).min(other.len() / 2);
                let share = (overlap + allowed) as f64 / extent as f64;
                pairs += Self { sum: share * length, weight: length };
            }
        }
        if pairs.weight > 0.0 { pairs } else { Self { sum: 0.0, weight: length } }
    }

    /// The overlap in per cent. `None` if nothing is known.
    #[must_use]
    pub fn percent(self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum * 100.0 / self.weight)
    }
}

impl AddAssign for SegmentOverlap {
    fn add_assign(&mut self, other: Self) {
        self.sum += other.sum;
        self.weight += other.weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(known: &str, predicted: &str, q: f64, sov: f64) {
        let (known, predicted) = (known.as_bytes(), predicted.as_bytes());
        let found = (
            Agreement::of(known, predicted).percent().unwrap(),
            SegmentOverlap::of(known, predicted).percent().unwrap(),
        );
        let near = |found: f64, expected: f64| (found / 100.0 - expected).abs() < 0.0006;
        assert!(near(found.0, q) && near(found.1, sov), "{found:?} for {q} {sov}");
    }

    /// Table 1 of Liu and Wang (2018), Source Code for Biology and Medicine 13:1: Q3 and SOV'99.
    #[test]
    fn published_examples() {
        let known = "CHHHHHHHHHHC";
        check(known, "CHCHCHCHCHCC", 0.583, 0.125);
        check(known, "CHHHCHHHCHHC", 0.833, 0.406);
        check(known, "CHHCCHHHHHCC", 0.75, 0.523);
        check(known, "CCCHHHHCCCCC", 0.50, 0.544);
        check(known, "CCCHHHHHCCCC", 0.583, 0.632);
        check(known, "CCCHHHHHHCCC", 0.667, 0.806);
        check(known, "CCCHHHHHHHCC", 0.75, 0.903);
        check(known, "CCCHHHHHHHHC", 0.833, 0.944);
    }

    #[test]
    fn what_is_right_is_all_right_and_what_is_wrong_is_not() {
        check("CCHHHHEEC", "CCHHHHEEC", 1.0, 1.0);
        check("HHHH", "EEEE", 0.0, 0.0);
    }

    #[test]
    fn residues_of_which_nothing_is_known_do_not_count_and_end_segments() {
        check("HHHH--HHHH", "HHHHHHHHHH", 1.0, 1.0);
        check("--HH", "EEHH", 1.0, 1.0);
        assert_eq!(Agreement::of(b"---", b"HHH").percent(), None);
        assert_eq!(SegmentOverlap::of(b"---", b"HHH").percent(), None);
    }

    #[test]
    fn several_chains_are_summed() {
        let mut all = SegmentOverlap::of(b"HHHH", b"HHHH");
        all += SegmentOverlap::of(b"HHHHHHHHHHHH", b"EEEEEEEEEEEE");
        assert_eq!(all.percent(), Some(25.0));
    }
}
