//! Checks examples/: the known structures fit their sequences, and the commands of the demo work on them.

use std::collections::BTreeMap;

use crate::support::{root, run};

fn sequences() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join("examples/proteins.fasta")).unwrap();
    let records = text.split('>').filter(|r| !r.is_empty()).map(|record| {
        let (header, residues) = record.split_once('\n').unwrap();
        (header.split(' ').next().unwrap().to_owned(), residues.replace('\n', ""))
    });
    records.collect()
}

#[test]
fn known_structures_fit_the_sequences() {
    let sequences = sequences();
    let known = std::fs::read_to_string(root().join("examples/known.tsv")).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for row in known.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        assert_eq!(sequences.get(columns[0]).map(String::as_str), Some(columns[6]), "{row}");
        assert_eq!(columns[6].len(), columns[7].len(), "{row}");
        seen.insert(columns[0].to_owned());
    }
    assert_eq!(seen, sequences.into_keys().collect());
}

#[test]
fn compare_shows_results_beside_known_structures() {
    let predicted = run(&["predict", "examples/proteins.fasta"], b"").ok();
    let output = run(&["compare", "--known", "examples/known.tsv"], predicted.out.as_bytes()).ok();
    for expected in
        ["\n  SS8 known ", "\n  SS3 known ", "\n  TM2 known ", "\n  DIS known ", "Q3 ", "DisProt DP00070"]
    {
        assert!(output.out.contains(expected), "{expected}: {}", output.out);
    }
    let nothing =
        run(&["compare", "--known", "examples/known.tsv"], run(&["predict", "MKVLA"], b"").out.as_bytes());
    assert_eq!(nothing.code, 2);
}

#[test]
fn the_tricky_file_has_seven_good_records_and_four_bad_ones() {
    let output = run(&["predict", "examples/tricky.fasta"], b"");
    assert_eq!(output.code, 2);
    assert!(output.err.ends_with("pssp: 7 predicted, 4 refused, 0 failed\n"), "{}", output.err);
}
