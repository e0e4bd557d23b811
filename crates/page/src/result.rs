//! The page of a finished job.

use std::ops::Range;

use askama::Template;
use pssp_jobs::{Job, Request};
use pssp_predict::format::{FORMATS, Format};
use pssp_predict::{Prediction, Property};

use crate::tracks::{self, Piece};
use crate::words::{Segment, Words};
use crate::{Frame, Readers, job, render, times, words};

/// Chains up to this length are shown as a whole.
const WHOLE: usize = 1_200;

/// Residues in a window of a longer chain.
const WINDOW: usize = 600;

/// Segments that the table shows before the rest is folded.
const SHOWN_SEGMENTS: usize = 10;

/// Which residues of a long chain are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Window {
    /// The first ones.
    #[default]
    First,
    /// A window from this residue on, from 1.
    From(usize),
    /// All.
    All,
}

impl Window {
    /// The shown residues of a chain of `n`, from 0. A window begins at a piece of the tracks.
    fn of(self, n: usize) -> Range<usize> {
        match self {
            Self::All => 0..n,
            _ if n <= WHOLE => 0..n,
            Self::First => 0..WINDOW,
            Self::From(first) => {
                let start = first.saturating_sub(1).min(n - 1) / tracks::PIECE * tracks::PIECE;
                start..(start + WINDOW).min(n)
            }
        }
    }
}

/// A window of a long chain, as a link.
struct Part {
    from: usize,
    to: usize,
    is_shown: bool,
}

/// The page of a finished job.
#[derive(Debug, Template)]
#[template(path = "result.html")]
pub struct ResultPage<'a> {
    /// What surrounds it.
    pub frame: &'a Frame,
    /// The job.
    pub job: &'a Job,
    /// Its input.
    pub request: &'a Request,
    /// Its result.
    pub prediction: &'a Prediction,
    /// The shown residues.
    pub window: Window,
    /// Who reads it.
    pub readers: Readers,
    /// Whether who looks at it owns it, and may cancel and delete it.
    pub is_owner: bool,
}

impl ResultPage<'_> {
    /// The page as text.
    #[must_use]
    pub fn html(&self) -> String {
        render(self)
    }

    fn title(&self) -> String {
        job::title(self.job)
    }

    fn n(&self) -> usize {
        self.prediction.len()
    }

    fn shown(&self) -> Range<usize> {
        self.window.of(self.n())
    }

    fn pieces(&self) -> Vec<Piece> {
        tracks::pieces(self.prediction, &self.request.sequence, self.shown())
    }

    fn overview(&self) -> String {
        tracks::overview(self.prediction)
    }

    fn summary(&self) -> Vec<Words> {
        words::summary(self.prediction)
    }

    fn segments(&self) -> (Vec<Segment>, Vec<Segment>) {
        let mut all = words::segments(self.prediction, &self.request.sequence);
        let rest = all.split_off(SHOWN_SEGMENTS.min(all.len()));
        (all, rest)
    }

    /// The windows of a chain that is too long to be shown as a whole.
    fn parts(&self) -> Vec<Part> {
        let (n, shown) = (self.n(), self.shown());
        if n <= WHOLE {
            return Vec::new();
        }
        let starts = (0..n).step_by(WINDOW);
        starts
            .map(|start| Part {
                from: start + 1,
                to: (start + WINDOW).min(n),
                is_shown: shown.start == start && shown.len() <= WINDOW,
            })
            .collect()
    }

    /// Time from the start of the computation to its end.
    fn took(&self) -> Option<String> {
        let status = &self.job.status;
        let (from, to) = (status.started_at?, status.finished_at()?);
        Some(times::length(to.since(from)))
    }

    fn predicted_on(&self) -> String {
        times::day(self.job.status.finished_at().unwrap_or(self.job.head.created_at))
    }

    /// The lines of the classic format in rows of 60, each with its number.
    fn lines(&self) -> String {
        const ROW: usize = 60;
        let sequence = String::from_utf8_lossy(self.request.sequence.residues()).into_owned();
        let tracks = self.prediction.tracks();
        let mut out = String::new();
        let shown = self.shown();
        for start in shown.clone().step_by(ROW) {
            let row = start..(start + ROW).min(shown.end);
            out += &format!("{:>8} {}\n", start + 1, &sequence[row.clone()]);
            for track in tracks {
                let text = track.text().get(row.clone()).unwrap_or_default();
                out += &format!("{:>8} {text}\n", track.property.code());
            }
            out.push('\n');
        }
        out
    }

    // What the script shows of a residue, a text for each property with a part for each shown residue.

    fn sequence(&self) -> String {
        String::from_utf8_lossy(&self.request.sequence.residues()[self.shown()]).into_owned()
    }

    fn labels(&self, property: Property) -> String {
        self.prediction.track(property).text().get(self.shown()).unwrap_or_default().to_owned()
    }

    /// The probability of the label of each residue in percent, with two digits, at most 99.
    fn label_percents(&self, property: Property) -> String {
        let track = self.prediction.track(property);
        let of =
            |i: usize| track.property.column(track.labels[i]).map_or(0, |column| track.columns[column][i]);
        percents(self.shown().map(of))
    }

    fn disorder_percents(&self) -> String {
        let track = self.prediction.track(Property::Dis);
        let column = Property::Dis.column(b'*').unwrap_or_default();
        percents(self.shown().map(|i| track.columns[column][i]))
    }

    fn exposure_percents(&self) -> String {
        percents(self.shown().map(|i| self.prediction.rsa()[i]))
    }
}

/// Two digits for each value of 0 to 1000.
fn percents(permilles: impl Iterator<Item = u16>) -> String {
    permilles.map(|permille| format!("{:02}", ((permille + 5) / 10).min(99))).collect()
}

/// What each format is for.
fn purpose(format: &Format) -> &'static str {
    match format {
        Format::Json => "everything, with probabilities",
        Format::Classic => "the eight classic lines",
        Format::Ss2 => "PSIPRED vertical",
        Format::Horiz => "PSIPRED horizontal",
        Format::Tsv => "a line a residue, for R or a spreadsheet",
        Format::Csv => "the same with commas",
        Format::Fasta => "a record a property",
        Format::Ndjson => "JSON on one line",
        Format::Gff3 => "segments as features",
        Format::Bed => "segments, a line each",
        Format::Jalview => "annotations for Jalview",
        Format::Defattr => "attributes for ChimeraX",
        Format::Pml => "colours a structure in PyMOL",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use pssp_predict::{Method, PROPERTIES, Track};

    use super::*;

    /// A prediction with these labels, each with probability 1.
    pub(crate) fn prediction(ss3: &str, disorder: &str, tm8: &str) -> Prediction {
        let n = ss3.len();
        let tracks = PROPERTIES.iter().map(|&property| {
            let labels: Vec<u8> = match property {
                Property::Ss3 => ss3.into(),
                Property::Ss8 => ss3.replace('C', "L").into(),
                Property::Acc => "E".repeat(n).into(),
                Property::Dis => disorder.into(),
                Property::Tm2 => tm8.replace(|c| c != '_', "H").into(),
                Property::Tm8 => tm8.into(),
            };
            let alphabet = property.alphabet().iter();
            let columns = alphabet.map(|class| {
                labels.iter().map(|&label| if label == class.letter { 1000 } else { 0 }).collect()
            });
            Track { property, columns: columns.collect(), labels }
        });
        let method = Method {
            name: "test".into(),
            version: "1".into(),
            sha256: "00".into(),
            citation: "nobody".into(),
        };
        Prediction::new(method, tracks.collect(), vec![500; n]).expect("a prediction")
    }

    #[test]
    fn windows_of_long_chains_begin_at_a_piece() {
        assert_eq!(Window::First.of(1_200), 0..1_200);
        assert_eq!(Window::From(700).of(1_200), 0..1_200);
        assert_eq!(Window::First.of(1_201), 0..600);
        assert_eq!(Window::From(601).of(1_201), 600..1_200);
        assert_eq!(Window::From(615).of(1_201), 600..1_200);
        assert_eq!(Window::From(0).of(1_201), 0..600);
        assert_eq!(Window::From(usize::MAX).of(1_201), 1_200..1_201);
        assert_eq!(Window::All.of(10_000), 0..10_000);
    }
}
