//! Predictions: the checks of their parts, and their stored form.

use proptest::prelude::*;
use pssp_predict::{PROPERTIES, Prediction, Property, Track};

use crate::fixture::{self, method, noisy, smooth};

#[track_caller]
fn check_round_trip(prediction: &Prediction) -> usize {
    let stored = prediction.encode();
    assert_eq!(&Prediction::decode(&stored).unwrap(), prediction);
    assert_eq!(prediction.encode(), stored, "the stored bytes are not the same every time");
    stored.len()
}

#[test]
fn stored_and_read_again() {
    for n in [1, 2, 59, 60, 61, 1000] {
        check_round_trip(&noisy(n, 3));
        check_round_trip(&smooth(n));
    }
}

#[test]
fn an_empty_prediction_can_be_stored() {
    check_round_trip(&noisy(0, 1));
}

/// A DynamoDB item has at most 400 KB, and the rest of the job needs room too.
#[test]
fn ten_thousand_noisy_residues_fit_in_an_item() {
    let size = check_round_trip(&noisy(10_000, 11));
    assert!(size < 250_000, "{size} bytes");
}

#[test]
fn segments_need_far_fewer_bytes() {
    let size = check_round_trip(&smooth(10_000));
    assert!(size < 100_000, "{size} bytes");
}

/// SS3 columns that equal the sums of SS8 need almost no bytes. With rounding differences of one per mille they
/// need only a few more.
#[test]
fn ss3_is_stored_as_difference_to_ss8() {
    let with_ss3 = |shift: &dyn Fn(usize) -> u16| {
        let base = noisy(2000, 5);
        let ss8 = &base.track(Property::Ss8).columns;
        let rows: Vec<Vec<u16>> = (0..base.len())
            .map(|i| {
                let h: u16 = ss8[..3].iter().map(|c| c[i]).sum();
                let e: u16 = ss8[3..5].iter().map(|c| c[i]).sum();
                let c = 1000 - h - e;
                let shift = shift(i).min(c);
                vec![h + shift, e, c - shift]
            })
            .collect();
        let mut tracks = base.tracks().to_vec();
        tracks[0] = fixture::track(Property::Ss3, &rows);
        Prediction::new(method(), tracks, base.rsa().to_vec()).unwrap()
    };
    let unrelated = check_round_trip(&noisy(2000, 5));
    let exact = check_round_trip(&with_ss3(&|_| 0));
    let near = check_round_trip(&with_ss3(&|i| u16::from(i % 3 == 0)));
    assert!(exact + 3000 < unrelated, "{exact} and {unrelated} bytes");
    assert!(near < exact + 1000, "{near} and {exact} bytes");
}

#[test]
fn labels_need_not_be_the_most_probable() {
    let base = noisy(50, 9);
    let mut tracks = base.tracks().to_vec();
    for track in &mut tracks {
        let alphabet = track.property.alphabet();
        for (i, label) in track.labels.iter_mut().enumerate() {
            *label = alphabet[i % alphabet.len()].letter;
        }
    }
    check_round_trip(&Prediction::new(method(), tracks, base.rsa().to_vec()).unwrap());
}

#[test]
fn the_method_is_stored_too() {
    let stored = smooth(5).encode();
    assert_eq!(Prediction::decode(&stored).unwrap().method(), &method());
}

#[test]
fn errors_of_damaged_bytes_say_what_is_wrong() {
    let stored = noisy(100, 1).encode();
    let message = |bytes: &[u8]| Prediction::decode(bytes).unwrap_err().to_string();
    assert_eq!(message(b""), "malformed prediction: cut short");
    assert_eq!(message(b"JSON{}"), "malformed prediction: not a stored prediction");
    let mut version = stored.clone();
    version[4] = 2;
    assert_eq!(message(&version), "malformed prediction: stored in version [2], not 1");
    for cut in [3, 8, 20, stored.len() / 2, stored.len() - 1] {
        message(&stored[..cut]);
    }
    let lengths = [u32::MAX, 0x7fff_ffff, 1_000_001];
    for length in lengths {
        let mut bytes = stored.clone();
        bytes[5..9].copy_from_slice(&length.to_le_bytes());
        assert_eq!(message(&bytes), "malformed prediction: cut short");
        let method_length = u32::from_le_bytes(stored[5..9].try_into().unwrap()) as usize;
        let mut bytes = stored.clone();
        bytes[9 + method_length..13 + method_length].copy_from_slice(&length.to_le_bytes());
        assert!(message(&bytes).contains("are more than 1000000"));
    }
}

#[test]
fn parts_must_fit_together() {
    let base = smooth(10);
    let with = |change: &dyn Fn(&mut Vec<Track>)| {
        let mut tracks = base.tracks().to_vec();
        change(&mut tracks);
        Prediction::new(method(), tracks, base.rsa().to_vec()).map_err(|e| e.0)
    };
    assert!(with(&|_| {}).is_ok());
    assert_eq!(with(&|t| t.truncate(5)), Err("5 tracks for 6 properties".to_owned()));
    assert_eq!(with(&|t| t.swap(0, 1)), Err("SS3: found SS8 in its place".to_owned()));
    assert_eq!(with(&|t| t[2].labels.truncate(9)), Err("ACC: 9 labels for 10 residues".to_owned()));
    assert_eq!(with(&|t| t[3].labels[4] = b'H'), Err("DIS: letter 'H' at residue 5".to_owned()));
    assert_eq!(
        with(&|t| t[4].columns.truncate(1)),
        Err("TM2: probabilities are not 2 columns of 10".to_owned())
    );
    assert_eq!(
        with(&|t| t[5].columns[7][2] += 1),
        Err("TM8: probabilities of residue 3 sum to 1001 per mille".to_owned())
    );
}

#[test]
fn confidence_is_tenths_of_the_labels_probability() {
    let row = |h: u16| vec![h, 0, 1000 - h];
    let rows: Vec<Vec<u16>> = [1000, 999, 500, 899, 900].map(row).to_vec();
    let track = fixture::track(Property::Ss3, &rows);
    let digits: Vec<u8> = (0..5).map(|i| track.confidence(i)).collect();
    assert_eq!(digits, [9, 9, 5, 8, 9]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_prediction_is_stored_and_read_again(n in 0_usize..80, seed in any::<u64>(), moves in any::<u8>()) {
        let base = noisy(n, seed);
        let mut tracks = base.tracks().to_vec();
        for (track, &property) in tracks.iter_mut().zip(PROPERTIES) {
            let alphabet = property.alphabet();
            for label in &mut track.labels {
                if moves & (1 << (property as u8)) != 0 {
                    *label = alphabet[usize::from(moves) % alphabet.len()].letter;
                }
            }
        }
        check_round_trip(&Prediction::new(method(), tracks, base.rsa().to_vec()).unwrap());
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Prediction::decode(&bytes);
        let _ = Prediction::decode(&[b"pssp\x01", &bytes[..]].concat());
    }

    #[test]
    fn a_changed_byte_is_read_without_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut stored = noisy(30, 2).encode();
        let at = at.index(stored.len());
        stored[at] = byte;
        let _ = Prediction::decode(&stored);
    }
}
