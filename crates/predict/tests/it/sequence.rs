//! Cleaning: a test line for every rule about the input, and properties that hold for any input.

use proptest::prelude::*;
use pssp_predict::Sequence;
use pssp_predict::sequence::{
    CleanOptions, EditKind, ErrorCode, MAX_ERRORS, RESIDUES, WarningCode, clean, clean_single,
};

fn options() -> CleanOptions {
    CleanOptions::default()
}

#[track_caller]
fn check(input: &str, expected: &str) {
    let cleaned = clean(input.as_bytes(), &options()).unwrap_or_else(|e| panic!("{input:?}: {e}"));
    assert_eq!(cleaned.sequence.as_str(), expected, "{input:?}");
}

/// Compares the kind and the count of every edit.
#[track_caller]
fn check_edits(input: &str, expected: &[(EditKind, usize)]) {
    let cleaned = clean(input.as_bytes(), &options()).unwrap();
    let edits: Vec<_> = cleaned.edits.iter().map(|e| (e.kind, e.count)).collect();
    assert_eq!(edits, expected, "{input:?}");
}

/// Compares the code, line and column of every error.
#[track_caller]
fn check_errors(input: &[u8], expected: &[(ErrorCode, usize, usize)]) {
    let errors = clean(input, &options()).expect_err(&String::from_utf8_lossy(input));
    let found: Vec<_> =
        errors.as_slice().iter().map(|e| (e.code, e.line.unwrap_or(0), e.column.unwrap_or(0))).collect();
    assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(input));
    for error in errors.as_slice() {
        assert!(!error.hint.is_empty() && !error.to_string().ends_with('.'), "{error}");
    }
}

#[test]
fn removed_characters() {
    check("MKVLT", "MKVLT");
    check("mkvlT", "MKVLT");
    check("M K\tV\nL\r\nT\rA", "MKVLTA");
    check("MK\x0bV\x0cLT", "MKVLT");
    check("\u{feff}MKVLT", "MKVLT");
    check("MK\u{a0}VLT\u{3000}A\u{2028}", "MKVLTA");
    check("MK\u{200b}V\u{200d}L\u{2060}T\u{ad}A\u{200e}", "MKVLTA");
    check("-MK--V.LT..", "MKVLT");
    check("MKVLT*", "MKVLT");
    check("MKVLT* \n-\n", "MKVLT");
    check("BZJUOX", "XXXXXX");
    check("MbKVL", "MXKVL");
}

#[test]
fn numbering_is_removed_only_as_whole_tokens() {
    check("1 MKVLTAYG 10\n11 MKVLT", "MKVLTAYGMKVLT");
    check("\t  1\tMKVLT\r\n\t 61\tAYG", "MKVLTAYG");
    check("12\u{a0}MKVLT", "MKVLT");
    check("\u{feff}1 MKVLT", "MKVLT");
    check("1\u{200b} MKVLT", "MKVLT");
    check("MKVLT* 5", "MKVLT");
    check_errors(b"AC12DE", &[(ErrorCode::InvalidCharacter, 1, 3)]);
    check_errors(b"AC 12DE", &[(ErrorCode::InvalidCharacter, 1, 4)]);
    check_errors(b"AC12 DE", &[(ErrorCode::InvalidCharacter, 1, 3)]);
    check_errors(b"AC -12 DE", &[(ErrorCode::InvalidCharacter, 1, 5)]);
    check_errors(b"1. ACDE", &[(ErrorCode::InvalidCharacter, 1, 1)]);
    check_errors("AC\u{663} DE".as_bytes(), &[(ErrorCode::InvalidCharacter, 1, 3)]);
}

#[test]
fn errors_have_a_code_and_a_place() {
    use ErrorCode::{EmptySequence, InternalStop, InvalidCharacter, NotUtf8, Nul};
    check_errors(b"MKV?LT", &[(InvalidCharacter, 1, 4)]);
    check_errors(
        b"MKV\nL!T\r\nA@G\rW#Y",
        &[(InvalidCharacter, 2, 2), (InvalidCharacter, 3, 2), (InvalidCharacter, 4, 2)],
    );
    check_errors("MKéLT".as_bytes(), &[(InvalidCharacter, 1, 3)]);
    check_errors("\u{feff}MK?LT".as_bytes(), &[(InvalidCharacter, 1, 3)]);
    check_errors(
        "éàü?".as_bytes(),
        &[
            (InvalidCharacter, 1, 1),
            (InvalidCharacter, 1, 2),
            (InvalidCharacter, 1, 3),
            (InvalidCharacter, 1, 4),
        ],
    );
    check_errors(b"MK@@@@VL", &[(InvalidCharacter, 1, 3)]);
    check_errors(b"MK*VLT", &[(InternalStop, 1, 3)]);
    check_errors(b"MKVLT**", &[(InternalStop, 1, 6)]);
    check_errors(b"MK*V*LT*", &[(InternalStop, 1, 3), (InternalStop, 1, 5)]);
    check_errors(b"MKV\0LT\0", &[(Nul, 1, 4)]);
    check_errors(b"MKV\nK\xff\xfe", &[(NotUtf8, 2, 2)]);
    check_errors(
        "MK".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>().as_slice(),
        &[(Nul, 1, 2)],
    );
    check_errors(b"", &[(EmptySequence, 1, 0)]);
    check_errors(b" -- .. \n 1 20 *", &[(EmptySequence, 1, 0)]);
}

#[test]
fn messages_name_place_and_remedy() {
    let message = |input: &[u8]| clean(input, &options()).unwrap_err().to_string();
    assert_eq!(
        message("MK\nVЕ".as_bytes()),
        "line 2, column 2: 'Е' (U+0415) cannot stand in a protein sequence; it is not one of the \
         Latin letters A to Z: type it anew"
    );
    assert_eq!(
        message(b"M?K!V"),
        "line 1, column 2: '?' cannot stand in a protein sequence; remove it (and 1 more error)"
    );
    assert_eq!(
        message(b"MK\x1bV"),
        "line 1, column 3: U+001B cannot stand in a protein sequence; send plain text"
    );
    assert_eq!(
        message(b"\x1f\x8b\x08"),
        "line 1, column 2: the text is not UTF-8; this is gzip: unpack it, or say \
         Content-Encoding: gzip"
    );
}

#[test]
fn errors_are_listed_up_to_a_bound() {
    let errors = clean("M?".repeat(1000).as_bytes(), &options()).unwrap_err();
    assert_eq!(errors.as_slice().len(), MAX_ERRORS);
    assert!(errors.to_string().ends_with("(and 9 more errors)"));
}

#[test]
fn length_limit() {
    let limit = |max_residues| CleanOptions { max_residues, ..options() };
    assert!(clean(b"MK-VL T*", &limit(5)).is_ok());
    let errors = clean(b"MK-VL\nTA?", &limit(5)).unwrap_err();
    assert_eq!(errors.as_slice().len(), 1, "residues beyond the limit are not checked");
    assert_eq!(
        errors.to_string(),
        "line 2, column 2: the sequence has more than 5 residues; send its chains or domains one \
         by one"
    );
    assert!(clean("MKVLT".repeat(2000).as_bytes(), &options()).is_ok());
    let over = "MKVLT".repeat(2000) + "M";
    assert_eq!(clean(over.as_bytes(), &options()).unwrap_err().first().code, ErrorCode::TooLong);
}

#[test]
fn nucleotides() {
    let force = CleanOptions { force: true, ..options() };
    let code = |text: &str| clean(text.as_bytes(), &options()).map_err(|e| e.first().code).err();
    let dna = "ACGT".repeat(8);
    assert_eq!(code(&dna), Some(ErrorCode::Nucleotide));
    assert_eq!(code(&dna.to_lowercase()), Some(ErrorCode::Nucleotide));
    assert_eq!(code(&"ACGU".repeat(8)), Some(ErrorCode::Nucleotide));
    assert_eq!(code(&"N".repeat(30)), Some(ErrorCode::Nucleotide));
    assert_eq!(code(&dna[..29]), None, "29 letters could be a peptide");
    assert_eq!(code(&dna[..30]), Some(ErrorCode::Nucleotide));
    // 38 of 40 is exactly 95 %, which is allowed; 39 of 40 is more.
    assert_eq!(code(&("AC".repeat(19) + "WY")), None);
    assert_eq!(code(&("AC".repeat(19) + "AY")), Some(ErrorCode::Nucleotide));
    assert_eq!(clean(dna.as_bytes(), &force).unwrap().sequence.as_str(), dna);
}

#[test]
fn edits_are_grouped() {
    use EditKind::{
        GapRemoved, InvisibleRemoved, NumberRemoved, Replaced, StopRemoved, UpperCased, WhiteSpaceRemoved,
    };
    check_edits("MKVLT\n", &[]);
    check_edits("mkVLT", &[(UpperCased, 2)]);
    check_edits(
        "\u{feff}1 mk-vl t\u{a0}60\nB.UB*\n",
        &[
            (UpperCased, 5),
            (WhiteSpaceRemoved, 2),
            (InvisibleRemoved, 2),
            (GapRemoved, 2),
            (NumberRemoved, 2),
            (StopRemoved, 1),
            (Replaced, 2),
            (Replaced, 1),
        ],
    );
    let edits = clean(b"MbKB-UX", &options()).unwrap().edits;
    let replaced: Vec<_> = edits.iter().filter_map(|e| Some((e.from?, e.positions.as_slice()))).collect();
    assert_eq!(replaced, [('B', &[2, 4][..]), ('U', &[5]), ('X', &[6])]);
    assert_eq!(edits[0].to_string(), "1 letter made upper case");
}

#[test]
fn edits_and_errors_are_json() {
    let cleaned = clean(b"MkBV", &options()).unwrap();
    insta::assert_json_snapshot!(cleaned);
    let text = serde_json::to_string(&cleaned).unwrap();
    assert_eq!(serde_json::from_str::<pssp_predict::Cleaned>(&text).unwrap(), cleaned);
    insta::assert_json_snapshot!(clean(b"MK\nV?*L", &options()).unwrap_err());
}

#[test]
fn short_sequences_come_with_a_warning() {
    let codes = |text: &[u8]| {
        let warnings = clean(text, &options()).unwrap().warnings;
        warnings.iter().map(|w| w.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(b"MKVL"), [WarningCode::ShortSequence]);
    assert_eq!(codes(b"M"), [WarningCode::ShortSequence]);
    assert_eq!(codes(b"MKVLT"), []);
}

#[test]
fn a_single_sequence_may_be_a_fasta_record() {
    let take = |text: &str| clean_single(text.as_bytes(), &options());
    let (header, cleaned) = take("MKV\nLT").unwrap();
    assert_eq!((header, cleaned.sequence.as_str()), (None, "MKVLT"));
    for text in [
        ">sp|P1 a protein\nMKV\nLT\n",
        "\u{feff}>sp|P1 a protein\r\nMKVLT",
        "\n \u{200b}>sp|P1 a protein\rMKVLT",
    ] {
        let (header, cleaned) = take(text).unwrap();
        let header = header.unwrap();
        assert_eq!(header.id.as_deref(), Some("sp|P1"));
        assert_eq!(header.description.as_deref(), Some("a protein"));
        assert_eq!(cleaned.sequence.as_str(), "MKVLT");
    }
}

#[test]
fn refused_single_sequences() {
    let message = |text: &str| clean_single(text.as_bytes(), &options()).unwrap_err().to_string();
    let nothing = "there is no sequence in the input; send at least one residue";
    assert_eq!(message(""), nothing);
    assert_eq!(message(" \r\n\u{feff}\u{a0}"), nothing);
    assert_eq!(
        message("\n>a\nMKV\n>b\nMKV\n"),
        "line 4: a second FASTA record where one sequence is expected; send several records to \
         /v1/batches"
    );
    assert_eq!(
        message(">all on one line MKVLT"),
        "line 2: the record has no residues; put them on the lines after the header"
    );
    assert_eq!(
        message("\n\n>a\nMK?V\n"),
        "line 4, column 3: '?' cannot stand in a protein sequence; remove it"
    );
    assert!(message("MKV\n>b\nMKV").starts_with("line 1, column 1: text before the first FASTA header"));
}

#[test]
fn strict_parsing_takes_only_clean_text() {
    assert!("MKVLTX".parse::<Sequence>().is_ok());
    for text in ["", "mkv", "MKV ", "MK-V", "MKB", "MKV*", "é"] {
        assert!(text.parse::<Sequence>().is_err(), "{text:?}");
        assert!(Sequence::try_from(text.as_bytes()).is_err(), "{text:?}");
        let json = serde_json::to_string(text).unwrap();
        assert!(serde_json::from_str::<Sequence>(&json).is_err(), "{text:?}");
    }
    assert_eq!(serde_json::to_string(&"MKV".parse::<Sequence>().unwrap()).unwrap(), "\"MKV\"");
    assert_eq!(
        "MK1".parse::<Sequence>().unwrap_err().to_string(),
        "'1' at position 3 is not a residue letter"
    );
}

#[test]
fn many_megabytes_of_garbage_are_refused_quickly() {
    let size = 64 << 20;
    for byte in [b' ', b'A', b'7', b'*', b'?', 0, 0xff, b'\r', b'-'] {
        let force = CleanOptions { force: true, ..options() };
        assert!(clean(&vec![byte; size], &force).is_err(), "{byte}");
    }
}

/// Text that consists of parts that people really send, so that it is often nearly valid.
fn messy() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[ACDEFGHIKLMNPQRSTVWY]{1,12}",
        2 => "[a-zA-Z]{1,4}",
        1 => "[0-9]{1,3}",
        2 => "[ \t\r\n.-]{1,3}",
        1 => Just("*".to_owned()),
        1 => "[\u{feff}\u{a0}\u{200b}]",
        1 => any::<char>().prop_map(|c| c.to_string()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_give_a_sequence_or_errors(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        match clean(&bytes, &options()) {
            Ok(cleaned) => prop_assert!(cleaned.sequence.len() <= bytes.len()),
            Err(errors) => prop_assert!((1..=MAX_ERRORS).contains(&errors.as_slice().len())),
        }
        let _ = clean_single(&bytes, &options());
    }

    #[test]
    fn cleaning_twice_changes_nothing(text in messy()) {
        if let Ok(once) = clean(text.as_bytes(), &CleanOptions { force: true, ..options() }) {
            prop_assert!(once.sequence.residues().iter().all(|r| RESIDUES.contains(r)));
            let again = clean(
                once.sequence.as_str().as_bytes(),
                &CleanOptions { force: true, ..options() },
            ).unwrap();
            prop_assert_eq!(&again.sequence, &once.sequence);
            let all_x = again.edits.iter().all(|e| e.from == Some('X'));
            prop_assert!(all_x, "only X is listed again: {:?}", again.edits);
        }
    }

    #[test]
    fn errors_point_at_the_fault(text in messy()) {
        let Err(errors) = clean(text.as_bytes(), &options()) else { return Ok(()) };
        let lines: Vec<Vec<char>> = text
            .replace("\r\n", "\n")
            .split(['\r', '\n'])
            .map(|line| line.strip_prefix('\u{feff}').unwrap_or(line).chars().collect())
            .collect();
        for error in errors.as_slice() {
            let (Some(line), Some(column)) = (error.line, error.column) else { continue };
            // A byte-order mark counts as a column, except at the very beginning.
            if text.chars().skip(1).any(|c| c == '\u{feff}') { continue }
            let c = lines[line - 1][column - 1];
            match error.code {
                ErrorCode::InternalStop => prop_assert!(matches!(c, '*' | '.'), "{:?}", c),
                ErrorCode::InvalidCharacter => prop_assert!(!c.is_ascii_alphabetic(), "{:?}", c),
                ErrorCode::SeveralChains => prop_assert!(matches!(c, '/' | ':'), "{:?}", c),
                ErrorCode::ForeignFormat | ErrorCode::LostHeader => {}
                ErrorCode::Nul => prop_assert_eq!(c, '\0'),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn layout_does_not_matter(sequence in "[ACDEFGHIKLMNPQRSTVWY]{30,90}", width in 1_usize..20) {
        prop_assume!(sequence.contains(['W', 'Y', 'M', 'K']));
        let force = CleanOptions { force: true, ..options() };
        let lines: Vec<String> = sequence
            .as_bytes()
            .chunks(width)
            .enumerate()
            .map(|(i, l)| format!("{:>9} {}", i * width + 1, String::from_utf8_lossy(l).to_lowercase()))
            .collect();
        let cleaned = clean(lines.join("\r\n").as_bytes(), &force).unwrap();
        prop_assert_eq!(cleaned.sequence.as_str(), sequence);
    }
}
