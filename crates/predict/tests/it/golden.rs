//! Named proteins whose structure is known: what anybody who tries the service would check first.
//!
//! Segments are those of the deposited structure, numbered from 1 along the sequence given here. The
//! thresholds leave room for another model that is as good; a model that fails one has lost something
//! that a single sequence does show. They are no score: those are in the model card.

use std::ops::RangeInclusive;

use pssp_predict::{Prediction, Property};

use crate::neural::predict;

/// How many labels of `property` are `letter`, in percent.
fn percent(found: &Prediction, property: Property, letter: u8) -> usize {
    100 * count(&found.track(property).labels, letter) / found.len()
}

fn count(labels: &[u8], letter: u8) -> usize {
    labels.iter().filter(|&&label| label == letter).count()
}

/// Runs of `letter`, from 1, both ends included.
fn segments(labels: &[u8], letter: u8) -> Vec<RangeInclusive<usize>> {
    let mut end = 0;
    let runs = labels.chunk_by(|a, b| a == b).map(|run| {
        end += run.len();
        (run[0], end - run.len() + 1..=end)
    });
    runs.filter(|(label, _)| *label == letter).map(|(_, run)| run).collect()
}

/// That at least `share` percent of the residues of each segment are labelled `letter` in SS3.
fn check_segments(found: &Prediction, letter: u8, share: usize, known: &[RangeInclusive<usize>]) {
    let ss3 = found.track(Property::Ss3);
    for segment in known {
        let labels = &ss3.labels[segment.start() - 1..*segment.end()];
        let right = 100 * count(labels, letter) / labels.len();
        let letter = char::from(letter);
        assert!(right >= share, "{right} % of {segment:?} are {letter}:\n{}", ss3.text());
    }
}

/// A short repeat without any hydrophobic residue folds into nothing.
#[test]
fn testtesttest_is_coil() {
    assert_eq!(predict("TESTTESTTEST").track(Property::Ss3).text(), "CCCCCCCCCCCC");
}

/// Alanine and leucine are the strongest helix formers (Chou & Fasman 1978). The ends fray.
#[test]
fn alanine_and_leucine_make_helices() {
    for sequence in ["A".repeat(40), "AALAAALAALAALLAAALAALAALAAALAALAALLAAALA".to_owned()] {
        check_segments(&predict(&sequence), b'H', 90, &[6..=35]);
    }
}

/// Sperm whale myoglobin (1MBN), the first structure of a protein: eight helices, no strand. Helices
/// A, B, E, F, G and H; C and D are short and left out.
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

/// Human ubiquitin (1UBQ): a sheet around one helix. The long strands and the helix.
#[test]
fn ubiquitin_is_a_sheet_around_a_helix() {
    let found = predict("MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG");
    check_segments(&found, b'E', 60, &[2..=7, 12..=16, 41..=45, 66..=72]);
    check_segments(&found, b'H', 75, &[23..=34]);
    let disordered = count(&found.track(Property::Dis).labels, b'*');
    assert!(disordered <= 8, "{disordered} of 76 residues of a well ordered protein");
}

/// Third fibronectin type III domain of tenascin (1TEN) and the SH3 domain of alpha spectrin (1SHG):
/// sheets, with at most one turn of a helix. A single sequence does not show every strand: one of the
/// former's (residues 17 to 23) was taken for a helix by the first model, hence the limit.
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

/// That the membrane helices of `found` are as many as the `known` ones, each where one of them is.
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

/// Bovine rhodopsin (1U19): another family of seven, with long soluble ends.
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

/// The membrane domain of OmpA (PDB entry 1BXW): a barrel of eight strands, next to no helix. That it
/// sits in a membrane the first model does not see (model card, limits), and this does not ask for it.
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
