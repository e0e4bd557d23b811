//! The form.

use askama::Template;

use crate::{Frame, render};

/// The limits that the form names.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest sequence.
    pub residues: usize,
    /// The most records.
    pub records: usize,
}

impl Limits {
    pub(crate) fn residues(&self) -> String {
        grouped(self.residues)
    }

    pub(crate) fn records(&self) -> String {
        grouped(self.records)
    }
}

/// A number with commas: `10,000`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// What a person has entered, to be shown again.
#[derive(Debug, Clone, Default)]
pub struct Entered {
    /// The text of the sequences.
    pub text: String,
    /// The name of the job.
    pub name: String,
    /// Whether what looks like nucleotides is taken.
    pub force: bool,
    /// Whether a stored result does not do.
    pub fresh: bool,
}

/// Where a fault is in the entered text.
#[derive(Debug, Clone)]
pub struct Place {
    /// What is wrong there.
    pub detail: String,
    /// How to correct it.
    pub hint: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
}

/// Why what was entered is refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The kind of problem.
    pub title: String,
    /// What is wrong.
    pub detail: String,
    /// Each fault in the text.
    pub places: Vec<Place>,
    /// Whether it looks like nucleotides, which an option of the form takes.
    pub is_about_nucleotides: bool,
    /// The seconds after which it may work, if the fault is not in the text.
    pub retry_s: Option<u64>,
    /// The id of the request.
    pub request_id: String,
}

/// The first page: the form, examples, and the jobs of this browser.
#[derive(Debug, Template)]
#[template(path = "home.html")]
pub struct Home {
    /// What surrounds it.
    pub frame: Frame,
    /// The limits.
    pub limits: Limits,
    /// What the form shows.
    pub entered: Entered,
    /// Why it is shown again.
    pub refusal: Option<Refusal>,
    /// A value that makes a second click the same request.
    pub once: String,
    /// The seconds until intake goes on, if an operator has paused it; zero if the end is not known.
    pub paused_s: Option<u64>,
    /// Whether callers need a key, and this one has shown none.
    pub wants_key: bool,
}

impl Home {
    /// The page as text.
    #[must_use]
    pub fn html(&self) -> String {
        render(self)
    }

    fn shows_options(&self) -> bool {
        let Entered { name, force, fresh, .. } = &self.entered;
        !name.is_empty()
            || *force
            || *fresh
            || self.refusal.as_ref().is_some_and(|refusal| refusal.is_about_nucleotides)
    }
}

/// The examples, as FASTA.
const EXAMPLES: &str = include_str!("../assets/examples.fasta");

/// The names of the examples, and what the buttons say.
pub(crate) const NAMES: [(&str, &str); 3] =
    [("ubiquitin", "Ubiquitin"), ("lysozyme", "Lysozyme"), ("bacteriorhodopsin", "Bacteriorhodopsin")];

/// The FASTA record of the example `name`.
#[must_use]
pub fn example(name: &str) -> Option<String> {
    let mut records = EXAMPLES.split('>');
    let record = records.find(|record| record.split_whitespace().next() == Some(name))?;
    Some(format!(">{record}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn every_example_is_a_record() {
        for (name, _) in NAMES {
            let text = example(name).expect("an example");
            assert!(text.starts_with(&format!(">{name} ")), "{text}");
            assert_eq!(pssp_predict::fasta::Reader::new(text.as_bytes()).count(), 1);
        }
        assert_eq!(example("other"), None);
    }
}
