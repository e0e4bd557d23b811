//! Reading FASTA: malformed input, places of errors, and bounded memory.

use std::io::{self, BufReader, Read};

use proptest::prelude::*;
use pssp_predict::fasta::{Header, Ids, MAX_HEADER_BYTES, Reader, Record};
use pssp_predict::sequence::{CleanOptions, ErrorCode, WarningCode};

fn records(text: &[u8]) -> Vec<Record> {
    Reader::new(text).collect::<io::Result<_>>().unwrap()
}

/// Records as `id@line:sequence`, or `id@line!code` for a record that cannot be used.
fn outline(text: &[u8]) -> Vec<String> {
    let tell = |record: &Record| {
        let name = format!("{}@{}", record.id().unwrap_or("-"), record.line);
        match record.clean(&CleanOptions::default()) {
            Ok(cleaned) => format!("{name}:{}", cleaned.sequence),
            Err(errors) => format!("{name}!{}", errors.first().code.as_str()),
        }
    };
    records(text).iter().map(tell).collect()
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(outline(text.as_bytes()), expected, "{text:?}");
    // The result is the same if the bytes arrive one by one.
    let slow = Reader::new(BufReader::with_capacity(1, text.as_bytes()));
    assert_eq!(slow.collect::<io::Result<Vec<_>>>().unwrap(), records(text.as_bytes()), "{text:?}");
}

#[test]
fn well_formed() {
    check(">a\nMKV\nLT\n>b second\nAYG\n", &["a@1:MKVLT", "b@4:AYG"]);
    check(">a\nMKVLT", &["a@1:MKVLT"]);
    check(">a\r\nMKV\r\nLT\r\n>b\r\nAYG", &["a@1:MKVLT", "b@4:AYG"]);
    check(">a\rMKV\rLT\r>b\rAYG\r", &["a@1:MKVLT", "b@4:AYG"]);
    check("\u{feff}>a\nMKVLT\n", &["a@1:MKVLT"]);
    check("\n\n  \n>a\nMKVLT\n\n>b\n\nAYG\n", &["a@4:MKVLT", "b@7:AYG"]);
    check("  >a\n  MKVLT\n\t>b\n  AYG\n", &["a@1:MKVLT", "b@3:AYG"]);
    check("> a with a blank first\nMKVLT\n", &["a@1:MKVLT"]);
}

#[test]
fn concatenated_files() {
    check(">a\nMKV\n\u{feff}>b\nAYG\n", &["a@1:MKV", "b@3:AYG"]);
}

#[test]
fn malformed() {
    check("", &[]);
    check(" \n\r\n\u{feff}", &[]);
    check("MKV\nLT\n", &["-@1:MKVLT"]);
    check("\n\nMKV\nLT", &["-@1:MKVLT"]);
    check("MKV\n>a\nAYG\n", &["-@1!text_before_header", "a@2:AYG"]);
    check(">", &["-@1!empty_sequence"]);
    check(">\nMKV\n", &["-@1:MKV"]);
    check(">a\n>b\nAYG\n>c", &["a@1!empty_sequence", "b@2:AYG", "c@4!empty_sequence"]);
    check(">a\nM?V\n>b\nAYG\n", &["a@1!invalid_character", "b@3:AYG"]);
    check(">a\nMKV>b\nAYG\n", &["a@1!invalid_character"]);
    check(">a\0b\nMKV\n>b\nAY\0G\n>c\nMKV", &["-@1!nul", "b@3!nul", "c@5:MKV"]);
    check("; old style\n>a\n; comment ?!\nMKV\n;\nLT\n", &["a@2:MKVLT"]);
    check(">a\nMKV\n>a\nMKV\n", &["a@1:MKV", "a@3:MKV"]);
}

#[test]
fn bytes_that_are_not_utf8_affect_only_their_record() {
    let text = b">a\nMK\xffV\n>b\xe9\nAYG\n>c\nMKV\n\xef\xbb>d\nAYG\n";
    assert_eq!(outline(text), ["a@1!not_utf8", "-@3!not_utf8", "c@5!not_utf8"]);
    let problem = records(text)[1].problem.clone().unwrap();
    assert_eq!((problem.record, problem.line, problem.column), (Some(2), Some(3), Some(3)));
}

#[test]
fn places_are_those_of_the_whole_input() {
    let message = |text: &str| {
        let record = records(text.as_bytes()).pop().unwrap();
        record.clean(&CleanOptions::default()).unwrap_err().to_string()
    };
    assert!(message(">a\nMKV\n\n>b\nMKV\nAé?\n").starts_with("record 2, line 6, column 2: 'é'"));
    assert!(message("; note\r\n>a\r\n; note\r\nM?V\r\n").starts_with("record 1, line 4, column 2:"));
    assert!(message(">a\n   M?V\n").starts_with("record 1, line 2, column 5:"));
    assert!(message("MKV\nM?V").starts_with("record 1, line 2, column 2:"));
    assert!(message("\n>a\n \n").starts_with("record 1, line 3: the record has no residues"));
    let first = |text: &str| records(text.as_bytes())[0].clean(&CleanOptions::default());
    let before = first("\n\nHello\n>a\nMKV\n").unwrap_err().to_string();
    assert!(before.starts_with("record 1, line 3, column 1: text before"), "{before}");
}

#[test]
fn headers() {
    let parse = |text: &str| {
        let Header { id, description } = Header::parse(text);
        (id.unwrap_or_default(), description.unwrap_or_default())
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(parse("sp|P1|X_Y  a protein "), pair("sp|P1|X_Y", "a protein"));
    assert_eq!(parse("a\tb c"), pair("a", "b c"));
    assert_eq!(parse("  "), pair("", ""));
    assert_eq!(parse("a\u{1b}[31mb"), pair("a", "[31mb"));
}

#[test]
fn long_headers_are_cut_with_a_warning() {
    // The limit is inside an é, which has two bytes.
    let text = format!(">{}\nMKVLT\n", "é".repeat(MAX_HEADER_BYTES / 2 + 50));
    let odd = format!(">x{}\nMKVLT\n", "é".repeat(MAX_HEADER_BYTES));
    for text in [text, odd] {
        let record = records(text.as_bytes()).remove(0);
        assert!(record.id().unwrap().len() <= MAX_HEADER_BYTES);
        assert_eq!(record.warnings[0].code, WarningCode::HeaderCut);
        assert_eq!(record.clean(&CleanOptions::default()).unwrap().sequence.as_str(), "MKVLT");
    }
}

#[test]
fn warnings_for_ids_and_comments() {
    let text = ">a\nMKVLT\n>\nMKVLT\n>a x\nMKVLT\n>b\n;hm\nMKVLT\n";
    let codes: Vec<Vec<WarningCode>> = records(text.as_bytes())
        .iter()
        .map(|record| {
            record.clean(&CleanOptions::default()).unwrap().warnings.iter().map(|w| w.code).collect()
        })
        .collect();
    assert_eq!(codes, [vec![], vec![WarningCode::MissingId], vec![], vec![WarningCode::CommentIgnored]]);
    let mut ids = Ids::default();
    let notes: Vec<_> =
        records(text.as_bytes()).iter().filter_map(|r| ids.note(r.id()?, r.number())).collect();
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].code, WarningCode::DuplicateId);
    assert_eq!(notes[0].message, "the name a is also that of record 1");
}

/// A record `>big` with `size` letters on one line, then a valid record. The text is generated while it is
/// read.
fn with_a_huge_record(size: u64) -> impl io::BufRead {
    let huge = io::repeat(b'A').take(size);
    BufReader::new(b">big\n".chain(huge).chain(&b"\n>b\nMKVLT\n"[..]))
}

#[test]
fn a_record_too_large_is_skipped_in_bounded_memory() {
    let mut reader = Reader::with_limit(with_a_huge_record(200 << 20), 1000);
    let big = reader.next().unwrap().unwrap();
    assert_eq!(big.raw.len(), 1000);
    let problem = big.problem.unwrap();
    assert_eq!((problem.code, problem.record, problem.line), (ErrorCode::TooLong, Some(1), Some(1)));
    assert_eq!(reader.next().unwrap().unwrap().id(), Some("b"));
    assert!(reader.next().is_none());
}

#[test]
fn a_record_as_large_as_the_limit_is_read() {
    let read = |limit| Reader::with_limit(&b">a\nMKVLT\n\n\n>b\nM\n"[..], limit).next().unwrap().unwrap();
    assert!(read(5).problem.is_none());
    assert!(read(4).problem.is_some());
}

#[test]
fn an_io_error_ends_the_reading() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("cable cut"))
        }
    }
    let input = BufReader::new(b">a\nMKVLT\n>b\nMK".chain(Broken));
    let items: Vec<_> = Reader::new(input).collect();
    assert_eq!(items.len(), 2);
    assert!(items[0].is_ok());
    assert_eq!(items[1].as_ref().unwrap_err().to_string(), "cable cut");
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_the_end(
        bytes in prop::collection::vec(
            prop_oneof![Just(b'>'), Just(b'\n'), Just(b'\r'), Just(b'A'), Just(0xef), any::<u8>()],
            0..300,
        ),
        capacity in 1_usize..20,
    ) {
        let whole = records(&bytes);
        let pieces = Reader::new(BufReader::with_capacity(capacity, &bytes[..]));
        prop_assert_eq!(&pieces.collect::<io::Result<Vec<_>>>().unwrap(), &whole);
        for (i, record) in whole.iter().enumerate() {
            prop_assert_eq!(record.index, i);
            let _ = record.clean(&CleanOptions::default());
        }
        prop_assert!(whole.len() <= 1 + bytes.iter().filter(|&&b| b == b'>').count());
    }

    #[test]
    fn written_records_are_read_again(
        chains in prop::collection::vec(("[A-Za-z0-9_|]{1,12}", "[ACDEFGHIKLMNPQRSTVWY]{1,100}"), 1..8),
        width in 1_usize..80,
        end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
    ) {
        let mut text = String::new();
        for (id, sequence) in &chains {
            text += &format!(">{id} about it{end}");
            for line in sequence.as_bytes().chunks(width) {
                text += &format!("{}{end}", String::from_utf8_lossy(line));
            }
        }
        let clean = CleanOptions { force: true, ..CleanOptions::default() };
        let read: Vec<(String, String)> = records(text.as_bytes())
            .iter()
            .map(|record| (record.id().unwrap().to_owned(), record.clean(&clean).unwrap().sequence.to_string()))
            .collect();
        prop_assert_eq!(read, chains);
    }
}
