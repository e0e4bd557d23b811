//! Well-known proteins with known structures: examples that a new user is likely to try first.
//!
//! Segments are those of the deposited structure, numbered from 1 along the sequence in the test. The
//! thresholds leave room for another model of the same quality. A model that fails a test does not predict
//! something that is visible in a single sequence. These tests are not a benchmark; the model card has the
//! scores.

use std::ops::RangeInclusive;

use pssp_predict::{Prediction, Property};

use crate::neural::predict;

/// The share of labels of `property` that are `letter`, in percent.
fn percent(found: &Prediction, property: Property, letter: u8) -> usize {
    100 * count(&found.track(property).labels, letter) / found.len()
}

fn count(labels: &[u8], letter: u8) -> usize {
    labels.iter().filter(|&&label| label == letter).count()
}

/// The runs of `letter`; positions from 1, both ends included.
fn segments(labels: &[u8], letter: u8) -> Vec<RangeInclusive<usize>> {
    let mut end = 0;
    let runs = labels.chunk_by(|a, b| a == b).map(|run| {
        end += run.len();
        (run[0], end - run.len() + 1..=end)
    });
    runs.filter(|(label, _)| *label == letter).map(|(_, run)| run).collect()
}

/// Checks that in each known segment at least `share` percent of the residues have the label `letter` in SS3.
fn check_segments(found: &Prediction, letter: u8, share: usize, known: &[RangeInclusive<usize>]) {
    let ss3 = found.track(Property::Ss3);
    for segment in known {
        let labels = &ss3.labels[segment.start() - 1..*segment.end()];
        let right = 100 * count(labels, letter) / labels.len();
        let letter = char::from(letter);
        assert!(right >= share, "{right} % of {segment:?} are {letter}:\n{}", ss3.text());
    }
}

/// A short repeat without hydrophobic residues has no secondary structure.
#[test]
fn testtesttest_is_coil() {
    assert_eq!(predict("TESTTESTTEST").track(Property::Ss3).text(), "CCCCCCCCCCCC");
}

/// Alanine and leucine are the strongest helix formers (Chou & Fasman 1978). The ends of a helix are often
/// coil.
#[test]
fn alanine_and_leucine_make_helices() {
    for sequence in ["A".repeat(40), "AALAAALAALAALLAAALAALAALAAALAALAALLAAALA".to_owned()] {
        check_segments(&predict(&sequence), b'H', 90, &[6..=35]);
    }
}

/// Sperm whale myoglobin (1MBN), the first known protein structure: eight helices, no strand. The test checks
/// the helices A, B, E, F, G and H. The helices C and D are short and not checked.
#[test]
fn myoglobin_is_helices() {
    let found = predict(concat!(
        "VLSEGEWQLVLHVWAKVEADVAGHGQDILIRLFKSHPETLEKFDRFKHLKTEAEMKASEDLKKHGVTVLTALGAILKKKGHHEAELKPLAQSHATK",
        "HKIPIKYLEFISEAIIHVLHSRHPGDFGADAQGAMNKALELFRKDIAAKYKELGYQG",
    ));
    check_segments(&found, b'H', 75, &[4..=18, 20..=35, 58..=77, 84..=95, 101..=118, 125..=147]);
    assert!(percent(&found, Property::Ss3, b'E') <= 3, "{}", found.track(Property::Ss3).text());
    assert!((65..=90).contains(&percent(&found, Property::Ss3, b'H')));
    assert_eq!(count(&found.track(Property::Tm2).labels, b'H'), 0, "it is soluble");
}

/// Human ubiquitin (1UBQ): a sheet around one helix. The test checks the long strands and the helix.
#[test]
fn ubiquitin_is_a_sheet_around_a_helix() {
    let found = predict("MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG");
    check_segments(&found, b'E', 60, &[2..=7, 12..=16, 41..=45, 66..=72]);
    check_segments(&found, b'H', 75, &[23..=34]);
    let disordered = count(&found.track(Property::Dis).labels, b'*');
    assert!(disordered <= 8, "{disordered} of 76 residues of a well ordered protein");
}

/// Third fibronectin type III domain of tenascin (1TEN) and the SH3 domain of alpha spectrin (1SHG):
/// sheets, with at most one turn of a helix. Not every strand is visible in a single sequence: the first model
/// predicted a helix for one strand of 1TEN (residues 17 to 23). The limits allow this.
#[test]
fn all_beta_domains_are_strands() {
    let tenascin =
        "RLDAPSQIEVKDVTDTTALITWFKPLAEIDGIELTYGIKDVPGDRTTIDLTEDENQYSIGNLKPDTEYEVSLISRRGDMSSNPAKETFTT";
    let spectrin = "MDETGKELVLALYDYQEKSPREVTMKKGDILTLLNSTNKDWWKVEVNDRQGFVPAAYVKKLD";
    for sequence in [tenascin, spectrin] {
        let found = predict(sequence);
        let ss3 = found.track(Property::Ss3).text();
        assert!(percent(&found, Property::Ss3, b'E') >= 33, "{ss3}");
        assert!(percent(&found, Property::Ss3, b'H') <= 12, "{ss3}");
    }
    check_segments(&predict(tenascin), b'E', 60, &[7..=12, 32..=38, 47..=50, 56..=60, 68..=75]);
    check_segments(&predict(spectrin), b'E', 60, &[8..=13, 30..=36, 41..=46]);
}

/// Checks that `found` has as many membrane helices as `known`, each at the place of a known one.
fn check_membrane(found: &Prediction, known: &[RangeInclusive<usize>]) {
    let tm8 = found.track(Property::Tm8);
    let helices = segments(&tm8.labels, b'H');
    assert_eq!(helices.len(), known.len(), "{}", tm8.text());
    for (helix, truth) in helices.iter().zip(known) {
        let shared = (*helix.end().min(truth.end()) + 1).saturating_sub(*helix.start().max(truth.start()));
        assert!(shared >= 12, "{helix:?} for {truth:?}:\n{}", tm8.text());
    }
    assert!(percent(found, Property::Ss3, b'H') >= 50, "{}", found.track(Property::Ss3).text());
}

/// Bacteriorhodopsin (chain of PDB entry 1C3W): seven helices through the membrane.
#[test]
fn bacteriorhodopsin_has_seven_membrane_helices() {
    let found = predict(concat!(
        "QAQITGRPEWIWLALGTALMGLGTLYFLVKGMGVSDPDAKKFYAITTLVPAIAFTMYLSMLLGYGLTMVPFGGEQNPIYWARYADWLFTTPLLLLD",
        "LALLVDADQGTILALVGADGIMIGTGLVGALTKVYSYRFVWWAISTAAMLYILYVLFFGFTSKAESMRPEVASTFKVLRNVTVVLWSAYPVVWLIG",
        "SEGAGIVPLNIETLLFMVLDVSAKVGFGLILLRSRAIFGEAEAPEPSAGDGAAATSD",
    ));
    check_membrane(&found, &[9..=32, 37..=62, 77..=101, 105..=127, 131..=160, 165..=191, 202..=225]);
}

/// Bovine rhodopsin (1U19): another protein family with seven membrane helices, with long soluble ends.
#[test]
fn rhodopsin_has_seven_membrane_helices() {
    let found = predict(concat!(
        "MNGTEGPNFYVPFSNKTGVVRSPFEAPQYYLAEPWQFSMLAAYMFLLIMLGFPINFLTLYVTVQHKKLRTPLNYILLNLAVADLFMVFGGFTTTLY",
        "TSLHGYFVFGPTGCNLEGFFATLGGEIALWSLVVLAIERYVVVCKPMSNFRFGENHAIMGVAFTWVMALACAAPPLVGWSRYIPEGMQCSCGIDYY",
        "TPHEETNNESFVIYMFVVHFIIPLIVIFFCYGQLVFTVKEAAAQQQESATTQKAEKEVTRMVIIMVIAFLICWLPYAGVAFYIFTHQGSDFGPIFM",
        "TIPAFFAKTSAVYNPVIYIMMNKQFRNCMVTTLCCGKNPLGDDEASTTVSKTETSQVAPA",
    ));
    check_membrane(&found, &[35..=64, 71..=100, 106..=140, 149..=173, 200..=230, 241..=277, 286..=309]);
}

/// The membrane domain of OmpA (PDB entry 1BXW): a barrel of eight strands, almost no helix. The first model
/// does not recognize that it is in a membrane (see the limits in the model card), so the test does not check
/// this.
#[test]
fn a_barrel_is_strands() {
    let found = predict(concat!(
        "APKDNTWYTGAKLGWSQYHDTGFINNNGPTHENQLGAGAFGGYQVNPYVGFEMGYDWLGRMPYKGSVENGAYKAQGVQLTAKLGYPITDDLDIYTR",
        "LGGMVWRADTKSNVYGKNHDTGVSPVFAGGVEYAITPEIATRLEYQWTNNIGDAHTIGTRPDNGMLSLGVSYRFGQGEAA",
    ));
    let ss3 = found.track(Property::Ss3).text();
    assert!(percent(&found, Property::Ss3, b'E') >= 33, "{ss3}");
    assert!(percent(&found, Property::Ss3, b'H') <= 10, "{ss3}");
    assert_eq!(count(&found.track(Property::Tm8).labels, b'H'), 0, "no membrane helix");
}
