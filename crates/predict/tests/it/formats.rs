//! Result formats: a snapshot of each, and input that must not break programs that read them.

use pssp_predict::format::{Entry, FORMATS, Format, Writer, classic, write};
use pssp_predict::sequence::{CleanOptions, Cleaned, clean};
use pssp_predict::structure::{Structure, Structures};
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
            structure: Structure::default(),
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

/// The text without the part of the PyMOL script that never changes.
fn without_program(text: &str) -> String {
    text.replace(include_str!("../../src/format/pymol.py"), "[pymol.py]\n")
}

#[test]
fn one_chain_in_every_format() {
    let chain = Chain::new("mqifvbKTLT");
    for &format in FORMATS {
        let entry = Entry { name: Some("a chain"), ..chain.entry("job-1") };
        insta::assert_snapshot!(
            format!("one_{}", format.extension()),
            without_program(&text(format, &entry))
        );
    }
}

#[test]
fn a_batch_in_every_format() {
    let (first, second) = (Chain::new("MKVLT"), Chain::new("AYG"));
    for &format in FORMATS {
        let entries = [first.entry("a"), second.entry("b")];
        let text = without_program(&batch(format, &entries));
        insta::assert_snapshot!(format!("batch_{}", format.extension()), text);
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
        structure: Structure::default(),
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

/// The rows of a table without its comments, in columns.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect()).collect()
}

#[test]
fn segments_have_the_positions_of_their_labels() {
    let chain = Chain::new(&"MKVLTAYGWESTP".repeat(9));
    let (gff3, bed) = (text(Format::Gff3, &chain.entry("a")), text(Format::Bed, &chain.entry("a")));
    let (features, segments) = (rows(&gff3), rows(&bed));
    assert_eq!(features.len(), segments.len() + 1, "one is the whole chain");
    assert_eq!(features[0][2..5], ["polypeptide", "1", "117"]);
    let mut labelled = 0;
    for (feature, segment) in features[1..].iter().zip(&segments) {
        let number = |text: &str| text.parse::<usize>().unwrap();
        // GFF3 counts from 1 and includes the end, BED counts from 0 and excludes it.
        assert_eq!((number(feature[3]) - 1, number(feature[4])), (number(segment[1]), number(segment[2])));
        let property = PROPERTIES.iter().copied().find(|p| p.key() == segment[9]).unwrap();
        let (track, letter) = (chain.prediction.track(property), segment[10].as_bytes()[0]);
        let residues = number(segment[1])..number(segment[2]);
        assert!(track.labels[residues.clone()].iter().all(|&label| label == letter), "{segment:?}");
        let around = [residues.start.checked_sub(1), Some(residues.end)];
        let around = around.into_iter().flatten().filter_map(|i| track.labels.get(i));
        assert!(around.into_iter().all(|&label| label != letter), "{segment:?}");
        let mean = residues.clone().map(|i| f64::from(track.probability(i, letter))).sum::<f64>()
            / residues.len() as f64;
        assert!((feature[5].parse::<f64>().unwrap() - mean).abs() < 0.001, "{feature:?}");
        assert!((segment[4].parse::<f64>().unwrap() / 1000.0 - mean).abs() < 0.001, "{segment:?}");
        assert_eq!((feature[2], segment[3]), (segment[11], feature[8].split(['=', ';']).nth(1).unwrap()));
        labelled += residues.len();
    }
    let expected = chain.prediction.tracks().iter().map(|track| {
        let background: &[u8] = match track.property {
            Property::Ss3 => b"C",
            Property::Ss8 => b"L",
            Property::Acc => b"M",
            Property::Dis => b".",
            Property::Tm2 => b"_",
            Property::Tm8 => b"_X",
        };
        track.labels.iter().filter(|label| !background.contains(label)).count()
    });
    assert_eq!(labelled, expected.sum::<usize>(), "no segment is missing");
}

#[test]
fn ids_cannot_break_the_formats_of_viewers() {
    let chain = Chain::new("MKVLT");
    let odd = "a,b;c=d&e%f>g#h é\"'\\\t\n\u{1f9ec}";
    let entry = Entry { name: Some("x;y=z,1 & 2%\n"), ..chain.entry(odd) };
    let gff3 = text(Format::Gff3, &entry);
    let id = "a%2Cb%3Bc%3Dd%26e%25f%3Eg%23h%20%C3%A9%22%27%5C%20%20%F0%9F%A7%AC";
    assert!(gff3.lines().skip(2).all(|line| line.starts_with(&format!("{id}\t"))), "{gff3}");
    assert!(
        gff3.contains("\tName=a%2Cb%3Bc%3Dd%26e%25f>g#h é\"'\\  \u{1f9ec};Note=x%3By%3Dz%2C1 %26 2%25 ;"),
        "{gff3}"
    );
    assert!(
        rows(&text(Format::Bed, &entry))
            .iter()
            .all(|row| row.len() == 12 && row[0] == odd.replace(char::is_whitespace, "_"))
    );
    for id in ["track", "browser 1", "#a"] {
        let text = text(Format::Bed, &chain.entry(id));
        assert!(
            text.lines().skip(1).all(|line| line.starts_with(&format!("_{}\t", id.replace(' ', "_")))),
            "{text}"
        );
    }
    assert!(text(Format::Jalview, &entry).contains("\nSEQUENCE_REF\ta,b;c=d&e%f>g#h\t1\n"));
    let script = text(Format::Pml, &entry);
    assert!(
        script.is_ascii()
            && script.contains(r#""name": "a,b;c=d&e%f>g#h \u00e9\"'\\  \U0001f9ec x;y=z,1 & 2% ","#),
        "{script}"
    );
}

#[test]
fn chains_with_the_same_id_are_not_one_chain_in_gff3_and_bed() {
    let (first, second, third) = (Chain::new("MKVLT"), Chain::new("AYG"), Chain::new("MKV"));
    let entries = [first.entry("a"), second.entry("a"), third.entry("a_2"), first.entry("a")];
    let gff3 = batch(Format::Gff3, &entries);
    let regions: Vec<&str> = gff3.lines().filter(|line| line.starts_with("##sequence-region")).collect();
    assert_eq!(
        regions,
        ["a 1 5", "a_2 1 3", "a_2_2 1 3", "a_3 1 5"].map(|region| format!("##sequence-region {region}"))
    );
    assert_eq!(
        batch(Format::Jalview, &entries).matches("SEQUENCE_REF\ta\t1").count(),
        3,
        "Jalview has the names of the alignment"
    );
}

#[test]
fn residues_of_structures_have_the_numbers_that_are_told() {
    let chain = Chain::new("MKVLT");
    let structures = Structures::parse(Some("B,C"), Some("-1,100")).unwrap();
    let at = |index| Entry { structure: structures.of(index), ..chain.entry("a") };
    let numbered = |text: &str| -> Vec<String> {
        let assignments = text.lines().filter(|line| line.starts_with('\t'));
        assignments.map(|line| line.split('\t').nth(1).unwrap().to_owned()).collect()
    };
    assert_eq!(numbered(&text(Format::Defattr, &chain.entry("a")))[..5], [":1", ":2", ":3", ":4", ":5"]);
    assert_eq!(numbered(&text(Format::Defattr, &at(0)))[..5], ["/B:-1", "/B:0", "/B:1", "/B:2", "/B:3"]);
    let alone = batch(Format::Defattr, &[chain.entry("a")]);
    assert_eq!(alone, text(Format::Defattr, &chain.entry("a")), "a batch of one");
    let several = batch(Format::Defattr, &[chain.entry("a"), at(1), chain.entry("c")]);
    let chains: Vec<String> = numbered(&several).into_iter().filter(|spec| !spec.ends_with("2")).collect();
    assert_eq!(
        (&*chains[0], &*chains[32], &*several.matches("# Open it").count().to_string()),
        ("/A:1", "/C:100", "1")
    );
    assert!(several.contains("\n\t/C:1\t") && several.contains("\n\t/C:104\t"));
    let script = text(Format::Pml, &at(0));
    assert!(script.contains("    \"chain\": \"B\",\n    \"first\": -1,\n"), "{script}");
}

#[test]
fn chains_are_named_by_the_records_of_a_batch_those_without_result_too() {
    let chain = Chain::new("MKVLT");
    let mut writer = Writer::new(Format::Defattr, Vec::new()).unwrap();
    writer.skip().unwrap();
    writer.entry(&chain.entry("b")).unwrap();
    let second = String::from_utf8(writer.finish().unwrap()).unwrap();
    assert!(second.contains("\n\t/B:1\t") && !second.contains("/A"), "{second}");
    let mut writer = Writer::new(Format::Defattr, Vec::new()).unwrap();
    writer.entry(&chain.entry("a")).unwrap();
    writer.skip().unwrap();
    let first = String::from_utf8(writer.finish().unwrap()).unwrap();
    assert!(first.contains("\n\t/A:1\t"), "{first}");
}
