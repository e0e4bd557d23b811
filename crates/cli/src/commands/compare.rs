//! `pssp compare`: shows classic results beside known structures, in blocks, with the agreement of residues and segments.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pssp_common::plain;
use pssp_predict::format::classic::{self, Classic};
use pssp_predict::known::{self, KnownFormat, KnownStructure};
use pssp_predict::property::ss3_of_ss8;
use pssp_predict::score::{Agreement, SegmentOverlap, UNKNOWN};
use pssp_predict::{PROPERTIES, Property};
use serde_json::{Value, json};

use crate::args::InputArgs;
use crate::exit::{Exit, Failure};
use crate::input::{self, Source};
use crate::ui::Ui;

mod structure;
mod table;

use table::KnownProperty;

/// Residues in a block of the output.
const BLOCK_LENGTH: usize = 60;

/// Lines of one classic result.
const LINES_PER_RESULT: usize = 8;

/// The largest file of a known structure, in bytes.
const MAX_KNOWN: u64 = 1 << 30;

/// Arguments of `pssp compare`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is known: output of DSSP (classic or mmCIF), a structure (PDB or mmCIF) with its helices and strands, a table
    /// such as examples/known.tsv, or labels; also gzip
    #[arg(long, value_name = "FILE")]
    known: PathBuf,
    /// Format of the known structure; by its beginning unless told. `ss3` and `ss8` are records of three lines: `>` and a
    /// name, the sequence, its labels
    #[arg(long, value_name = "FORMAT", value_enum)]
    known_format: Option<Format>,
    /// Chains of the known structure to compare with; all that are the protein of a result unless told
    #[arg(long, value_name = "CHAIN,…", value_delimiter = ',')]
    chain: Vec<String>,
    /// Model of the known structure; the first one unless told
    #[arg(long, value_name = "NUMBER")]
    model: Option<u32>,
    #[command(flatten)]
    input: InputArgs,
}

/// Formats of what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Dssp,
    Mmcif,
    Pdb,
    Table,
    Ss3,
    Ss8,
}

impl Format {
    fn recognise(text: &str) -> Option<Self> {
        if table::is_table(text) {
            return Some(Self::Table);
        }
        Some(match KnownFormat::recognise(text)? {
            KnownFormat::Dssp => Self::Dssp,
            KnownFormat::Mmcif => Self::Mmcif,
            KnownFormat::Pdb => Self::Pdb,
        })
    }
}

/// What is known.
enum Known {
    Labels(Vec<KnownProperty>),
    Structure(KnownStructure),
}

/// What is known of one result: of one chain of a structure, or in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Match {
    /// The chain of the structure.
    chain: Option<String>,
    /// Lines about it.
    about: Vec<String>,
    labels: Vec<KnownLabels>,
    alignment: Option<Aligned>,
}

/// The known labels of one property: a letter for each residue of the result, [`UNKNOWN`] where nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KnownLabels {
    property: Property,
    labels: String,
    source: String,
}

/// How a chain and a result fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Aligned {
    compared: usize,
    aligned: usize,
    same: usize,
}

/// Runs the command. It is an error if nothing could be compared.
pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let known = read_known(args)?;
    let mut all = Scores::default();
    let mut unmatched = Vec::new();
    let mut comparisons = 0;
    for source in input::sources(&args.input)? {
        let text = source.read(u64::from(u32::MAX))?;
        for result in parse_results(&String::from_utf8_lossy(&text), &source)? {
            let matches = match &known {
                Known::Labels(known) => table::matches(known, result.sequence.as_str()),
                Known::Structure(known) => {
                    structure::matches(known, &result.sequence).unwrap_or_else(|why| {
                        unmatched.push(format!("{}: {why}", plain(&result.header)));
                        Vec::new()
                    })
                }
            };
            for found in &matches {
                comparisons += 1;
                all.add(&Scores::of(&result, found));
            }
            show(ui, &result, &matches)?;
        }
    }
    if comparisons == 0 {
        let mut message = "none of these chains is in what is known".to_owned();
        if let Some(why) = unmatched.first() {
            message += &format!(" ({why})");
        }
        return Err(Failure::usage(message, "check --known, --chain and --model"));
    }
    unmatched.iter().for_each(|why| ui.note(format!("not compared: {why}")));
    if ui.json {
        ui.json(&json!({ "comparisons": comparisons, "scores": all.json() }))?;
    } else if comparisons > 1 {
        ui.line(format!("all {comparisons} comparisons\n{}", all.text(|_| None)))?;
    }
    Ok(Exit::Ok)
}

fn read_known(args: &Args) -> Result<Known, Failure> {
    let source = Source::File(args.known.clone());
    let bytes = source.read(MAX_KNOWN)?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let format = args.known_format.or_else(|| Format::recognise(text)).ok_or_else(|| {
        Failure::usage(
            format!("{source}: it begins like no format of known structures"),
            "tell it with --known-format dssp, mmcif, pdb, table, ss3 or ss8",
        )
    })?;
    let is_structure = matches!(format, Format::Dssp | Format::Mmcif | Format::Pdb);
    if !is_structure && (!args.chain.is_empty() || args.model.is_some()) {
        let message = format!("{source}: it has neither chains nor models");
        return Err(Failure::usage(message, "leave --chain and --model out"));
    }
    let format = match format {
        Format::Table => return table::parse_table(text).map(Known::Labels),
        Format::Ss3 => return table::parse_records(text, Property::Ss3).map(Known::Labels),
        Format::Ss8 => return table::parse_records(text, Property::Ss8).map(Known::Labels),
        Format::Dssp => KnownFormat::Dssp,
        Format::Mmcif => KnownFormat::Mmcif,
        Format::Pdb => KnownFormat::Pdb,
    };
    let known = known::read(text, format, args.model);
    let mut known = known.map_err(|error| Failure::usage(format!("{source}, {error}"), error.hint))?;
    structure::choose(&mut known, &args.chain)?;
    Ok(Known::Structure(known))
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

fn show(ui: Ui, result: &Classic, matches: &[Match]) -> Result<(), Failure> {
    if !ui.json {
        return ui.line(render(result, matches));
    }
    matches.iter().try_for_each(|found| {
        let mut line = json!({
            "header": result.header,
            "residues": result.sequence.len(),
            "chain": found.chain,
            "about": found.about,
            "scores": Scores::of(result, found).json(),
        });
        if let Some(Aligned { compared, aligned, same }) = found.alignment {
            line["compared"] = compared.into();
            line["aligned"] = aligned.into();
            line["same"] = same.into();
        }
        ui.json(&line)
    })
}

fn render(result: &Classic, matches: &[Match]) -> String {
    let mut out = format!(">{}\n", result.header);
    if matches.is_empty() {
        out += &blocks(&rows(result, &[]));
    }
    for found in matches {
        let labels = with_reductions(found);
        found.about.iter().for_each(|line| out += &format!("  {line}\n"));
        out += &blocks(&rows(result, &labels));
        out.push('\n');
        let source = |property| labels.iter().find(|k| k.property == property).map(|k| k.source.clone());
        out += &Scores::of(result, found).text(source);
    }
    out
}

/// The lines of a result in blocks, each with a ruler.
fn blocks(rows: &[(String, String)]) -> String {
    let length = rows.first().map_or(0, |(_, text)| text.len());
    let mut out = String::new();
    for start in (0..length).step_by(BLOCK_LENGTH) {
        let end = (start + BLOCK_LENGTH).min(length);
        out += &format!("\n{:>11} {}\n", "", ruler(start, end));
        for (label, text) in rows {
            out += &format!("{label:>11} {}\n", &text[start..end]);
        }
    }
    out
}

/// The lines of the result, each followed by the known labels.
fn rows(result: &Classic, known: &[KnownLabels]) -> Vec<(String, String)> {
    let mut rows = vec![("INP".to_owned(), result.sequence.to_string())];
    for &property in PROPERTIES {
        rows.push((property.code().to_owned(), result.labels(property).to_owned()));
        for known in known.iter().filter(|known| known.property == property) {
            rows.push((format!("{} known", property.code()), known.labels.clone()));
        }
    }
    rows
}

/// The known labels; for eight states also their reduction to three.
fn with_reductions(found: &Match) -> Vec<KnownLabels> {
    let mut all = Vec::new();
    for known in &found.labels {
        if known.property == Property::Ss8 {
            let reduce = |c: u8| char::from(if c == UNKNOWN { UNKNOWN } else { ss3_of_ss8(c) });
            let labels = known.labels.bytes().map(reduce).collect();
            all.push(KnownLabels { property: Property::Ss3, labels, source: known.source.clone() });
        }
        all.push(known.clone());
    }
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

/// The agreement of each property, of one comparison or of several.
#[derive(Default)]
struct Scores(BTreeMap<usize, (Agreement, SegmentOverlap)>);

impl Scores {
    fn of(result: &Classic, found: &Match) -> Self {
        let score = |known: KnownLabels| {
            let (labels, predicted) = (known.labels.as_bytes(), result.labels(known.property).as_bytes());
            let scores = (Agreement::of(labels, predicted), SegmentOverlap::of(labels, predicted));
            (known.property as usize, scores)
        };
        Self(with_reductions(found).into_iter().map(score).collect())
    }

    fn add(&mut self, other: &Self) {
        for (&property, &(agreement, overlap)) in &other.0 {
            let sum = self.0.entry(property).or_default();
            sum.0 += agreement;
            sum.1 += overlap;
        }
    }

    fn each(&self) -> impl Iterator<Item = (Property, Agreement, Option<SegmentOverlap>)> {
        // Segments are what secondary structure is made of.
        let of_segments = |property| matches!(property, Property::Ss3 | Property::Ss8);
        self.0.iter().map(move |(&property, &(agreement, overlap))| {
            let property = PROPERTIES[property];
            (property, agreement, of_segments(property).then_some(overlap))
        })
    }

    /// A line for each property. `source` tells where its known labels are from.
    fn text(&self, source: impl Fn(Property) -> Option<String>) -> String {
        let mut out = String::new();
        for (property, agreement, overlap) in self.each() {
            let what = match property {
                Property::Ss3 => "Q3",
                Property::Ss8 => "Q8",
                other => other.code(),
            };
            let percent = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
            let from = source(property).map(|source| format!("; {source}")).unwrap_or_default();
            let Agreement { right, total } = agreement;
            out += &format!(
                "  {what} {} % agree ({right} of {total} residues{from})",
                percent(agreement.percent())
            );
            if let Some(overlap) = overlap {
                out += &format!(", SOV {} %", percent(overlap.percent()));
            }
            out.push('\n');
        }
        out
    }

    fn json(&self) -> Value {
        let scores = self.each().map(|(property, agreement, overlap)| {
            let mut score = json!({
                "right": agreement.right,
                "total": agreement.total,
                "percent": agreement.percent(),
            });
            if let Some(overlap) = overlap {
                score["sov"] = overlap.percent().into();
            }
            (property.key().to_owned(), score)
        });
        Value::Object(scores.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_structure_is_shown_beside_its_prediction() {
        let table = "id\taccession\tname\tin_training\tabout\tproperty\tsequence\tlabels\tsource\n\
                     a\tP1\tsome protein\tno\tsmall\tss8\tMKVLA\tLHHE-\tDSSP\n";
        let known = table::parse_table(table).unwrap();
        let result = ">a\nMKVLA\nCHHCC\nLHHLL\nEEEEE\n.....\n_____\n_____\n";
        let results = parse_results(result, &Source::Stdin).unwrap();
        let text = render(&results[0], &table::matches(&known, "MKVLA"));
        assert!(
            text.contains("  some protein (P1): small; its structure was not in the training set\n"),
            "{text}"
        );
        assert!(
            text.contains("        SS3 CHHCC\n  SS3 known CHHE-\n        SS8 LHHLL\n  SS8 known LHHE-\n"),
            "{text}"
        );
        assert!(text.contains("Q3 75.0 % agree (3 of 4 residues; DSSP), SOV 75.0 %\n"), "{text}");
    }
}
