//! Which residue of a sequence is which residue of a chain, by their letters.
//!
//! A local alignment (Smith and Waterman 1981) with affine gaps (Gotoh 1982), so what is before and after the part that
//! both have does not count. Residues that are missing from the chain cost little where its numbers say that there may be
//! some. The numbers themselves do not matter.

use super::{KnownChain, KnownResidue};
use crate::score::UNKNOWN;

/// Scores of two residues.
const SAME: i32 = 5;
const OTHER: i32 = -4;
const UNKNOWN_RESIDUE: i32 = 0;

/// What a gap costs: its first residue and each further one.
const GAP: (i32, i32) = (12, 1);

/// The same where the chain may have a gap.
const LIKELY_GAP: (i32, i32) = (2, 0);

/// The share of aligned residues that must be the same, in per cent.
const LEAST_SAME: usize = 90;

/// The share of the shorter of both that must be aligned, in per cent.
const LEAST_ALIGNED: usize = 50;

/// The number of residues that must be aligned, where the sequence has as many.
const LEAST_RESIDUES: usize = 8;

/// The most cells of the table, which bounds its memory.
const MOST_CELLS: usize = 150_000_000;

/// Far below any score, and far from overflow.
const NEVER: i32 = i32::MIN / 4;

/// Which residue of a chain each residue of a sequence is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alignment {
    /// For each residue of the sequence: the index of that of the chain.
    pub residues: Vec<Option<usize>>,
    /// Residues that are aligned.
    pub aligned: usize,
    /// Of these, the ones with the same letter.
    pub same: usize,
}

impl Alignment {
    /// Aligns a sequence with a chain. `None` if both together are too long.
    #[must_use]
    pub fn new(sequence: &[u8], chain: &KnownChain) -> Option<Self> {
        let letters: Vec<u8> = chain.residues.iter().map(|residue| residue.letter).collect();
        let residues = if letters == sequence {
            (0..sequence.len()).map(Some).collect()
        } else if (sequence.len() + 1).checked_mul(letters.len() + 1)? <= MOST_CELLS {
            align(sequence, &chain.residues)
        } else {
            return None;
        };
        let pairs =
            || residues.iter().zip(sequence).filter_map(|(of, letter)| Some((letters[(*of)?], *letter)));
        let (aligned, same) = (pairs().count(), pairs().filter(|(a, b)| a == b).count());
        Some(Self { aligned, same, residues })
    }

    /// Whether sequence and chain are the same protein: nine of ten aligned residues are the same, half of the shorter
    /// one is aligned, and enough residues that it is no accident.
    #[must_use]
    pub fn is_same_protein(&self, chain: &KnownChain) -> bool {
        let shorter = self.residues.len().min(chain.residues.len());
        self.aligned >= LEAST_RESIDUES.min(self.residues.len())
            && self.same * 100 >= self.aligned * LEAST_SAME
            && self.aligned * 100 >= shorter * LEAST_ALIGNED
    }

    /// The labels of the chain for the residues of the sequence; [`UNKNOWN`] where there are none.
    #[must_use]
    pub fn labels(&self, chain: &KnownChain) -> Vec<u8> {
        let label = |of: &Option<usize>| of.and_then(|index| chain.residues[index].label).unwrap_or(UNKNOWN);
        self.residues.iter().map(label).collect()
    }
}

/// How a cell of a table was reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// A residue of each.
    Pair = 0,
    /// A residue of the sequence only.
    Sequence = 1,
    /// A residue of the chain only.
    Chain = 2,
    Start = 3,
}

/// Of several ways to a cell the best; the earlier one on a tie.
fn best<const N: usize>(ways: [(i32, State); N]) -> (i32, State) {
    let mut best = ways[0];
    for way in ways {
        if way.0 > best.0 {
            best = way;
        }
    }
    best
}

fn align(sequence: &[u8], chain: &[KnownResidue]) -> Vec<Option<usize>> {
    let (n, m) = (sequence.len(), chain.len());
    let width = m + 1;
    // For each cell and state two bits: the state before.
    let mut from = vec![0_u8; (n + 1) * width];
    let mut row = vec![[0, NEVER, NEVER]; width];
    let mut end = (0, n, m, State::Start);
    for i in 1..=n {
        let mut diagonal = row[0];
        row[0] = [0, NEVER, NEVER];
        for j in 1..=m {
            let above = row[j];
            let left = row[j - 1];
            let pair = match (sequence[i - 1], chain[j - 1].letter) {
                (b'X', _) | (_, b'X') => UNKNOWN_RESIDUE,
                (a, b) if a == b => SAME,
                _ => OTHER,
            };
            let is_likely = chain.get(j).is_none_or(|next| next.after_gap);
            let (open, more) = if is_likely { LIKELY_GAP } else { GAP };
            let paired = best([
                (diagonal[0], State::Pair),
                (diagonal[1], State::Sequence),
                (diagonal[2], State::Chain),
                (0, State::Start),
            ]);
            let in_sequence = best([(above[0] - open, State::Pair), (above[1] - more, State::Sequence)]);
            let in_chain = best([(left[0] - GAP.0, State::Pair), (left[2] - GAP.1, State::Chain)]);
            row[j] = [paired.0 + pair, in_sequence.0, in_chain.0];
            from[i * width + j] = paired.1 as u8 | (in_sequence.1 as u8) << 2 | (in_chain.1 as u8) << 4;
            diagonal = above;
            if row[j][0] > end.0 {
                end = (row[j][0], i, j, State::Pair);
            }
        }
    }
    trace(&from, width, end, n)
}

fn trace(from: &[u8], width: usize, end: (i32, usize, usize, State), n: usize) -> Vec<Option<usize>> {
    let mut residues = vec![None; n];
    let (_, mut i, mut j, mut state) = end;
    while state != State::Start && i > 0 && j > 0 {
        let before = from[i * width + j] >> (2 * state as u8) & 3;
        match state {
            State::Pair => {
                residues[i - 1] = Some(j - 1);
                (i, j) = (i - 1, j - 1);
            }
            State::Sequence => i -= 1,
            _ => j -= 1,
        }
        state = [State::Pair, State::Sequence, State::Chain, State::Start][usize::from(before)];
    }
    residues
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain of these letters; a lower-case letter comes after a gap.
    fn chain(letters: &str) -> KnownChain {
        let residue = |(i, letter): (usize, u8)| KnownResidue {
            letter: letter.to_ascii_uppercase(),
            number: i.to_string(),
            label: Some(b'H'),
            after_gap: letter.is_ascii_lowercase(),
        };
        KnownChain { id: "A".to_owned(), residues: letters.bytes().enumerate().map(residue).collect() }
    }

    #[track_caller]
    fn check(sequence: &str, letters: &str, expected: &str) {
        let chain = chain(letters);
        let alignment = Alignment::new(sequence.as_bytes(), &chain).unwrap();
        let found =
            alignment.residues.iter().map(|of| of.map_or('-', |i| char::from(chain.residues[i].letter)));
        assert_eq!(found.collect::<String>(), expected);
    }

    #[test]
    fn residues_are_found_by_their_letters() {
        check("MKVLAAGIVG", "MKVLAAGIVG", "MKVLAAGIVG");
        check("MKVLAAGIVG", "VLAAG", "--VLAAG---");
        check("VLAAG", "GSHMKVLAAGIVG", "VLAAG");
        check("MKVLAAGIVGWWDE", "MKVLiVGWWDE", "MKVL---IVGWWDE");
        check("MKVLAAGIVGWWDE", "MKVLAASIVGWWDE", "MKVLAASIVGWWDE");
        check("MKVLAAGIVGWWDE", "MKVLAAGIVGTTWWDE", "MKVLAAGIVGWWDE");
    }

    /// Without the numbers of the chain the gap could be anywhere in the repeat.
    #[test]
    fn a_gap_is_where_the_numbers_have_one() {
        check("MKWWAAAAAAAAGIVGDE", "MKWWAAAaAGIVGDE", "MKWWAAA---AAGIVGDE");
        check("MKWWAAAAAAAAGIVGDE", "MKWWAaAAAGIVGDE", "MKWWA---AAAAGIVGDE");
    }

    #[test]
    fn other_proteins_are_told_apart() {
        let chain = chain("MKVLAAGIVGWWDE");
        let is_same =
            |sequence: &str| Alignment::new(sequence.as_bytes(), &chain).unwrap().is_same_protein(&chain);
        assert!(is_same("GSHMKVLAAGIVGWWDE") && is_same("MKVLAAGIVG"));
        assert!(!is_same("TESTTESTTESTTEST") && !is_same("MKSTTESTTESTTDE") && !is_same("CCCC"));
    }
}
