//! Result formats: a snapshot of each, and input that must not break programs that read them.

use pssp_predict::format::{Entry, FORMATS, Format, Writer, classic, write};
use pssp_predict::sequence::{CleanOptions, Cleaned, clean};
use pssp_predict::{PROPERTIES, Prediction, Property, Sequence};

use crate::fixture::{noisy, sequence, smooth};

struct Chain {
    cleaned: Cleaned,
    prediction: Prediction,
}

impl Chain {
    fn new(raw: &str) -> Self {
        let cleaned = clean(raw.as_bytes(), &CleanOptions::default()).unwrap();
        let prediction = smooth(cleaned.sequence.len());
        Self { cleaned, prediction }
    }

    fn entry<'a>(&'a self, id: &'a str) -> Entry<'a> {
        Entry {
            id,
            name: None,
            header: None,
            sequence: &self.cleaned.sequence,
            prediction: &self.prediction,
            edits: &self.cleaned.edits,
            warnings: &self.cleaned.warnings,
        }
    }
}

fn text(format: Format, entry: &Entry<'_>) -> String {
    let mut out = Vec::new();
    write(format, entry, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn batch(format: Format, entries: &[Entry<'_>]) -> String {
    let mut writer = Writer::new(format, Vec::new()).unwrap();
    for entry in entries {
        writer.entry(entry).unwrap();
    }
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

#[test]
fn one_chain_in_every_format() {
    let chain = Chain::new("mqifvbKTLT");
    for &format in FORMATS {
        let entry = Entry { name: Some("a chain"), ..chain.entry("job-1") };
        insta::assert_snapshot!(format!("one_{}", format.extension()), text(format, &entry));
    }
}

#[test]
fn a_batch_in_every_format() {
    let (first, second) = (Chain::new("MKVLT"), Chain::new("AYG"));
    for &format in FORMATS {
        let entries = [first.entry("a"), second.entry("b")];
        insta::assert_snapshot!(format!("batch_{}", format.extension()), batch(format, &entries));
    }
}

#[test]
fn json_contains_everything() {
    let chain = Chain::new("mqifvBKTLT");
    for format in [Format::Json, Format::Ndjson] {
        let text = text(format, &chain.entry("job-1"));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        for property in PROPERTIES {
            let field = &json["properties"][property.key()];
            let track = chain.prediction.track(*property);
            assert_eq!(field["labels"], track.text());
            assert_eq!(field["confidence"].as_str().unwrap().len(), 10);
            assert_eq!(field["alphabet"].as_array().unwrap().len(), property.alphabet().len());
            for class in property.alphabet() {
                let letter = char::from(class.letter).to_string();
                let column = field["probabilities"][letter].as_array().unwrap();
                for (i, value) in column.iter().enumerate() {
                    let expected = f64::from(track.probability(i, class.letter));
                    assert!((value.as_f64().unwrap() - expected).abs() < 1e-6);
                }
            }
        }
        assert_eq!(json["method"]["ss3_reduction"], "H = H G I, E = E B, C = the rest");
        assert_eq!(json["edits"][1]["positions"][0], 6);
        assert_eq!(text.lines().count(), 1, "compact");
    }
}

#[test]
fn an_empty_batch() {
    for (format, expected) in [(Format::Json, "[\n]\n"), (Format::Ndjson, ""), (Format::Classic, "")] {
        assert_eq!(batch(format, &[]), expected);
    }
    assert_eq!(batch(Format::Tsv, &[]).lines().count(), 1);
}

#[test]
fn tables_have_one_header_and_a_row_for_each_residue() {
    let (first, second) = (Chain::new("MKVLT"), Chain::new("AYG"));
    for format in [Format::Tsv, Format::Csv] {
        let text = batch(format, &[first.entry("a"), second.entry("b")]);
        assert_eq!(text.lines().count(), 1 + 5 + 3);
        assert_eq!(text.matches("p_dis").count(), 1);
    }
}

#[track_caller]
fn check_id(format: Format, id: &str, expected: &str) {
    let chain = Chain::new("MKVLT");
    let text = text(format, &chain.entry(id));
    let end = if format == Format::Csv { "\r\n" } else { "\n" };
    let row = text.split_once(end).unwrap().1;
    assert!(row.starts_with(expected), "{id:?} gave {row:?}");
}

#[test]
fn ids_cannot_break_tables() {
    check_id(Format::Csv, "sp|P1", "sp|P1,1,M,");
    check_id(Format::Csv, "a,b", "\"a,b\",1,M,");
    check_id(Format::Csv, "say \"hi\"", "\"say \"\"hi\"\"\",1,M,");
    check_id(Format::Csv, "two\nlines", "two lines,1,M,");
    check_id(Format::Csv, "=1+1", "\"'=1+1\",1,M,");
    check_id(Format::Csv, "@SUM(A1)", "\"'@SUM(A1)\",1,M,");
    check_id(Format::Tsv, "a\tb\nc\rd", "a b c d\t1\tM\t");
    check_id(Format::Tsv, "say \"hi\"", "say 'hi'\t1\tM\t");
    check_id(Format::Tsv, "=1+1", "'=1+1\t1\tM\t");
    check_id(Format::Tsv, " @SUM(A1)", "' @SUM(A1)\t1\tM\t");
    check_id(Format::Tsv, "a\u{2028}b\u{85}c", "a b c\t1\tM\t");
}

#[test]
fn ids_cannot_break_lines() {
    let chain = Chain::new("MKVLT");
    let entry = Entry { name: Some("n\n>x"), ..chain.entry("a b\r\n>evil") };
    assert_eq!(text(Format::Classic, &entry).lines().count(), 8);
    assert_eq!(text(Format::Fasta, &entry).matches("\n>").count(), 6);
    assert!(text(Format::Fasta, &entry).contains("\n>a_b__>evil|SS3 "));
    let comment = batch(Format::Ss2, &[entry, chain.entry("b")]);
    assert_eq!(comment.lines().nth(1), Some("# a b  >evil n >x"));
}

#[test]
fn psipred_columns_hold_for_long_chains() {
    let (sequence, prediction) = (sequence(10_000), noisy(10_000, 1));
    let entry = Entry {
        id: "a",
        name: None,
        header: None,
        sequence: &sequence,
        prediction: &prediction,
        edits: &[],
        warnings: &[],
    };
    let ss2 = text(Format::Ss2, &entry);
    assert_eq!(ss2.lines().nth(2).unwrap().len(), "   1 M C   0.123  0.456  0.421".len());
    assert!(ss2.lines().last().unwrap().starts_with("10000 "));
    let horiz = text(Format::Horiz, &entry);
    assert_eq!(horiz.matches("Pred: ").count(), 10_000 / 60 + 1);
    for block in horiz.split("\n\n").filter(|block| block.contains("Pred: ")) {
        let aa = block.lines().find(|line| line.starts_with("  AA: ")).unwrap();
        let ruler = block.lines().last().unwrap();
        assert!(ruler.len() <= aa.len(), "{ruler:?}");
    }
}

#[test]
fn horiz_ruler_ends_under_its_residue() {
    let chain = Chain::new(&"MKVLTAYGWE".repeat(13));
    let horiz = text(Format::Horiz, &chain.entry("a"));
    let lines: Vec<&str> = horiz.lines().collect();
    assert_eq!(lines[5], "              10        20        30        40        50        60");
    let last = lines.iter().rev().find(|line| !line.is_empty()).unwrap();
    assert_eq!(*last, "             130");
}

/// The output of `psipass2` of PSIPRED 4.0, made by the same loops.
fn psipass2(
    sequence: &str,
    labels: &str,
    confidence: &str,
    columns: &[[f32; 3]],
    version: &str,
) -> [String; 2] {
    use std::fmt::Write;
    let (mut ss2, mut horiz) =
        (format!("# PSIPRED VFORMAT ({version})\n\n"), format!("# PSIPRED HFORMAT ({version})\n"));
    for (i, [c, h, e]) in columns.iter().enumerate() {
        let (aa, label) = (&sequence[i..=i], &labels[i..=i]);
        writeln!(ss2, "{:4} {aa} {label}  {c:6.3} {h:6.3} {e:6.3}", i + 1).unwrap();
    }
    let n = sequence.len();
    for block in 0..=n / 60 {
        let part = |text: &str| text[block * 60..n.min(block * 60 + 60)].to_owned();
        write!(
            horiz,
            "\nConf: {}\nPred: {}\n  AA: {}\n      ",
            part(confidence),
            part(labels),
            part(sequence)
        )
        .unwrap();
        let mut i = 0;
        while i < 56 && block * 60 + i + 5 <= n {
            let position = block * 60 + i + 5;
            if position % 10 == 0 {
                write!(horiz, "{position:5}").unwrap();
                i += 4;
            } else {
                horiz.push(' ');
            }
            i += 1;
        }
        horiz += "\n\n";
    }
    [ss2, horiz]
}

#[test]
fn one_chain_has_the_layout_of_psipred_to_the_byte() {
    for n in [1, 4, 5, 9, 10, 11, 14, 15, 20, 59, 60, 61, 66, 119, 120, 121, 600, 1234] {
        let chain = Chain::new(&"MKVLTAYGWESTP".repeat(100)[..n]);
        let ss3 = chain.prediction.track(Property::Ss3);
        let columns: Vec<[f32; 3]> =
            (0..n).map(|i| [b'C', b'H', b'E'].map(|l| ss3.probability(i, l))).collect();
        let confidence: String = (0..n).map(|i| char::from(b'0' + ss3.confidence(i))).collect();
        let expected =
            psipass2(chain.cleaned.sequence.as_str(), ss3.text(), &confidence, &columns, "fixture 1.2.3");
        for (format, expected) in [Format::Ss2, Format::Horiz].into_iter().zip(expected) {
            let entry = Entry { name: Some("a name"), ..chain.entry("a") };
            assert_eq!(text(format, &entry), expected, "{format} of {n}");
            assert_eq!(batch(format, &[entry]), expected, "a batch of one, {format} of {n}");
        }
    }
}

#[test]
fn psipred_formats_have_two_header_lines_for_each_chain() {
    let (first, second) = (Chain::new("MKVLT"), Chain::new("AYG"));
    let text = batch(Format::Ss2, &[first.entry("a"), second.entry("b")]);
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), 2 + 5 + 2 + 3);
    assert_eq!((rows[1], rows[8]), ("# a", "# b"));
    assert!(rows[0].starts_with("# PSIPRED VFORMAT") && rows[7].starts_with("# PSIPRED VFORMAT"));
    let text = batch(Format::Horiz, &[first.entry("a"), second.entry("b")]);
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!((rows[1], rows[2]), ("# a", "Conf: 54566"));
}

#[test]
fn header_lines_contain_warnings_about_changed_residues() {
    let chain = Chain::new("MKVU-LT");
    let header =
        ">a [warning: U (selenocysteine) replaced by X at position 4; 1 gap between residues removed]";
    for format in [Format::Classic, Format::Fasta] {
        assert_eq!(text(format, &chain.entry("a")).lines().next(), Some(header), "{format}");
    }
    let entry = Entry { header: Some("JOBID = 1"), ..chain.entry("a") };
    assert_eq!(text(Format::Classic, &entry).lines().next(), Some(">JOBID = 1"), "the header of the entry");
    for format in [Format::Json, Format::Ndjson] {
        assert!(text(format, &chain.entry("a")).contains("letters_replaced"));
    }
    assert_eq!(text(Format::Classic, &Chain::new("MKV").entry("a")).lines().next(), Some(">a"));
}

#[test]
fn a_prediction_of_another_length_is_refused() {
    let (short, long) = (Chain::new("MKVLT"), Chain::new("MKVLTAYG"));
    let entry = Entry { prediction: &long.prediction, ..short.entry("a") };
    let error = write(Format::Json, &entry, &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "5 residues with a prediction of 8 for a");
}

#[test]
fn formats_are_listed_once() {
    for &format in FORMATS {
        assert_eq!(Format::from_extension(format.extension()), Some(format));
        assert!(format.media_type().contains('/') && !format.name().is_empty());
    }
    assert_eq!(Format::from_extension("pdf"), None);
}

#[test]
fn classic_is_read_again() {
    let chain = Chain::new("MQIFVKTLTGK");
    let entry = Entry { header: Some("JOBID = 123"), ..chain.entry("job-1") };
    let written = text(Format::Classic, &entry);
    for written in [written.clone(), written.replace('\n', "\r\n"), written.trim_end().to_owned()] {
        let read = classic::parse(&written).unwrap();
        assert_eq!(read.header, "JOBID = 123");
        assert_eq!(read.sequence, chain.cleaned.sequence);
        for &property in PROPERTIES {
            assert_eq!(read.labels(property), chain.prediction.track(property).text());
        }
    }
}

#[test]
fn errors_of_the_classic_parser_name_the_place() {
    let good = ">h\nMKV\nHEC\nHGI\nBME\n*..\nH__\nHEX\n";
    assert!(classic::parse(good).is_ok());
    let message = |from: &str, to: &str| {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        classic::parse(&bad).unwrap_err().to_string()
    };
    assert_eq!(message("HEX\n", ""), "7 lines instead of 8");
    assert_eq!(message(">h", "h"), "line 1 does not begin with >");
    assert_eq!(message("MKV", "mkv"), "line 2: 'm' at position 1 is not a residue letter");
    assert_eq!(message("HEC", "HE"), "line 3: 2 labels of SS3 for 3 residues");
    assert_eq!(message("BME", "BXE"), "line 5, column 2: 'X' is not a letter of ACC");
    assert_eq!(message("*..", "*é."), "line 6, column 2: 'é' is not a letter of DIS");
}

#[test]
fn labels_are_those_of_the_prediction() {
    let sequence: Sequence = "MKV".parse().unwrap();
    let chain = Chain::new(sequence.as_str());
    let text = text(Format::Tsv, &chain.entry("a"));
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|l| l.split('\t').collect()).collect();
    for (column, property) in [
        (3, Property::Ss3),
        (7, Property::Ss8),
        (8, Property::Acc),
        (9, Property::Dis),
        (11, Property::Tm2),
        (12, Property::Tm8),
    ] {
        let labels: String = rows.iter().map(|row| row[column]).collect();
        assert_eq!(labels, chain.prediction.track(property).text());
    }
}
