//! `pssp compare`: shows classic results beside known structures, in blocks, with the share of residues that agree.

use std::path::PathBuf;

use pssp_predict::format::classic::{self, Classic};
use pssp_predict::property::ss3_of_ss8;
use pssp_predict::{PROPERTIES, Property};

use crate::args::InputArgs;
use crate::exit::{Exit, Failure};
use crate::input::{self, Source};
use crate::ui::Ui;

/// Residues in a block of the output.
const BLOCK_LENGTH: usize = 60;

/// Lines of one classic result.
const LINES_PER_RESULT: usize = 8;

/// Columns of a table of known structures.
const COLUMNS: [&str; 9] =
    ["id", "accession", "name", "in_training", "about", "property", "sequence", "labels", "source"];

/// Arguments of `pssp compare`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is known: a table such as examples/known.tsv
    #[arg(long, value_name = "FILE")]
    known: PathBuf,
    #[command(flatten)]
    input: InputArgs,
}

/// The known values of one property of one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KnownProperty {
    accession: String,
    name: String,
    in_training: bool,
    about: String,
    property: Property,
    sequence: String,
    /// One letter per residue; `-` where nothing is known.
    labels: String,
    source: String,
}

/// Runs the command. It is an error if nothing could be compared.
pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let table = Source::File(args.known.clone()).read(u64::from(u32::MAX))?;
    let known = parse_table(&String::from_utf8_lossy(&table))?;
    let mut compared = 0;
    for source in input::sources(&args.input)? {
        let text = source.read(u64::from(u32::MAX))?;
        for result in parse_results(&String::from_utf8_lossy(&text), &source)? {
            let of_chain: Vec<&KnownProperty> =
                known.iter().filter(|k| k.sequence == result.sequence.as_str()).collect();
            compared += of_chain.len();
            ui.line(render(&result, &of_chain))?;
        }
    }
    if compared == 0 {
        return Err(Failure::usage(
            "none of these chains is in the table of known structures",
            "check --known",
        ));
    }
    Ok(Exit::Ok)
}

fn parse_table(text: &str) -> Result<Vec<KnownProperty>, Failure> {
    let invalid = |line: usize, what: &str| {
        Failure::usage(
            format!("known structures, line {line}: {what}"),
            format!("columns are {}", COLUMNS.join(" ")),
        )
    };
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    if lines.next().is_none_or(|(_, header)| !header.split('\t').eq(COLUMNS)) {
        return Err(invalid(1, "another header is expected"));
    }
    let parse = |(number, line): (usize, &str)| {
        let [_, accession, name, in_training, about, property, sequence, labels, source] =
            <[&str; COLUMNS.len()]>::try_from(line.split('\t').collect::<Vec<_>>())
                .map_err(|_| invalid(number, "not as many columns as in the header"))?;
        let property = PROPERTIES.iter().copied().find(|p| p.key() == property);
        let property = property.ok_or_else(|| invalid(number, "no such property"))?;
        let is_label = |letter| letter == b'-' || property.column(letter).is_some();
        if labels.len() != sequence.len() || !labels.bytes().all(is_label) {
            return Err(invalid(number, "the labels do not fit the sequence"));
        }
        Ok(KnownProperty {
            accession: accession.to_owned(),
            name: name.to_owned(),
            in_training: in_training == "yes",
            about: about.to_owned(),
            property,
            sequence: sequence.to_owned(),
            labels: labels.to_owned(),
            source: source.to_owned(),
        })
    };
    lines.map(parse).collect()
}

fn parse_results(text: &str, source: &Source) -> Result<Vec<Classic>, Failure> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let parse = |chunk: &[&str]| {
        classic::parse(&chunk.join("\n")).map_err(|e| {
            Failure::usage(format!("{source}: no classic result: {e}"), "write it with --format txt")
        })
    };
    lines.chunks(LINES_PER_RESULT).map(parse).collect()
}

fn render(result: &Classic, known: &[&KnownProperty]) -> String {
    let mut out = format!(">{}\n", result.header);
    if let Some(first) = known.first() {
        let seen = if first.in_training { "was in the training set" } else { "was not in the training set" };
        out += &format!("  {} ({}): {}; its structure {seen}\n", first.name, first.accession, first.about);
    }
    let rows = rows(result, known);
    let length = result.sequence.len();
    for start in (0..length).step_by(BLOCK_LENGTH) {
        let end = (start + BLOCK_LENGTH).min(length);
        out += &format!("\n{:>11} {}\n", "", ruler(start, end));
        for (label, text) in &rows {
            out += &format!("{label:>11} {}\n", &text[start..end]);
        }
    }
    out.push('\n');
    for known in known {
        for (property, labels) in with_reduction(known) {
            out += &agreement(property, &labels, result.labels(property), &known.source);
        }
    }
    out
}

/// The lines of the result, each followed by the known values.
fn rows(result: &Classic, known: &[&KnownProperty]) -> Vec<(String, String)> {
    let mut rows = vec![("INP".to_owned(), result.sequence.to_string())];
    for &property in PROPERTIES {
        rows.push((property.code().to_owned(), result.labels(property).to_owned()));
        for known in known {
            let of_property = with_reduction(known).into_iter().find(|(p, _)| *p == property);
            if let Some((_, labels)) = of_property {
                rows.push((format!("{} known", property.code()), labels));
            }
        }
    }
    rows
}

/// The known values; for eight states also their reduction to three.
fn with_reduction(known: &KnownProperty) -> Vec<(Property, String)> {
    let mut all = Vec::new();
    if known.property == Property::Ss8 {
        let reduce = |c| if c == '-' { '-' } else { u8::try_from(c).map_or('C', |c| ss3_of_ss8(c).into()) };
        all.push((Property::Ss3, known.labels.chars().map(reduce).collect()));
    }
    all.push((known.property, known.labels.clone()));
    all
}

/// A tick at every tenth position.
fn ruler(start: usize, end: usize) -> String {
    let mut text = String::new();
    for position in (start + 10..=end).step_by(10) {
        text += &format!("{position:>10}");
    }
    text
}

fn agreement(property: Property, known: &str, predicted: &str, source: &str) -> String {
    let judged = known.bytes().zip(predicted.bytes()).filter(|(k, _)| *k != b'-');
    let (total, right) = judged.fold((0_usize, 0_usize), |(n, r), (k, p)| (n + 1, r + usize::from(k == p)));
    let what = match property {
        Property::Ss3 => "Q3",
        Property::Ss8 => "Q8",
        other => other.code(),
    };
    let tenths = (right * 1000 + total / 2).checked_div(total).unwrap_or(0);
    format!("  {what} {}.{} % agree ({right} of {total} residues; {source})\n", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "id\taccession\tname\tin_training\tabout\tproperty\tsequence\tlabels\tsource\n";

    #[test]
    fn a_known_structure_is_shown_beside_its_prediction() {
        let table = format!("{HEADER}a\tP1\tsome protein\tno\tsmall\tss8\tMKVLA\tLHHE-\tDSSP\n");
        let known = parse_table(&table).unwrap();
        let result = ">a\nMKVLA\nCHHCC\nLHHLL\nEEEEE\n.....\n_____\n_____\n";
        let results = parse_results(result, &Source::Stdin).unwrap();
        let text = render(&results[0], &known.iter().collect::<Vec<_>>());
        assert!(
            text.contains("        SS3 CHHCC\n  SS3 known CHHE-\n        SS8 LHHLL\n  SS8 known LHHE-\n"),
            "{text}"
        );
        assert!(text.contains("Q3 75.0 % agree (3 of 4 residues; DSSP)"), "{text}");
    }

    #[test]
    fn malformed_tables_are_refused_with_the_line() {
        for row in ["a\tb", "a\tP1\tn\tno\tx\tss9\tMK\tHH\ts", "a\tP1\tn\tno\tx\tss3\tMK\tHHH\ts"] {
            let error = parse_table(&format!("{HEADER}{row}\n")).unwrap_err().to_string();
            assert!(error.contains("line 2"), "{error}");
        }
    }
}
