//! The formats of viewers, opened by their readers: GenomeTools, bedtools and PyMOL. For Jalview and ChimeraX, which are
//! programs with windows, parsers here follow the grammar that they document.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use crate::support::{CommandOutput, root, run, run_with};

const UBIQUITIN: &str = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG";

/// Two chains with names as people make them, the first one twice.
const ODD: &[u8] = b">sp|P0CG48|UBC_HUMAN \"ubiquitin\"; 100% & a=b\tc\nMQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG\n\
      >a,b;c=d&e%f>g#h'\xc3\xa9\"\nMKVLAAGIVGLLLAQWKDEWWWLLLIVVGGAAFFLLVVIGG\n\
      >sp|P0CG48|UBC_HUMAN\nMKVLAAGIVG\n";

fn predict(format: &str, more: &[&str], input: &[u8]) -> String {
    run(&[&["predict", "--format", format][..], more].concat(), input).ok().out
}

/// Runs a program that `make test` installs.
fn tool(name: &str, args: &[&str], folder: &Path) -> CommandOutput {
    assert!(Command::new(name).arg("-h").output().is_ok(), "{name} is not installed: run make setup-test");
    let mut command = Command::new(name);
    // PyMOL of a system needs the Python of that system.
    command
        .current_dir(folder)
        .env("PATH", format!("/usr/bin:{}", std::env::var("PATH").unwrap_or_default()));
    run_with(command, args, b"")
}

#[test]
fn genometools_finds_valid_gff3_with_types_of_the_sequence_ontology() {
    let dir = tempfile::tempdir().unwrap();
    let check = |gff3: &str| {
        std::fs::write(dir.path().join("a.gff3"), gff3).unwrap();
        tool("gt", &["gff3validator", "-typecheck", "so", "-strict", "a.gff3"], dir.path())
    };
    let examples = std::fs::read(root().join("examples/proteins.fasta")).unwrap();
    for input in [&examples, ODD, b"MKVLA"] {
        let gff3 = predict("gff3", &[], input);
        let output = check(&gff3);
        assert_eq!((output.code, output.line()), (0, "input is valid GFF3"), "{output:?}\n{gff3}");
    }
    let other_type = predict("gff3", &[], &examples).replace("\tpeptide_helix\t", "\tprotein_helix\t");
    assert_ne!(check(&other_type).code, 0, "the checker accepts anything");
}

/// The same reader takes both formats, with their own ways to count.
#[test]
fn bedtools_cuts_the_same_residues_by_gff3_and_by_bed() {
    let dir = tempfile::tempdir().unwrap();
    let fasta = format!(">ubiquitin\n{UBIQUITIN}\n>short\nMKVLAAGIVG\n");
    std::fs::write(dir.path().join("a.fasta"), &fasta).unwrap();
    let cut = |extension: &str| {
        let text = predict(extension, &[], fasta.as_bytes());
        let file = format!("a.{extension}");
        std::fs::write(dir.path().join(&file), &text).unwrap();
        let output =
            tool("bedtools", &["getfasta", "-fi", "a.fasta", "-bed", &file, "-tab"], dir.path()).ok();
        let cut = output.out.lines().map(|line| line.split('\t').nth(1).unwrap().to_owned());
        (text, cut.collect::<Vec<_>>())
    };
    let ((gff3, by_gff3), (bed, by_bed)) = (cut("gff3"), cut("bed"));
    let chains = by_gff3.iter().filter(|cut| [UBIQUITIN, "MKVLAAGIVG"].contains(&cut.as_str()));
    assert_eq!(chains.count(), 2, "a feature is the whole chain: {gff3}");
    let segments: Vec<&String> =
        by_gff3.iter().filter(|cut| cut.len() < 76 && *cut != "MKVLAAGIVG").collect();
    assert_eq!(segments, by_bed.iter().collect::<Vec<_>>(), "{bed}");
    // The helix of ubiquitin (PDB 1UBQ: residues 23 to 34).
    let helix = bed.lines().position(|line| line.starts_with("ubiquitin\t22\t31\tHelix\t")).unwrap();
    assert_eq!(by_bed[helix - 1], "IENVKAKIQ");
}

/// A PDB file in which chain A is ubiquitin as crystals show it: numbered from 27, residues 5 to 8 not seen, a
/// selenomethionine, an insertion code, a replaced residue. Chain B is another protein with a tag, chain C a third one.
fn structure() -> String {
    let names = "ALA A ARG R ASN N ASP D CYS C GLN Q GLU E GLY G HIS H ILE I LEU L LYS K MET M PHE F PRO P SER S THR T \
                 TRP W TYR Y VAL V";
    let names: Vec<&str> = names.split_whitespace().collect();
    let name = |letter: char| names.chunks(2).find(|pair| pair[1].starts_with(letter)).unwrap()[0];
    let mut pdb = String::new();
    let mut residue = |chain: char, number: usize, insertion: char, name: &str| {
        let record = if name == "MSE" { "HETATM" } else { "ATOM  " };
        for (atom, element) in [("N", 'N'), ("CA", 'C'), ("C", 'C'), ("O", 'O')] {
            let serial = pdb.lines().count() + 1;
            let x = serial as f64;
            pdb += &format!(
                "{record}{serial:5}  {atom:<3} {name} {chain}{number:4}{insertion}   {x:8.3}{:8.3}{:8.3}  1.00  0.00           {element}\n",
                0.0, 0.0
            );
        }
    };
    for (i, letter) in UBIQUITIN.chars().enumerate() {
        match i {
            4..=7 => {}
            0 => residue('A', 27, ' ', "MSE"),
            15 => residue('A', 42, ' ', "ALA"),
            20 => residue('A', 46, 'A', name(letter)),
            _ => residue('A', 27 + i - usize::from(i > 20), ' ', name(letter)),
        }
    }
    "GSHMKVLAAGIVG".chars().enumerate().for_each(|(i, letter)| residue('B', i + 1, ' ', name(letter)));
    "WWWWPPPPWWWWPPPP".chars().enumerate().for_each(|(i, letter)| residue('C', i + 1, ' ', name(letter)));
    pdb + "END\n"
}

/// Runs a script in PyMOL on [`structure`]. Returns the colour of each residue (`A46A`), and what was printed.
fn in_pymol(script: &str, commands: &str) -> (BTreeMap<String, u32>, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.pdb"), structure()).unwrap();
    std::fs::write(dir.path().join("script.pml"), script).unwrap();
    let tell = "iterate name CA, print('COLOUR', chain + resi, color)";
    std::fs::write(
        dir.path().join("main.pml"),
        format!("load a.pdb\ncolor white\n@script.pml\n{commands}\n{tell}\n"),
    )
    .unwrap();
    let output = tool("pymol", &["-c", "-q", "-k", "main.pml"], dir.path()).ok();
    assert!(!output.out.contains("Traceback") && !output.out.contains("Error"), "{}", output.out);
    let told = output.out.lines().filter_map(|line| line.strip_prefix("COLOUR "));
    let colours = told.map(|line| {
        let (residue, colour) = line.split_once(' ').unwrap();
        (residue.to_owned(), colour.parse().unwrap())
    });
    (colours.collect(), output.out.clone())
}

/// A colour as a number for PyMOL.
fn rgb(hex: u32) -> u32 {
    0x4000_0000 | hex
}

/// The labels of SS3 for ubiquitin.
fn ss3_of_ubiquitin() -> Vec<char> {
    predict("txt", &[], UBIQUITIN.as_bytes()).lines().nth(2).unwrap().chars().collect()
}

#[test]
fn pymol_colours_chains_by_their_residues_whatever_their_numbers() {
    let input = format!(">short\nMKVLAAGIVG\n>ubi\"quitin' \\ \u{e9} {{}}\n{UBIQUITIN}\n");
    let (colours, printed) = in_pymol(&predict("pymol", &[], input.as_bytes()), "");
    let ss3 = ss3_of_ubiquitin();
    let expected = |i: usize| match ss3[i] {
        'H' => rgb(0xd5_5e00),
        'E' => rgb(0x00_72b2),
        _ => rgb(0x6b_6b6b),
    };
    for (residue, i) in
        [("A27", 0), ("A28", 1), ("A29", 2), ("A35", 8), ("A42", 15), ("A46", 19), ("A46A", 20), ("A47", 21)]
            .into_iter()
            .chain([("A52", 26), ("A101", 75)])
    {
        assert_eq!(colours[residue], expected(i), "{residue}: {printed}");
    }
    assert!(ss3[26] == 'H' && ss3[2] == 'E' && ss3[0] == 'C', "all three are looked at");
    let white = colours["C1"];
    assert_eq!(colours["B1"], white, "the tag is no part of the prediction");
    assert_ne!(colours["B4"], white);
    assert!(printed.contains("chain A of a: 72 of 72 residues coloured by ss3 of ubi\"quitin'"), "{printed}");
    assert!(printed.contains("pssp: chain C of a is not coloured: "), "{printed}");
}

#[test]
fn pymol_colours_by_other_properties_and_where_it_is_told() {
    let script = predict("pml", &[], UBIQUITIN.as_bytes());
    let result: serde_json::Value =
        serde_json::from_str(&predict("ndjson", &[], UBIQUITIN.as_bytes())).unwrap();
    let (colours, printed) = in_pymol(&script, "pssp_color rsa, chain A\npssp_color colour");
    let accessible = result["rsa"][1].as_f64().unwrap();
    // From white to 56b4e9.
    let channel = |end: f64| (255.0 + (end - 255.0) * accessible).round() as u32;
    assert_eq!(colours["A28"], rgb(channel(86.0) << 16 | channel(180.0) << 8 | channel(233.0)), "{printed}");
    assert!(
        printed.contains(
            "there is no property 'colour'; choose one of ss3, ss8, acc, dis, tm2, tm8, rsa, p_dis"
        )
    );

    let told = |args: &[&str]| in_pymol(&predict("pml", args, UBIQUITIN.as_bytes()), "").0;
    let elsewhere = told(&["--chain", "B"]);
    assert_eq!(elsewhere["A28"], elsewhere["C1"], "chain A was not asked for");
    let numbered = told(&["--chain", "A", "--first-residue", "27"]);
    let fits = numbered["A28"];
    assert_eq!(numbered["A46A"], numbered["C1"], "an insertion code is another residue: {fits}");
}

/// One attribute of a file that ChimeraX opens, as its documentation describes the format.
#[derive(Debug, Default)]
struct Attribute {
    recipient: String,
    values: BTreeMap<String, String>,
}

fn parse_defattr(text: &str) -> BTreeMap<String, Attribute> {
    let mut all: BTreeMap<String, Attribute> = BTreeMap::new();
    let (mut name, mut recipient) = (String::new(), String::new());
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let Some(assignment) = line.strip_prefix('\t') else {
            let (key, value) = line.split_once(": ").unwrap_or_else(|| panic!("no control line: {line:?}"));
            match key {
                "attribute" => {
                    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    assert!(
                        value.chars().all(fits) && !value.starts_with(|c: char| c.is_ascii_digit()),
                        "{value}"
                    );
                    assert!(!value.ends_with("color"), "such a value would be a colour");
                    assert!(all.insert(value.to_owned(), Attribute::default()).is_none(), "{value} twice");
                    value.clone_into(&mut name);
                }
                "match mode" => assert!(["any", "non-zero", "1-to-1"].contains(&value), "{line}"),
                "recipient" => value.clone_into(&mut recipient),
                other => panic!("no such control: {other}"),
            }
            continue;
        };
        let (residue, value) = assignment.split_once('\t').unwrap();
        assert!(!value.contains('\t'), "{line:?}");
        let attribute = all.get_mut(&name).expect("a control line comes first");
        attribute.recipient.clone_from(&recipient);
        assert!(attribute.values.insert(residue.to_owned(), value.to_owned()).is_none(), "{residue} twice");
    }
    all
}

#[test]
fn chimerax_attributes_are_those_of_the_residues() {
    let attributes =
        parse_defattr(&predict("chimerax", &["--chain", "D", "--first-residue", "27"], UBIQUITIN.as_bytes()));
    let names: Vec<&str> = attributes.keys().map(String::as_str).collect();
    let expected = "pssp_acc pssp_dis pssp_rsa pssp_ss3 pssp_ss3_confidence pssp_ss8 pssp_tm2 pssp_tm8";
    assert_eq!(names.join(" "), expected);
    let numbers: BTreeSet<String> = (27..103).map(|number| format!("/D:{number}")).collect();
    for (name, attribute) in &attributes {
        assert_eq!(attribute.recipient, "residues", "{name}");
        assert_eq!(attribute.values.keys().cloned().collect::<BTreeSet<_>>(), numbers, "{name}");
    }
    for (i, label) in ss3_of_ubiquitin().iter().enumerate() {
        assert_eq!(attributes["pssp_ss3"].values[&format!("/D:{}", 27 + i)], format!("\"{label}\""));
    }
    for name in ["pssp_rsa", "pssp_dis", "pssp_tm2", "pssp_ss3_confidence"] {
        let value = |text: &String| (0.0..=1.0).contains(&text.parse::<f64>().unwrap());
        assert!(attributes[name].values.values().all(value), "{name}");
    }
}

/// The kind of a row, and the fields of each residue.
type JalviewRow = (String, Vec<Vec<String>>);

/// The rows of a file that Jalview opens, as its documentation describes the format: for each sequence and row, the
/// graph and the value fields.
fn parse_jalview(text: &str) -> BTreeMap<(String, String), JalviewRow> {
    let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    assert_eq!(lines.next(), Some("JALVIEW_ANNOTATION"));
    let mut rows = BTreeMap::new();
    let mut sequence = String::new();
    for line in lines {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[..] {
            ["SEQUENCE_REF", name, "1"] => name.clone_into(&mut sequence),
            [graph @ ("NO_GRAPH" | "BAR_GRAPH" | "LINE_GRAPH"), label, description, values] => {
                assert!(!description.contains('|'), "it would be taken for values: {line}");
                let values = values.strip_suffix('|').unwrap().split('|');
                let values = values.map(|value| value.split(',').map(str::to_owned).collect()).collect();
                let row = (sequence.clone(), label.to_owned());
                assert!(rows.insert(row, (graph.to_owned(), values)).is_none(), "{label} twice");
            }
            ["GRAPHLINE", label, value, _, _] => {
                assert!(rows.contains_key(&(sequence.clone(), label.to_owned())));
                value.parse::<f64>().unwrap();
            }
            ["COLOUR", label, colour] => {
                assert!(rows.keys().any(|(_, row)| row == label), "{line}");
                u32::from_str_radix(colour, 16).unwrap();
            }
            _ => panic!("no line of an annotation file: {line:?}"),
        }
    }
    rows
}

#[test]
fn jalview_gets_a_value_for_each_residue() {
    let input = format!(">sp|P0CG48|UBC_HUMAN\tubi|quitin\n{UBIQUITIN}\n>one\nM\n");
    let rows = parse_jalview(&predict("jalview", &[], input.as_bytes()));
    let labels = ["ACC", "Disorder", "Membrane", "SS3", "SS3 confidence", "SS8"];
    let names = rows.keys().map(|(sequence, row)| format!("{sequence} {row}"));
    let expected = ["one", "sp|P0CG48|UBC_HUMAN"].iter().flat_map(|s| labels.map(|row| format!("{s} {row}")));
    assert_eq!(names.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    for ((sequence, row), (graph, values)) in &rows {
        assert_eq!(values.len(), if sequence == "one" { 1 } else { 76 }, "{row}");
        for value in values {
            match graph.as_str() {
                "NO_GRAPH" => assert!(["", "H", "E"].contains(&value.join(",").as_str()), "{row} {value:?}"),
                _ => {
                    assert!((0.0..=1.0).contains(&value[0].parse::<f64>().unwrap()), "{row} {value:?}");
                    assert!(
                        value[1..].iter().all(|label| label.len() == 1) && value.len() <= 2,
                        "{row} {value:?}"
                    );
                }
            }
        }
    }
    let (_, symbols) = &rows[&("sp|P0CG48|UBC_HUMAN".to_owned(), "SS3".to_owned())];
    let symbols: String =
        symbols.iter().map(|value| if value[0].is_empty() { "C" } else { &value[0] }).collect();
    assert_eq!(symbols, ss3_of_ubiquitin().iter().collect::<String>());
}

#[test]
fn options_for_structures_that_do_not_fit_are_refused() {
    let two = b">a\nMKVLA\n>b\nMKVLA\n";
    let cases: [(&[&str], &str); 5] = [
        (&["--format", "tsv", "--chain", "A,B"], "TSV does not colour a structure; leave --chain and"),
        (&["--format", "pml", "--chain", "A B,C"], "\"A B\" is no id of a chain; one has 1 to 8"),
        (&["--format", "defattr", "--chain", "A"], "1 chain for 2 sequences; give one for each"),
        (&["--format", "defattr", "--first-residue", "1,2,3"], "3 first residues for 2 sequences"),
        (&["--format", "defattr", "--first-residue", "1,first"], "\"first\" is no number of a residue"),
    ];
    for (args, expected) in cases {
        let output = run(&[&["predict"], args].concat(), two);
        assert_eq!(output.code, 2, "{args:?}: {output:?}");
        assert!(output.err.contains(expected), "{args:?}: {}", output.err);
    }
}
