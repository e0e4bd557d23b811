//! Finds the membrane segments of a chain: a search for the cheapest legal sequence of segments (Viterbi
//! algorithm with explicit durations).
//!
//! A residue is outside, in a helix or in a strand. The cost of a segment is a fixed amount, plus an amount
//! for its length, plus the costs of its residues. Its length has a minimum and a maximum. Two segments never
//! touch. Without these rules, the most probable class of each residue would give helices of two residues,
//! helices that are cut in two, and two helices joined to one. All numbers are integers, so the result does
//! not depend on rounding.

/// The cost of something that is not allowed; far above any sum over 10,000 residues.
const FORBIDDEN: i64 = 1 << 40;

/// The longest segment that a model file may allow, in residues. It bounds the work for each residue.
const MAX_SEGMENT: usize = 100;

/// The rules for segments, and costs in 1/1024 nats.
#[derive(Debug)]
pub(super) struct Rules {
    /// The rules for helix and strand, in the order of the columns of TM8.
    kinds: [Kind; 2],
    /// The cost of each per-mille value from 0 to 1000, see [`cost`].
    cost: Vec<i64>,
}

/// One kind of segment.
#[derive(Debug)]
struct Kind {
    letter: u8,
    /// The minimum length, in residues.
    least: usize,
    /// The cost of a segment by its length, from the minimum length on.
    price: Vec<i64>,
}

impl Kind {
    /// Parses `least:cost,cost,…` and adds `enter`, the fixed cost of a segment, to each cost.
    fn parse(letter: u8, text: &str, enter: i64) -> Option<Self> {
        let (least, costs) = text.split_once(':')?;
        let least: usize = least.parse().ok()?;
        let price: Vec<i64> = costs
            .split(',')
            .map(|cost| Some(i64::from(cost.parse::<i32>().ok()?) + enter))
            .collect::<Option<_>>()?;
        (least >= 1 && least + price.len() <= MAX_SEGMENT + 1).then_some(Self { letter, least, price })
    }
}

impl Rules {
    /// `enter` is the fixed cost of a segment. `helix` and `strand` are `least:cost,cost,…`: the minimum length
    /// and the cost of each length from there on. `None` if they cannot be parsed.
    pub(super) fn new(enter: usize, helix: &str, strand: &str) -> Option<Self> {
        let enter = i32::try_from(enter).ok()?.into();
        let kinds = [Kind::parse(b'H', helix, enter)?, Kind::parse(b'E', strand, enter)?];
        Some(Self { kinds, cost: (0..=1000).map(cost).collect() })
    }
}

/// `-1024 ln((p + 1/2) / 1000.5)` for `p` per mille, rounded. It is finite even for `p` = 0.
#[expect(clippy::cast_possible_truncation, reason = "at most 7784")]
fn cost(permille: u16) -> i64 {
    libm::round(-1024.0 * libm::log((f64::from(permille) + 0.5) / 1000.5)) as i64
}

/// The lowest costs of labelling the first `i` residues.
struct Costs {
    /// The lowest cost if the last of them is outside.
    out: i64,
    /// The lowest cost if the last of them ends a segment.
    end: i64,
    /// The kind and the length of that segment.
    last: (usize, usize),
}

impl Costs {
    fn cheaper_in_segment(&self) -> bool {
        self.end < self.out
    }
}

/// The label of each residue: `H` helix, `E` strand or `_` outside. Each row of `tm8` has per-mille values;
/// the first two are helix and strand.
pub(super) fn segments(rules: &Rules, tm8: &[Vec<u16>]) -> Vec<u8> {
    let cost_of = |permille: u16| rules.cost[usize::from(permille)];
    // For each kind: the costs of the first residues, if all of them are inside, by their number.
    let inside: [Vec<i64>; 2] = std::array::from_fn(|kind| {
        let mut sums = vec![0];
        sums.extend(tm8.iter().scan(0, |sum, row| {
            *sum += cost_of(row[kind]);
            Some(*sum)
        }));
        sums
    });
    let mut prefixes = vec![Costs { out: 0, end: FORBIDDEN, last: (0, 0) }];
    for (i, row) in (1..).zip(tm8) {
        let before = &prefixes[i - 1];
        let out = before.out.min(before.end) + cost_of(1000 - row[0] - row[1]);
        let (end, last) = cheapest_end(rules, &inside, &prefixes, i);
        prefixes.push(Costs { out, end, last });
    }
    trace_back(rules, &prefixes)
}

/// The cheapest segment that ends with residue `i` (from 1): its total cost, kind and length. On a tie, a
/// helix is preferred to a strand, and then the shortest segment.
fn cheapest_end(
    rules: &Rules,
    inside: &[Vec<i64>; 2],
    prefixes: &[Costs],
    i: usize,
) -> (i64, (usize, usize)) {
    let mut best = (FORBIDDEN, (0, 0));
    for (kind, (rule, sums)) in rules.kinds.iter().zip(inside).enumerate() {
        for (length, price) in (rule.least..=i).zip(&rule.price) {
            let total = prefixes[i - length].out + price + sums[i] - sums[i - length];
            if total < best.0 {
                best = (total, (kind, length));
            }
        }
    }
    best
}

/// Follows the cheapest labelling back from the last residue to the first.
fn trace_back(rules: &Rules, prefixes: &[Costs]) -> Vec<u8> {
    let mut i = prefixes.len() - 1;
    let mut in_segment = prefixes[i].cheaper_in_segment();
    let mut labels = vec![b'_'; i];
    while i > 0 {
        let length = if in_segment {
            let (kind, length) = prefixes[i].last;
            labels[i - length..i].fill(rules.kinds[kind].letter);
            length
        } else {
            1
        };
        i -= length;
        // The residue before a segment is outside. Before a residue outside comes the cheaper of both.
        in_segment = !in_segment && prefixes[i].cheaper_in_segment();
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(helix: &[u16], expected: &str) {
        let rules = Rules::new(1024, "4:0,0,0,0,0,0,0", "3:0").unwrap();
        let rows: Vec<Vec<u16>> = helix.iter().map(|&p| vec![p, 0]).collect();
        assert_eq!(String::from_utf8(segments(&rules, &rows)).unwrap(), expected);
    }

    #[test]
    fn too_short_a_helix_is_dropped() {
        check(&[10, 10, 990, 990, 10, 10, 10], "_______");
        check(&[990, 990], "__");
        check(&[], "");
    }

    #[test]
    fn a_gap_in_a_helix_is_closed() {
        check(&[10, 10, 990, 990, 400, 990, 990, 10], "__HHHHH_");
    }

    #[test]
    fn two_clear_helices_stay_apart() {
        check(&[990, 990, 990, 990, 1, 1, 990, 990, 990, 990], "HHHH__HHHH");
    }

    #[test]
    fn too_long_a_helix_is_split() {
        let mut row = [990; 15];
        row[6] = 700;
        check(&row, "HHHHHH_HHHHHHHH");
    }

    #[test]
    fn each_length_has_a_cost() {
        let rules = Rules::new(0, "3:9000,0,9000", "3:0").unwrap();
        let rows: Vec<Vec<u16>> = [1, 700, 999, 999, 700, 400, 1].iter().map(|&p| vec![p, 0]).collect();
        assert_eq!(segments(&rules, &rows), b"_HHHH__");
    }

    /// No labelling of a short chain is cheaper than the one found.
    #[test]
    fn no_other_labelling_is_cheaper() {
        let rules = Rules::new(300, "2:100,0,50", "1:0,200").unwrap();
        for seed in 0..40_u32 {
            let number = |i: u32| (seed * 7919 + i * 104_729 + i * i * 31) % 1001;
            let rows: Vec<Vec<u16>> = (0..7)
                .map(|i| {
                    let helix = number(i);
                    let strand = (1000 - helix) * number(i + 50) / 1000;
                    [helix, strand].map(|p| u16::try_from(p).unwrap()).to_vec()
                })
                .collect();
            let found = cost_of(&rules, &rows, &segments(&rules, &rows));
            let all = (0..3_usize.pow(7)).map(|n| {
                let labels: Vec<u8> = (0..7).map(|i| b"_HE"[n / 3_usize.pow(i) % 3]).collect();
                cost_of(&rules, &rows, &labels)
            });
            assert_eq!(found, all.min().unwrap(), "{rows:?}");
        }
    }

    fn cost_of(rules: &Rules, rows: &[Vec<u16>], labels: &[u8]) -> i64 {
        let mut total = 0;
        for (row, label) in rows.iter().zip(labels) {
            let permille = match label {
                b'H' => row[0],
                b'E' => row[1],
                _ => 1000 - row[0] - row[1],
            };
            total += cost(permille);
        }
        let runs: Vec<&[u8]> = labels.chunk_by(|a, b| a == b).collect();
        for run in &runs {
            if let Some(kind) = rules.kinds.iter().find(|kind| kind.letter == run[0]) {
                let length = run.len().checked_sub(kind.least);
                total += length.and_then(|length| kind.price.get(length)).unwrap_or(&FORBIDDEN);
            }
        }
        let touch = runs.windows(2).any(|pair| pair[0][0] != b'_' && pair[1][0] != b'_');
        total + if touch { FORBIDDEN } else { 0 }
    }

    #[test]
    fn costs_equal_those_of_the_training_code() {
        assert_eq!([0, 1, 500, 999, 1000].map(cost), [7784, 6659, 709, 1, 0]);
    }

    #[test]
    fn senseless_rules_are_refused() {
        for helix in ["", "4", "4:", "4:x", "0:1", "100:1,2", "-1:3"] {
            assert!(Rules::new(0, helix, "3:0").is_none(), "{helix}");
        }
    }
}
