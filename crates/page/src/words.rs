//! A result in words: one sentence, the table of segments, and the names of residues and classes.

use std::ops::Range;

use pssp_predict::{Prediction, Property, Sequence};

use crate::tracks::runs;

/// A piece of a sentence.
pub(crate) struct Words {
    pub(crate) text: String,
    /// Whether it is stressed.
    pub(crate) strong: bool,
}

/// One segment of a chain.
pub(crate) struct Segment {
    pub(crate) what: &'static str,
    /// The class of its mark in the stylesheet.
    pub(crate) class: &'static str,
    /// The first residue, from 1.
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// The mean of the confidence digits.
    pub(crate) confidence: String,
    /// Its residues, cut in the middle.
    pub(crate) residues: String,
}

impl Segment {
    pub(crate) fn len(&self) -> usize {
        self.to - self.from + 1
    }
}

/// Residues that a row of the table shows without a cut.
const SHOWN: usize = 16;

/// The helices, strands, membrane segments and disordered regions, from the start of the chain.
pub(crate) fn segments(prediction: &Prediction, sequence: &Sequence) -> Vec<Segment> {
    let kinds: [(Property, u8, &str, &str); 5] = [
        (Property::Dis, b'*', "Disordered", "d"),
        (Property::Ss3, b'H', "Helix", "h"),
        (Property::Ss3, b'E', "Strand", "e"),
        (Property::Tm8, b'H', "Membrane helix", "t"),
        (Property::Tm8, b'E', "Membrane strand", "t"),
    ];
    let mut all = Vec::new();
    for (property, letter, what, class) in kinds {
        let track = prediction.track(property);
        for run in runs_of(&track.labels, letter) {
            let digits: Vec<u8> = run.clone().map(|i| track.confidence(i)).collect();
            all.push(Segment {
                what,
                class,
                from: run.start + 1,
                to: run.end,
                confidence: mean(&digits),
                residues: cut(&sequence.residues()[run]),
            });
        }
    }
    all.sort_by_key(|segment| (segment.from, segment.to));
    all
}

fn runs_of(labels: &[u8], letter: u8) -> Vec<Range<usize>> {
    let all = runs(labels, &(0..labels.len()));
    all.into_iter().filter(|run| labels[run.start] == letter).collect()
}

fn mean(digits: &[u8]) -> String {
    let sum: f64 = digits.iter().map(|&digit| f64::from(digit)).sum();
    let count = u32::try_from(digits.len().max(1)).unwrap_or(u32::MAX);
    format!("{:.1}", sum / f64::from(count))
}

fn cut(residues: &[u8]) -> String {
    let text = String::from_utf8_lossy(residues);
    if text.len() <= SHOWN {
        text.into_owned()
    } else {
        format!("{}…{}", &text[..7], &text[text.len() - 7..])
    }
}

/// The result in a few sentences.
pub(crate) fn summary(prediction: &Prediction) -> Vec<Words> {
    let n = prediction.len();
    let ss3 = prediction.track(Property::Ss3);
    let percent = |letter: u8| {
        let count = ss3.labels.iter().filter(|&&label| label == letter).count();
        (200 * count + n) / (2 * n.max(1))
    };
    let (helix, strand) = (percent(b'H'), percent(b'E'));
    let tm = &prediction.track(Property::Tm8).labels;
    let (helices, strands) = (runs_of(tm, b'H').len(), runs_of(tm, b'E').len());
    let mut out = Sentence::default();
    let is_membrane = helices + strands > 0;
    out.text(if is_membrane { "A membrane protein, " } else { "" });
    let fold = fold(helix, strand);
    out.text(&if is_membrane { fold.to_owned() } else { capital(fold) });
    out.text(": ");
    out.strong(&format!("{helix} % helix"));
    out.text(", ");
    out.strong(&format!("{strand} % strand"));
    if is_membrane {
        out.text(", and ");
        let parts = [(helices, "helix", "helices"), (strands, "strand", "strands")];
        let named = parts.iter().filter(|(count, ..)| *count > 0);
        let named: Vec<String> = named
            .map(|(count, one, many)| format!("{} {}", number(*count), if *count == 1 { one } else { many }))
            .collect();
        out.strong(&format!("{} in the membrane", named.join(" and ")));
        out.text(". ");
    } else {
        out.text(". No part lies in a membrane. ");
    }
    disorder(&mut out, prediction);
    let digits: Vec<u8> = (0..n).map(|i| ss3.confidence(i)).collect();
    out.text(&format!(" Mean confidence {} of 9.", mean(&digits)));
    out.0
}

/// The kind of fold, by the percentage of helix and strand.
const fn fold(helix: usize, strand: usize) -> &'static str {
    match (helix, strand) {
        (60.., ..10) => "almost all helix",
        (35.., ..10) => "mostly helix",
        (..10, 30..) => "mostly strand",
        (10.., 10..) => "helices and strands",
        _ => "little regular structure",
    }
}

fn disorder(out: &mut Sentence, prediction: &Prediction) {
    let n = prediction.len();
    let regions = runs_of(&prediction.track(Property::Dis).labels, b'*');
    let count: usize = regions.iter().map(Range::len).sum();
    let ends = (
        regions.first().filter(|run| run.start == 0).map_or(0, Range::len),
        regions.last().filter(|run| run.end == n).map_or(0, Range::len),
    );
    match ends {
        _ if count == 0 => out.text("No residue is likely disordered."),
        _ if count == n => out.strong("The whole chain is likely disordered."),
        (first, last) if first + last == count => {
            let part = |which: &str, count: usize| match count {
                0 => None,
                1 => Some(format!("{which} residue")),
                _ => Some(format!("{which} {count} residues")),
            };
            let parts: Vec<String> =
                [part("first", first), part("last", last)].into_iter().flatten().collect();
            let verb = if count == 1 { "is" } else { "are" };
            out.text(&format!("The {} {verb} likely ", parts.join(" and the ")));
            out.strong("disordered");
            out.text(".");
        }
        _ => {
            out.strong(&format!("{count} of {n} residues"));
            let (verb, regions) = (if count == 1 { "is" } else { "are" }, regions.len());
            let plural = if regions == 1 { "region" } else { "regions" };
            out.text(&format!(" {verb} likely disordered, in {} {plural}.", number(regions)));
        }
    }
}

#[derive(Default)]
struct Sentence(Vec<Words>);

impl Sentence {
    fn text(&mut self, text: &str) {
        self.0.push(Words { text: text.to_owned(), strong: false });
    }

    fn strong(&mut self, text: &str) {
        self.0.push(Words { text: text.to_owned(), strong: true });
    }
}

fn capital(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// Small numbers in words.
fn number(count: usize) -> String {
    let words = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    words.get(count).map_or_else(|| count.to_string(), |&word| word.to_owned())
}

/// The names of residues: letter, three letters, name (IUPAC-IUB 1983).
pub(crate) const RESIDUES: [(char, &str, &str); 21] = [
    ('A', "Ala", "alanine"),
    ('C', "Cys", "cysteine"),
    ('D', "Asp", "aspartate"),
    ('E', "Glu", "glutamate"),
    ('F', "Phe", "phenylalanine"),
    ('G', "Gly", "glycine"),
    ('H', "His", "histidine"),
    ('I', "Ile", "isoleucine"),
    ('K', "Lys", "lysine"),
    ('L', "Leu", "leucine"),
    ('M', "Met", "methionine"),
    ('N', "Asn", "asparagine"),
    ('P', "Pro", "proline"),
    ('Q', "Gln", "glutamine"),
    ('R', "Arg", "arginine"),
    ('S', "Ser", "serine"),
    ('T', "Thr", "threonine"),
    ('V', "Val", "valine"),
    ('W', "Trp", "tryptophan"),
    ('X', "Xaa", "unknown residue"),
    ('Y', "Tyr", "tyrosine"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::tests::prediction;

    fn check(ss3: &str, disorder: &str, tm8: &str, expected: &str) {
        let words = summary(&prediction(ss3, disorder, tm8));
        let text: String = words.into_iter().map(|words| words.text).collect();
        assert_eq!(text, expected);
    }

    #[test]
    fn a_result_in_sentences() {
        check(
            "HHHHHHHHHC",
            "..........",
            "__________",
            "Almost all helix: 90 % helix, 0 % strand. No part lies in a membrane. No residue is likely disordered. \
             Mean confidence 9.0 of 9.",
        );
        check(
            "CHHHHHHHCC",
            "*.......**",
            "_HHHHHH___",
            "A membrane protein, almost all helix: 70 % helix, 0 % strand, and one helix in the membrane. The first \
             residue and the last 2 residues are likely disordered. Mean confidence 9.0 of 9.",
        );
        check(
            "CEEECHHCCC",
            "..*..*****",
            "_EE_EE____",
            "A membrane protein, helices and strands: 20 % helix, 30 % strand, and two strands in the membrane. 6 of \
             10 residues are likely disordered, in two regions. Mean confidence 9.0 of 9.",
        );
        check(
            "CC",
            "**",
            "__",
            "Little regular structure: 0 % helix, 0 % strand. No part lies in a membrane. The whole chain is likely \
             disordered. Mean confidence 9.0 of 9.",
        );
    }
}
