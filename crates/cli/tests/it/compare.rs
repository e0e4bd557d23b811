//! `pssp compare` with files of structures, with DSSP and with labels.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{CommandOutput, root, run};

const OF_1A8O: &str = "MDIRQGPKEPFRDYVDRFYKTLRAEQASQEVKNWMTETLLVQNANPDCKTILKALGPGATLEEMMTACQG";
const OF_1CBS: &str = "PNFSGNWKIIRSENFEELLKVLGVNVMLRKIAVAAASKPAVEIKQEGDTFYIKTSTTVRTTEINFKVGEEFEEQTVDGRPCKSLVKWESENKMVCEQK\
                       LLKGEGPKTSWTRELTNDGELILTMTADDVVCTRVYVRE";

fn file(name: &str) -> String {
    let folder: PathBuf = root().join("crates/cli/tests/it/structures");
    folder.join(name).to_str().unwrap().to_owned()
}

/// A classic result with these labels of SS8; the labels of SS3 follow from them.
fn result(id: &str, sequence: &str, ss8: &str) -> String {
    let ss3: String = ss8
        .chars()
        .map(|state| match state {
            'H' | 'G' | 'I' => 'H',
            'E' | 'B' => 'E',
            _ => 'C',
        })
        .collect();
    let all = |letter: &str| letter.repeat(sequence.len());
    format!(">{id}\n{sequence}\n{ss3}\n{ss8}\n{}\n{}\n{}\n{}\n", all("E"), all("."), all("_"), all("_"))
}

/// Compares a result whose labels are all loop.
fn compare_loop(sequence: &str, args: &[&str]) -> CommandOutput {
    let result = result("a", sequence, &"L".repeat(sequence.len()));
    run(&[&["compare"], args].concat(), result.as_bytes())
}

/// The known labels that are shown, of all blocks.
fn known(output: &CommandOutput, property: &str) -> String {
    let start = format!("  {property} known ");
    output.out.lines().filter_map(|line| line.strip_prefix(&start)).collect()
}

const SS8_OF_1A8O: &str = "LLLLLLTTSLHHHHHHHHHHHHHTTTLLHHHHHHHHHTHHHHTSLHHHHHHHHTTLTTLLHHHHHHHTLL";
const RECORDS_OF_1A8O: &str = "CCCCCCCCCCHHHHHHHHHHHHHHHCCCHHHHHHHHHCHHHHCCCHHHHHHHHHHCCCCCHHHHHHHCCC";

#[test]
fn classic_dssp_has_eight_states() {
    let output = compare_loop(OF_1A8O, &["--known", &file("1a8o.dssp")]).ok();
    assert_eq!(known(&output, "SS8"), SS8_OF_1A8O);
    assert!(output.out.contains(
        "  chain A: 70 residues in the structure; 70 of 70 residues of the sequence are compared\n"
    ));
    // 30 residues are in helices (H), 10 of them in turns (T) and bends (S); all that is predicted is loop.
    let q8 = SS8_OF_1A8O.matches('L').count();
    assert!(
        output.out.contains(&format!("  Q8 {:.1} % agree ({q8} of 70 residues; DSSP)", q8 as f64 / 0.7)),
        "{output:?}"
    );
    let right =
        run(&["compare", "--known", &file("1a8o.dssp")], result("a", OF_1A8O, SS8_OF_1A8O).as_bytes()).ok();
    for line in [
        "  Q3 100.0 % agree (70 of 70 residues; DSSP), SOV 100.0 %\n",
        "  Q8 100.0 % agree (70 of 70 residues; DSSP), SOV 100.0 %\n",
    ] {
        assert!(right.out.contains(line), "{right:?}");
    }
}

#[test]
fn the_records_of_pdb_and_mmcif_are_the_same_three_states() {
    for (name, source) in [
        ("1a8o.pdb", "HELIX and SHEET records of a PDB file"),
        ("1a8o.cif", "helices and strands of an mmCIF file"),
    ] {
        let output = compare_loop(OF_1A8O, &["--known", &file(name)]).ok();
        assert_eq!(
            (known(&output, "SS3"), known(&output, "SS8")),
            (RECORDS_OF_1A8O.to_owned(), String::new()),
            "{name}"
        );
        let q3 = RECORDS_OF_1A8O.matches('C').count();
        assert!(output.out.contains(&format!("({q3} of 70 residues; {source}), SOV ")), "{output:?}");
        assert!(!output.out.contains("Q8"), "there are no eight states in {name}");
    }
}

#[test]
fn both_forms_of_dssp_in_mmcif_are_read() {
    let classic = compare_loop(OF_1CBS, &["--known", &file("1cbs.dssp")]).ok();
    let summary = compare_loop(OF_1CBS, &["--known", &file("1cbs-summary.cif")]).ok();
    assert_eq!(known(&classic, "SS8").len(), 137);
    assert_eq!(known(&classic, "SS8"), known(&summary, "SS8"));
    let ranges = compare_loop(OF_1CBS, &["--known", &file("1cbs-dssp-4.2.cif")]).ok();
    assert_eq!((known(&ranges, "SS3"), known(&ranges, "SS8")), (known(&classic, "SS3"), String::new()));
    assert!(ranges.out.contains(
        "does not tell isolated bridges from strands, so it has three states; for eight, write it"
    ));
}

const THREE_LETTERS: [(char, &str); 20] = [
    ('A', "ALA"),
    ('R', "ARG"),
    ('N', "ASN"),
    ('D', "ASP"),
    ('C', "CYS"),
    ('Q', "GLN"),
    ('E', "GLU"),
    ('G', "GLY"),
    ('H', "HIS"),
    ('I', "ILE"),
    ('L', "LEU"),
    ('K', "LYS"),
    ('M', "MET"),
    ('F', "PHE"),
    ('P', "PRO"),
    ('S', "SER"),
    ('T', "THR"),
    ('W', "TRP"),
    ('Y', "TYR"),
    ('V', "VAL"),
];

/// The atoms of a chain in PDB format. Residues are numbered from `first`; `-` is one without coordinates.
fn atoms(chain: char, first: usize, letters: &str) -> String {
    let seen = letters.chars().enumerate().filter(|(_, letter)| *letter != '-');
    let lines = seen.map(|(i, letter)| {
        let name = THREE_LETTERS.iter().find(|(one, _)| *one == letter).unwrap().1;
        format!("ATOM  {:5}  CA  {name} {chain}{:4}       0.000   0.000   0.000\n", i + 1, first + i)
    });
    lines.collect::<String>() + "TER\n"
}

fn helix(chain: char, from: &str, to: &str) -> String {
    format!("HELIX    1   1 ALA {chain} {from:>5} ALA {chain} {to:>5} 1\n")
}

/// Runs a comparison with a text as what is known.
fn with(text: &str, sequence: &str, args: &[&str]) -> CommandOutput {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known");
    std::fs::write(&path, text).unwrap();
    compare_loop(sequence, &[&["--known", path.to_str().unwrap()], args].concat())
}

const CHAIN: &str = "MKVLAAGIVGWWDEYRKSTL";

/// Residue 25 is 5 of the sequence: a tag is before it, residues are missing in a loop, and one is replaced.
#[test]
fn residues_are_found_whatever_their_numbers() {
    let pdb = helix('A', "24 ", "29 ") + &atoms('A', 17, "GSHMKVLAA---GWWDEYRKTTL");
    let output = with(&pdb, CHAIN, &[]).ok();
    assert_eq!(known(&output, "SS3"), "CCCCHH---HCCCCCCCCCC", "{output:?}");
    assert!(
        output.out.contains(
            "chain A: 20 residues in the structure; 17 of 20 residues of the sequence are compared"
        ),
        "{output:?}"
    );
    assert!(output.out.contains(
        "  1 of 17 aligned residues have another letter in the structure, and are compared, too\n"
    ));
    assert!(output.out.contains("  Q3 82.4 % agree (14 of 17 residues; "), "{output:?}");
}

#[test]
fn insertion_codes_are_residues_of_their_own() {
    let inserted = atoms('A', 1, "MKVLA").replace("TER\n", "")
        + "ATOM      6  CA  ALA A   5A      0.000   0.000   0.000\nATOM      7  CA AGLY A   5B      0.000   0.000   0.000\n\
           ATOM      8  CA BSER A   5B      0.000   0.000   0.000\n"
        + &atoms('A', 6, "IVGWWDEYRKSTL");
    let output = with(&(helix('A', "5A", "7 ") + &inserted), CHAIN, &[]).ok();
    assert_eq!(known(&output, "SS3"), "CCCCCHHHHCCCCCCCCCCC");
}

#[test]
fn every_chain_that_is_the_protein_is_compared_and_all_are_summed() {
    let pdb = helix('A', "1 ", "4 ")
        + &helix('B', "1 ", "20 ")
        + &atoms('A', 1, CHAIN)
        + &atoms('B', 1, CHAIN)
        + &atoms('C', 1, "TESTTESTTESTTEST");
    let output = with(&pdb, CHAIN, &[]).ok();
    for part in
        ["  chain A: 20 ", "  chain B: 20 ", "all 2 comparisons\n  Q3 40.0 % agree (16 of 40 residues), SOV "]
    {
        assert!(output.out.contains(part), "{output:?}");
    }
    assert!(!output.out.contains("chain C"));
    let one = with(&pdb, CHAIN, &["--chain", "B"]).ok();
    assert!(
        one.out.contains("Q3 0.0 % agree (0 of 20 residues; ") && !one.out.contains("comparisons"),
        "{one:?}"
    );
    let json = with(&pdb, CHAIN, &["--json"]).ok();
    let lines: Vec<Value> = json.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&lines[0]["chain"], &lines[0]["compared"], &lines[0]["aligned"], &lines[0]["same"]),
        (&"A".into(), &20.into(), &20.into(), &20.into())
    );
    assert_eq!(lines[1]["scores"]["ss3"]["right"], 0);
    assert_eq!((&lines[2]["comparisons"], &lines[2]["scores"]["ss3"]["percent"]), (&2.into(), &40.0.into()));
}

#[test]
fn one_model_is_compared_and_named() {
    let pdb = helix('A', "1 ", "4 ")
        + "MODEL        1\n"
        + &atoms('A', 1, CHAIN)
        + "ENDMDL\nMODEL        3\n"
        + &atoms('A', 1, &CHAIN[..10])
        + "ENDMDL\n";
    let first = with(&pdb, CHAIN, &[]).ok();
    assert!(
        first.out.contains("chain A: 20 residues")
            && first.out.contains("  model 1 of 2; choose another with --model\n")
    );
    assert!(with(&pdb, CHAIN, &["--model", "3"]).ok().out.contains("chain A: 10 residues"));
    let none = with(&pdb, CHAIN, &["--model", "2"]);
    assert!(none.code == 2 && none.err.contains("there is no model 2; choose one of 1, 3"), "{none:?}");
}

/// A classic output of DSSP: chain, number, residue and state of each row.
fn dssp(rows: &[(char, &str, char, char)]) -> String {
    let mut text = "==== Secondary Structure Definition by the program DSSP ====\n  #  RESIDUE AA STRUCTURE BP1 BP2  ACC\n".to_owned();
    for (i, (chain, number, residue, state)) in rows.iter().enumerate() {
        text += &match residue {
            '!' => format!("{:5}        !              0   0    0\n", i + 1),
            '*' => format!("{:5}        !*             0   0    0\n", i + 1),
            residue => format!("{:5}{number:>6}{chain} {residue}  {state}              0   0   10\n", i + 1),
        };
    }
    text
}

#[test]
fn breaks_bound_cysteines_and_polyproline_of_dssp_are_understood() {
    let rows: Vec<(char, &str, char, char)> = "MKCPP"
        .chars()
        .zip(["1 ", "2 ", "3 ", "4 ", "4A"])
        .zip("HHBPP".chars())
        .map(|((residue, number), state)| ('A', number, if residue == 'C' { 'b' } else { residue }, state))
        .chain([('A', "", '!', ' ')])
        .chain(
            ['W', 'W', 'D', 'E']
                .into_iter()
                .zip(["8 ", "9 ", "10 ", "11 "])
                .map(|(residue, number)| ('A', number, residue, ' ')),
        )
        .chain([('B', "", '*', ' '), ('A', "1 ", 'M', 'H')])
        .collect();
    let output = with(&dssp(&rows), "MKCPPGGGWWDE", &[]).ok();
    assert_eq!(known(&output, "SS8"), "HHBLL---LLLL", "{output:?}");
    assert!(output.out.contains("9 of 12 residues of the sequence are compared"), "{output:?}");
}

#[test]
fn labels_are_compared_when_it_is_told_what_they_are() {
    let labels = format!(">mine\n{CHAIN}\nHHHHHHHHHHCCCCCCCC--\n");
    let unknown = with(&labels, CHAIN, &[]);
    assert_eq!(unknown.code, 2);
    assert!(
        unknown.err.contains(
            "it begins like no format of known structures; tell it with --known-format dssp, mmcif,"
        ),
        "{unknown:?}"
    );
    let output = with(&labels, CHAIN, &["--known-format", "ss3"]).ok();
    assert!(
        output.out.contains("  mine\n")
            && output.out.contains("Q3 44.4 % agree (8 of 18 residues; known labels), SOV "),
        "{output:?}"
    );
    let chain = with(&labels, CHAIN, &["--known-format", "ss3", "--chain", "A"]);
    assert!(
        chain.code == 2 && chain.err.contains("it has neither chains nor models; leave --chain"),
        "{chain:?}"
    );
    let as_eight = with(&labels, CHAIN, &["--known-format", "ss8"]);
    assert!(
        as_eight
            .err
            .contains("known labels, line 3: 'C' is no label of SS8; give three lines for each chain"),
        "{as_eight:?}"
    );
}

#[test]
fn what_cannot_be_compared_is_refused_with_place_and_remedy() {
    let atoms_only = atoms('A', 1, CHAIN);
    let mmcif = std::fs::read_to_string(file("1a8o.cif")).unwrap();
    let cut = &mmcif[..mmcif.rfind(" ?").unwrap()];
    let other = atoms('A', 1, "TESTTESTTESTTESTTEST");
    let cases: [(&str, &[&str], &str); 9] = [
        (&atoms_only, &[], "so it does not say where helices and strands are; run mkdssp on it"),
        (
            &(helix('A', "3 ", "99 ") + &atoms_only),
            &[],
            ", line 1: residue 99 of chain A, where a helix or strand ends",
        ),
        (
            &(helix('A', "3 ", "5 ") + &other),
            &[],
            "none of these chains is in what is known (a: chain A is most like it",
        ),
        (
            &(helix('A', "3 ", "5 ") + &atoms_only),
            &["--chain", "Q"],
            "there is no chain Q in the known structure; choose of A",
        ),
        (
            &(helix('A', "3 ", "5 ") + &atoms_only.replace("A   7", "A  x7")),
            &[],
            ", line 8: \"x7\" is no number of a residue",
        ),
        (cut, &[], "the last row is not complete; give the whole mmCIF file"),
        ("data_x\n_entry.id x\n", &[], "_atom_site is missing; give a whole mmCIF file, with coordinates"),
        (
            "==== Secondary Structure Definition\n",
            &[],
            "no line that begins with `  #  RESIDUE AA STRUCTURE`; give the whole",
        ),
        (
            &dssp(&[('A', "1 ", 'M', 'Q')]),
            &[],
            ", line 3: 'Q' is no state of DSSP; give the output of mkdssp as it is",
        ),
    ];
    for (text, args, expected) in cases {
        let output = with(text, CHAIN, args);
        assert_eq!(output.code, 2, "{expected}: {output:?}");
        assert!(output.err.contains(expected), "{expected}: {}", output.err);
    }
}

/// Files of any bytes are refused or read, and never a crash.
#[test]
fn damaged_files_are_refused_without_a_panic() {
    for name in ["1a8o.pdb", "1a8o.cif", "1a8o.dssp", "1cbs-summary.cif"] {
        let text = std::fs::read_to_string(file(name)).unwrap();
        for part in 1..8 {
            let cut = &text[..text.len() * part / 8];
            // The last lines are those of residues.
            let shifted = text.replacen(' ', "\u{e9}", text.matches(' ').count() * part / 7);
            for damaged in [cut, &shifted] {
                let output = with(damaged, OF_1A8O, &[]);
                assert!(
                    matches!(output.code, 0 | 2) && !output.err.contains("panicked"),
                    "{name}: {output:?}"
                );
            }
        }
    }
}
