//! Every row of `inputs/inputs.tsv`, read by the reader of one sequence and by the reader of FASTA.

use std::collections::BTreeSet;
use std::io;

use proptest::prelude::*;
use pssp_predict::Cleaned;
use pssp_predict::fasta::Reader;
use pssp_predict::sequence::{CleanOptions, ErrorCode, InputErrors, WarningCode, clean, clean_single};

/// One input and the expected results.
struct Row {
    line: usize,
    input: Vec<u8>,
    expected: String,
    name: String,
    warnings: BTreeSet<String>,
    fasta: String,
}

fn rows() -> Vec<Row> {
    let rows = include_str!("inputs/inputs.tsv").lines().enumerate();
    rows.filter(|(_, line)| !line.starts_with("# ") || line.contains('\t'))
        .map(|(i, line)| row(i + 1, line))
        .collect()
}

fn row(line: usize, text: &str) -> Row {
    let columns: Vec<&str> = text.split('\t').collect();
    let [input, expected, name, warnings, fasta] = columns[..] else { panic!("row {line}: five columns") };
    let warnings = warnings.split(' ').filter(|code| *code != "-").map(str::to_owned).collect();
    let own = str::to_owned;
    Row {
        line,
        input: unescape(input),
        expected: own(expected),
        name: own(name),
        warnings,
        fasta: own(fasta),
    }
}

/// The bytes of a text with escapes. The README of the table lists the escapes.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (escape, after) = after.split_at(1);
        rest = match escape {
            "n" | "r" | "t" | "\\" => {
                bytes.push(match escape {
                    "n" => b'\n',
                    "r" => b'\r',
                    "t" => b'\t',
                    _ => b'\\',
                });
                after
            }
            "x" => {
                bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
                &after[2..]
            }
            "u" => {
                let (code, after) = after[1..].split_once('}').unwrap();
                let c = char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap();
                bytes.extend_from_slice(c.to_string().as_bytes());
                after
            }
            other => panic!("\\{other} is no escape"),
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// The residues, or `!code@line:column` of the first error.
fn outline(cleaned: &Result<Cleaned, InputErrors>) -> String {
    match cleaned {
        Ok(cleaned) => cleaned.sequence.to_string(),
        Err(errors) => {
            let error = errors.first();
            let place = match (error.line, error.column) {
                (Some(line), Some(column)) => format!("@{line}:{column}"),
                (Some(line), None) => format!("@{line}"),
                _ => String::new(),
            };
            format!("!{}{place}", error.code.as_str())
        }
    }
}

fn codes(cleaned: &Result<Cleaned, InputErrors>) -> BTreeSet<String> {
    let warnings = cleaned.as_ref().map(|cleaned| cleaned.warnings.as_slice()).unwrap_or_default();
    let name = |code: WarningCode| serde_json::to_value(code).unwrap().as_str().unwrap().to_owned();
    let without_id = warnings.iter().filter(|warning| warning.code != WarningCode::MissingId);
    without_id.map(|warning| name(warning.code)).collect()
}

#[test]
fn the_table_is_large() {
    assert!(rows().len() >= 60);
}

#[test]
fn one_sequence() {
    let mut wrong = Vec::new();
    for row in rows() {
        let read = clean_single(&row.input, &CleanOptions::default());
        let name = read.as_ref().ok().and_then(|(header, _)| header.as_ref()?.id.clone());
        let cleaned = read.map(|(_, cleaned)| cleaned);
        let found = (outline(&cleaned), codes(&cleaned));
        if found != (row.expected.clone(), row.warnings.clone()) {
            wrong.push(format!("row {}: {:?} {:?}", row.line, found, String::from_utf8_lossy(&row.input)));
        }
        if cleaned.is_ok() && name.as_deref().unwrap_or("-") != row.name {
            wrong.push(format!("row {}: the name is {name:?}", row.line));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_fasta_agrees() {
    let mut wrong = Vec::new();
    for row in rows() {
        let records = Reader::new(row.input.as_slice()).collect::<io::Result<Vec<_>>>().unwrap();
        let read = |record: &pssp_predict::fasta::Record| record.clean(&CleanOptions::default());
        let name = |record: &pssp_predict::fasta::Record| record.id().unwrap_or("-").to_owned();
        let agrees = match row.fasta.as_str() {
            "!none" => records.is_empty(),
            "=" => {
                records.len() == 1
                    && outline(&read(&records[0])) == row.expected
                    && codes(&read(&records[0])) == row.warnings
                    && name(&records[0]) == row.name
            }
            expected => {
                let text = |record| match outline(&read(record)).split_once('@') {
                    Some((fault, _)) => format!("{}{fault}", name(record)),
                    None => format!("{}:{}", name(record), outline(&read(record))),
                };
                records.iter().map(text).collect::<Vec<_>>().join("|") == expected
            }
        };
        if !agrees {
            let found: Vec<_> =
                records.iter().map(|r| (name(r), outline(&read(r)), codes(&read(r)))).collect();
            wrong.push(format!("row {}: {found:?} {:?}", row.line, String::from_utf8_lossy(&row.input)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_error_has_a_remedy_and_one_line() {
    for row in rows() {
        let Err(errors) = clean_single(&row.input, &CleanOptions::default()) else { continue };
        let text = errors.first().to_string();
        assert!(!errors.first().hint.is_empty() && !text.contains(['\n', '\r']), "row {}: {text}", row.line);
        assert!(
            !text.contains("remove it") || !matches!(errors.first().code.as_str(), "several_chains"),
            "{text}"
        );
    }
}

/// Very long text is refused. An algorithm with quadratic time would take minutes here.
#[test]
fn many_short_lines_and_one_long_line_are_refused() {
    let half = 100_000;
    for (first, second) in
        [("mkv\n", "MKV\n"), ("MKV\n", "UBO\n"), ("MKVL\n", "seq mkv\n"), ("A BCD\n", "E FGHI\n")]
    {
        let text = first.repeat(half) + &second.repeat(half);
        assert!(clean(text.as_bytes(), &CleanOptions::default()).is_err(), "{first:?} {second:?}");
    }
    for text in ["SEQRES   1 A    9  ".to_owned() + &"GLY ".repeat(260_000), "GlyAla".repeat(100_000)] {
        let errors = clean(text.as_bytes(), &CleanOptions::default()).unwrap_err();
        assert_eq!(errors.first().code, ErrorCode::TooLong, "{errors}");
    }
}

#[test]
fn force_disables_heuristics_but_not_formats() {
    let force = CleanOptions { force: true, ..CleanOptions::default() };
    let read = |text: &str| clean(text.as_bytes(), &force).map(|cleaned| cleaned.sequence.to_string()).ok();
    assert_eq!(read("insulin human\nGIVEQ").as_deref(), Some("INSXLINHXMANGIVEQ"));
    assert_eq!(read("ALAALAALAALA").as_deref(), Some("ALAALAALAALA"));
    assert_eq!(read("GlyIleVal").as_deref(), Some("GLYILEVAL"));
    assert_eq!(read("CLUSTAL W\na MKV"), None);
}

// --- sequences are never refused ---------------------------------------------------------------

/// The chains of `examples/proteins.fasta`.
fn real_chains() -> Vec<String> {
    let text = include_bytes!("../../../../examples/proteins.fasta");
    let records = Reader::new(&text[..]).map(Result::unwrap);
    records.map(|record| record.clean(&CleanOptions::default()).unwrap().sequence.to_string()).collect()
}

/// A way to write a sequence.
#[derive(Debug, Clone)]
struct Writing {
    /// Residues in a line.
    line: usize,
    /// Residues between blanks.
    block: Option<usize>,
    numbered: bool,
    end: &'static str,
    /// The range of residues in lower case: from, to.
    masked: (usize, usize),
    stop: bool,
}

impl Writing {
    fn write(&self, sequence: &str) -> String {
        let n = sequence.len();
        let masked = self.masked.0.min(n)..self.masked.1.clamp(self.masked.0.min(n), n);
        let mut letters = sequence.to_owned();
        letters.replace_range(masked.clone(), &sequence[masked].to_ascii_lowercase());
        let lines = letters.as_bytes().chunks(self.line).enumerate().map(|(i, line)| {
            let blocks = line.chunks(self.block.unwrap_or(self.line));
            let blocks =
                blocks.map(|b| String::from_utf8_lossy(b).into_owned()).collect::<Vec<_>>().join(" ");
            if self.numbered { format!("{:>9} {blocks}", i * self.line + 1) } else { blocks }
        });
        let text = lines.collect::<Vec<_>>().join(self.end);
        text + if self.stop { "*" } else { "" } + self.end
    }
}

fn writing() -> impl Strategy<Value = Writing> {
    let line = prop_oneof![Just(50_usize), Just(60), Just(70), Just(80), Just(100), Just(100_000)];
    let block = prop_oneof![2 => Just(None), 1 => Just(Some(10)), 1 => Just(Some(5))];
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    (line, block, any::<bool>(), end, (0_usize..400, 0_usize..400), any::<bool>()).prop_map(
        |(line, block, numbered, end, masked, stop)| Writing { line, block, numbered, end, masked, stop },
    )
}

/// Sequences of different lengths and compositions, including low complexity.
fn sequence() -> impl Strategy<Value = String> {
    let repeat = |unit: String| unit.repeat(40)[..40].to_owned();
    prop_oneof![
        6 => "[ACDEFGHIKLMNPQRSTVWY]{5,300}",
        1 => "[AGPSTE]{5,100}",
        1 => "[ACDEFGHIKLMNPQRSTVWY]{1,5}".prop_map(repeat),
        3 => prop::sample::select(real_chains()),
    ]
}

fn forced() -> CleanOptions {
    CleanOptions { force: true, ..CleanOptions::default() }
}

proptest! {
    #[test]
    fn any_way_of_writing_a_sequence_is_read_without_a_warning(sequence in sequence(), writing in writing()) {
        // Nucleotides and repeats of one three-letter code are refused for other reasons.
        let plain = clean(sequence.as_bytes(), &CleanOptions::default());
        prop_assume!(plain.is_ok());
        let text = writing.write(&sequence);
        match clean(text.as_bytes(), &CleanOptions::default()) {
            Ok(cleaned) => {
                prop_assert_eq!(cleaned.sequence.as_str(), &sequence);
                prop_assert_eq!(cleaned.warnings, plain.unwrap().warnings, "{}", text);
            }
            Err(errors) => prop_assert!(false, "{errors}: {text}"),
        }
    }

    #[test]
    fn a_header_makes_no_difference(sequence in sequence(), writing in writing()) {
        let text = writing.write(&sequence);
        let bare = clean(text.as_bytes(), &CleanOptions::default()).map(|cleaned| cleaned.sequence);
        let (header, cleaned) = match clean_single(format!(">id about\n{text}").as_bytes(), &CleanOptions::default()) {
            Ok((header, cleaned)) => (header, Ok(cleaned.sequence)),
            Err(errors) => (None, Err(errors)),
        };
        prop_assert_eq!(bare.is_ok(), cleaned.is_ok());
        if let (Ok(bare), Ok(cleaned)) = (bare, cleaned) {
            prop_assert_eq!(bare, cleaned);
            prop_assert_eq!(header.unwrap().id, Some("id".to_owned()));
        }
    }

    #[test]
    fn force_never_changes_the_residues_of_accepted_text(text in "[A-Za-z \n.*-]{0,80}") {
        // `force` only accepts more text; it never changes residues.
        let usual = clean(text.as_bytes(), &CleanOptions::default());
        let forced = clean(text.as_bytes(), &forced());
        if let Ok(usual) = usual
            && !usual.warnings.iter().any(|w| w.code == WarningCode::ForeignFormat)
        {
            prop_assert_eq!(usual.sequence, forced.unwrap().sequence);
        }
    }

    #[test]
    fn three_letter_codes_are_their_letters(sequence in "[ARNDCQEGHILKMFPSTWYV]{4,60}", width in 1_usize..20) {
        let code = |letter: char| {
            let codes = "A Ala R Arg N Asn D Asp C Cys Q Gln E Glu G Gly H His I Ile L Leu K Lys M Met F Phe P Pro \
                         S Ser T Thr W Trp Y Tyr V Val";
            let words: Vec<&str> = codes.split_whitespace().collect();
            words.chunks(2).find(|pair| pair[0].starts_with(letter)).unwrap()[1].to_owned()
        };
        let lines: Vec<String> = sequence
            .as_bytes()
            .chunks(width)
            .map(|line| line.iter().map(|&b| code(char::from(b))).collect::<Vec<_>>().join("-"))
            .collect();
        let cleaned = clean(lines.join("\n").as_bytes(), &CleanOptions::default()).unwrap();
        prop_assert_eq!(cleaned.sequence.as_str(), sequence);
        prop_assert_eq!(cleaned.warnings[0].code, WarningCode::ForeignFormat);
    }

    #[test]
    fn a_header_without_its_mark_is_found(
        name in "[A-Z][a-z]{3,9}",
        first in "[ACDEFGHIKLMNPQRSTVWY]{60}",
        second in "[ACDEFGHIKLMNPQRSTVWY]{60}",
    ) {
        for text in [format!("{name}\n{first}\n{second}"), format!(">a\n{first}\n{name}\n{second}")] {
            let errors = clean_single(text.as_bytes(), &CleanOptions::default()).unwrap_err();
            prop_assert_eq!(errors.first().code.as_str(), "lost_header", "{}", text);
        }
    }
}
