//! Membrane segments of a chain: a search for the cheapest legal sequence of states (Viterbi).
//!
//! A residue is outside, in a helix or in a strand. A segment has at least its minimum length, two
//! segments never touch, and entering one costs extra. Without these rules, the most probable
//! class of each residue alone would give helices of two residues and helices cut in two.
//! All numbers are whole, so the answer cannot depend on rounding.

/// Cost of a path that is not allowed; far above any sum over 10,000 residues.
const FORBIDDEN: i64 = 1 << 40;

/// Longest minimum length that a model file may ask for, residues.
const LONGEST_MINIMUM: usize = 60;

/// The rules, and the costs they work with.
///
/// States: 0 is outside, `1..=min_helix` the residues of a helix, the last of which repeats, then
/// `min_strand` states for a strand in the same way.
#[derive(Debug)]
pub(super) struct Rules {
    min_helix: usize,
    min_strand: usize,
    /// Cost of entering a segment, in 1/1024 nats.
    enter: i64,
    /// Cost of each per-mille value, see [`cost`].
    cost: Vec<i64>,
}

impl Rules {
    /// Minimum lengths in residues (2 to 60), `enter` in 1/1024 nats; nothing if out of range.
    pub(super) fn new(min_helix: usize, min_strand: usize, enter: usize) -> Option<Self> {
        let legal = 2..=LONGEST_MINIMUM;
        (legal.contains(&min_helix) && legal.contains(&min_strand)).then_some(())?;
        Some(Self {
            min_helix,
            min_strand,
            enter: i32::try_from(enter).ok()?.into(),
            cost: (0..=1000).map(cost).collect(),
        })
    }

    fn helix_end(&self) -> usize {
        self.min_helix
    }

    fn strand_end(&self) -> usize {
        self.min_helix + self.min_strand
    }

    fn letter(&self, state: usize) -> u8 {
        match state {
            0 => b'_',
            s if s <= self.helix_end() => b'H',
            _ => b'E',
        }
    }

    /// States from which `state` can be reached, with what the step costs, in a fixed order: of
    /// equally cheap ways the first is taken.
    fn sources(&self, state: usize) -> [Option<(usize, i64)>; 3] {
        let (helix_end, strand_end) = (self.helix_end(), self.strand_end());
        match state {
            0 => [Some((0, 0)), Some((helix_end, 0)), Some((strand_end, 0))],
            s if s == 1 || s == helix_end + 1 => [Some((0, self.enter)), None, None],
            s if s == helix_end || s == strand_end => [Some((s - 1, 0)), Some((s, 0)), None],
            s => [Some((s - 1, 0)), None, None],
        }
    }

    /// The cheapest way into `state`, given what each state cost so far: cost and where from.
    fn step(&self, state: usize, before: &[i64]) -> (i64, usize) {
        let mut best = (FORBIDDEN, 0);
        for (previous, extra) in self.sources(state).into_iter().flatten() {
            if before[previous] + extra < best.0 {
                best = (before[previous] + extra, previous);
            }
        }
        best
    }
}

/// `-1024 ln((p + 1/2) / 1000.5)` of `p` per mille, rounded: finite even for 0.
#[expect(clippy::cast_possible_truncation, reason = "at most 7784")]
fn cost(permille: u16) -> i64 {
    libm::round(-1024.0 * libm::log((f64::from(permille) + 0.5) / 1000.5)) as i64
}

/// `H` helix, `E` strand or `_` outside for each residue. `tm8` holds rows of per-mille values that
/// begin with helix and strand.
pub(super) fn segments(rules: &Rules, tm8: &[Vec<u16>]) -> Vec<u8> {
    let states = rules.strand_end() + 1;
    let mut best = vec![FORBIDDEN; states];
    best[0] = 0;
    let mut back: Vec<u8> = Vec::with_capacity(tm8.len() * states);
    for row in tm8 {
        let outside = 1000 - row[0] - row[1];
        let [helix, strand, outside] = [row[0], row[1], outside].map(|p| rules.cost[usize::from(p)]);
        let mut next = vec![FORBIDDEN; states];
        for (state, slot) in next.iter_mut().enumerate() {
            let (cost, source) = rules.step(state, &best);
            let emission = match rules.letter(state) {
                b'H' => helix,
                b'E' => strand,
                _ => outside,
            };
            *slot = (cost + emission).min(FORBIDDEN);
            back.push(u8::try_from(source).unwrap_or(0)); // at most 120 states
        }
        best = next;
    }
    trace_back(rules, &best, &back)
}

/// Follows the cheapest complete path back from the last residue.
fn trace_back(rules: &Rules, best: &[i64], back: &[u8]) -> Vec<u8> {
    let states = best.len();
    let ends = [0, rules.helix_end(), rules.strand_end()];
    let mut state = ends.into_iter().min_by_key(|&s| best[s]).unwrap_or(0);
    let mut labels: Vec<u8> = (back.chunks_exact(states).rev())
        .map(|row| {
            let label = rules.letter(state);
            state = usize::from(row[state]);
            label
        })
        .collect();
    labels.reverse();
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(helix: &[u16], expected: &str) {
        let rules = Rules::new(4, 3, 1024).unwrap();
        let rows: Vec<Vec<u16>> = helix.iter().map(|&p| vec![p, 0]).collect();
        assert_eq!(String::from_utf8(segments(&rules, &rows)).unwrap(), expected);
    }

    #[test]
    fn too_short_a_helix_is_dropped() {
        check(&[10, 10, 990, 990, 10, 10, 10], "_______");
        check(&[990, 990], "__");
    }

    #[test]
    fn a_gap_in_a_helix_is_closed() {
        check(&[10, 10, 990, 990, 400, 990, 990, 10], "__HHHHH_");
    }

    #[test]
    fn two_clear_helices_stay_two() {
        check(&[990, 990, 990, 990, 1, 1, 990, 990, 990, 990], "HHHH__HHHH");
    }

    #[test]
    fn costs_are_those_of_the_training_code() {
        assert_eq!([0, 1, 500, 999, 1000].map(cost), [7784, 6659, 709, 1, 0]);
    }

    #[test]
    fn senseless_rules_are_refused() {
        assert!(Rules::new(1, 5, 0).is_none() && Rules::new(12, 61, 0).is_none());
    }
}
