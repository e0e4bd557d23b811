//! The neural engine: agreement with the training framework, and the contract of an engine.

use std::sync::LazyLock;
use std::time::Instant;

use pssp_predict::engine::Neural;
use pssp_predict::{Cancel, Engine, EngineError, PROPERTIES, Prediction, Property, Sequence};
use sha2::{Digest, Sha256};

static ENGINE: LazyLock<Neural> = LazyLock::new(|| Neural::load().expect("the embedded model is sound"));

/// The prediction of the embedded model for `sequence`.
pub(crate) fn predict(sequence: &str) -> Prediction {
    let sequence: Sequence = sequence.parse().expect("clean residues");
    ENGINE.predict(&sequence, &Cancel::new()).expect("a prediction")
}

/// A chain of `n` residues in a scrambled order, without repeats.
fn scrambled(n: usize) -> String {
    let mut state = 12345_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b"ACDEFGHIKLMNPQRSTVWY"[(state >> 16) as usize % 20])
    };
    (0..n).map(|_| next()).collect()
}

/// Compares with the cases that `training/export.py` wrote: probabilities within 1e-3, equal labels.
#[test]
fn predictions_agree_with_the_training_framework() {
    let cases: serde_json::Value =
        serde_json::from_str(include_str!("../../../../model/parity.json")).expect("parity.json");
    // The framework's order of membrane classes, as columns of TM8.
    let membrane = b"HEILF_".map(|letter| Property::Tm8.column(letter).expect("a letter of TM8"));
    for case in cases.as_array().expect("a list of cases") {
        let found = predict(case["sequence"].as_str().expect("a sequence"));
        for &property in PROPERTIES {
            assert_eq!(
                found.track(property).text(),
                case["labels"][property.key()],
                "{} {property:?}",
                case["name"]
            );
        }
        // Rounding to whole per mille (largest remainder) changes a value by less than 1e-3. The other 1e-4 is
        // for the order of the sums and the five decimals of the file.
        let near = |permille: u16, expected: &serde_json::Value| {
            let expected = expected.as_f64().expect("a number");
            assert!(
                (f64::from(permille) / 1000.0 - expected).abs() < 1.1e-3,
                "{permille} {expected} {}",
                case["name"]
            );
        };
        for i in 0..found.len() {
            for (property, key) in
                [(Property::Ss3, "p_ss3"), (Property::Ss8, "p_ss8"), (Property::Acc, "p_acc")]
            {
                for (c, column) in found.track(property).columns.iter().enumerate() {
                    near(column[i], &case[key][i][c]);
                }
            }
            near(found.track(Property::Dis).columns[0][i], &case["p_dis"][i]);
            near(found.rsa()[i], &case["rsa"][i]);
            for (k, column) in membrane.into_iter().enumerate() {
                near(found.track(Property::Tm8).columns[column][i], &case["p_tm"][i][k]);
            }
        }
    }
}

/// A residue far from both ends has the same prediction in chains of different lengths.
#[test]
fn the_middle_does_not_depend_on_the_ends() {
    // More than the sum of the reach of all dilated kernels. Odd, so that rows are in other tiles.
    const REACH: usize = 401;
    let core = scrambled(900);
    let long = format!("{}{core}{}", scrambled(777), scrambled(101));
    let (alone, inside) = (predict(&core), predict(&long));
    for &property in PROPERTIES {
        let (a, b) = (alone.track(property), inside.track(property));
        for (x, y) in a.columns.iter().zip(&b.columns) {
            assert_eq!(x[REACH..900 - REACH], y[777 + REACH..777 + 900 - REACH], "{property:?}");
        }
    }
}

#[test]
fn every_length_gives_legal_tracks() {
    // `Prediction::new` checks alphabets, lengths and sums, so a wrong track would be an error here.
    for n in [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 95, 96, 97, 200] {
        assert_eq!(predict(&scrambled(n)).len(), n);
    }
    assert_eq!(predict(&"X".repeat(30)).len(), 30);
}

#[test]
fn ten_thousand_residues() {
    let sequence = scrambled(10_000);
    let start = Instant::now();
    let found = predict(&sequence);
    assert_eq!(found.len(), 10_000);
    // A slow, busy machine needs a few seconds. An algorithm with quadratic time would need much longer.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    assert_eq!(found, predict(&sequence), "the same bytes again");
}

#[test]
fn threads_do_not_change_the_result() {
    let sequence = scrambled(333);
    let expected = predict(&sequence);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(predict(&sequence), expected));
        }
    });
}

/// The digest of all numbers of the prediction for a fixed chain is the same on every machine.
///
/// A new model has a new digest; the message of the failed test shows it.
#[test]
fn the_same_bytes_on_every_machine() {
    let found = predict(&scrambled(300));
    let mut digest = Sha256::new();
    for track in found.tracks() {
        digest.update(&track.labels);
        for p in track.columns.iter().flatten() {
            digest.update(p.to_le_bytes());
        }
    }
    for p in found.rsa() {
        digest.update(p.to_le_bytes());
    }
    let hex: String = digest.finalize().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, pssp_predict::engine::BEHAVIOUR);
}

#[test]
fn a_cancelled_prediction_stops() {
    let cancel = Cancel::new();
    cancel.cancel();
    let sequence: Sequence = scrambled(500).parse().expect("clean residues");
    let stopped = ENGINE.predict(&sequence, &cancel);
    assert!(matches!(stopped, Err(EngineError::Cancelled)), "{stopped:?}");
}

#[test]
fn the_method_names_the_weights() {
    let method = ENGINE.method();
    assert_eq!(method.name, "pssp-conv");
    assert!(method.sha256.len() == 64 && method.sha256.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(predict("MKV").method(), method);
    assert_eq!(Neural::built_in().expect("model/method.json is sound"), *method);
    let file = include_bytes!("../../../../model/pssp-net.safetensors");
    assert_eq!(
        Neural::from_safetensors(file).expect("a model").method(),
        method,
        "digest and names of the file itself"
    );
}

#[test]
fn a_damaged_model_file_is_refused() {
    assert!(matches!(Neural::from_safetensors(b"not a model"), Err(EngineError::Method(_))));
}
