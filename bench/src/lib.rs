//! Shared code of the benchmarks and the load tool: artificial sequences, and percentiles of times.

use std::time::Duration;

/// The 20 amino acids, each about as often as in proteins (Swiss-Prot, rounded to whole percents).
const RESIDUE_POOL: &[u8] =
    b"AAAAAAAALLLLLLLLLLGGGGGGGVVVVVVVEEEEEEESSSSSSSIIIIIIKKKKKKRRRRRDDDDDTTTTTPPPPPNNNNQQQQFFFFYYYMMHHCW";

/// A random sequence of `length` residues. The same `seed` gives the same sequence on every machine.
#[must_use]
pub fn sequence(length: usize, seed: u64) -> String {
    // SplitMix64 (Steele et al. 2014), a simple random number generator.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap_or(0)
    };
    (0..length).map(|_| char::from(RESIDUE_POOL[next() % RESIDUE_POOL.len()])).collect()
}

/// A FASTA file with `records` sequences of `length` residues, 60 residues in each line.
#[must_use]
pub fn fasta(records: usize, length: usize) -> String {
    let mut text = String::new();
    for record in 0..records {
        text.push_str(&format!(">chain{record} made up\n"));
        let residues = sequence(length, record as u64);
        let mut rest = residues.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(60));
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
    }
    text
}

/// The percentile of `sorted` by nearest rank; zero if `sorted` is empty.
#[must_use]
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_reproducible_and_differ() {
        assert_eq!(sequence(50, 7), sequence(50, 7));
        assert_ne!(sequence(50, 7), sequence(50, 8));
        assert_eq!(fasta(2, 61).lines().count(), 6);
    }

    #[test]
    fn percentiles_by_nearest_rank() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }
}
