//! A program that works: its input and environment, and the prediction made from its answer.

use pssp_predict::{Cancel, Engine, Prediction, Property};

use crate::support::{engine, options, predict, sequence};

#[test]
fn labels_come_from_standard_output() {
    let found = predict(&["works", "{input}"]).unwrap();
    assert_eq!(found.track(Property::Ss3).text(), "HECHECHECHECHECH");
    assert_eq!(found.track(Property::Tm8).text(), "HECILFX_HECILFX_");
    assert_eq!(found.track(Property::Dis).text(), "*.*.*.*.*.*.*.*.");
}

#[test]
fn labels_come_from_a_file_if_the_command_names_one() {
    assert_eq!(predict(&["writes", "{input}", "{output}"]).unwrap(), predict_with("writes"));
    let found = predict(&["writes", "{input}", "{output}"]).unwrap();
    assert_eq!(found.track(Property::Ss8).text(), "HGIEBTSLHGIEBTSL");
}

fn predict_with(role: &str) -> Prediction {
    engine(options(&[role, "{input}", "{output}"])).predict(&sequence(), &Cancel::new()).unwrap()
}

#[test]
fn probabilities_repeat_the_labels_and_the_citation_says_so() {
    let found = predict(&["works", "{input}"]).unwrap();
    for track in found.tracks() {
        for (i, &label) in track.labels.iter().enumerate() {
            assert!((track.probability(i, label) - 1.0).abs() < f32::EPSILON);
        }
    }
    assert_eq!(found.rsa()[..4], [50, 250, 700, 50], "the middle of B, M, E");
    let method = found.method();
    assert!(method.citation.contains("no confidences"), "{}", method.citation);
    assert_eq!((method.name.as_str(), method.version.as_str()), ("command", "2.5"));
    assert_eq!(Prediction::decode(&found.encode()).unwrap(), found);
}

#[test]
fn the_program_has_a_minimal_environment() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    predict(&["sees", "{input}", seen.to_str().unwrap()]).unwrap();
    let text = std::fs::read_to_string(seen).unwrap();
    let mut names: Vec<&str> = text.lines().filter_map(|l| l.split_once('=')).map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LANG", "PATH", "cwd", "stdin"], "{text}");
    assert!(text.contains("stdin=/dev/null"), "{text}");
    let value = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)).unwrap().to_owned();
    assert_eq!(value("HOME="), value("cwd="));
}

#[test]
fn nothing_stays_in_the_scratch_folder() {
    let scratch = tempfile::tempdir().unwrap();
    let mut options = options(&["writes", "{input}", "{output}"]);
    options.scratch = scratch.path().to_owned();
    let engine = engine(options);
    engine.predict(&sequence(), &Cancel::new()).unwrap();
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn scratch_folders_are_closed_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    predict(&["sees-its-folder", "{input}", seen.to_str().unwrap()]).unwrap();
    assert_eq!(std::fs::read_to_string(seen).unwrap(), "700");
}

#[test]
fn concurrent_jobs_do_not_disturb_each_other() {
    let engine = engine(options(&["writes", "{input}", "{output}"]));
    std::thread::scope(|scope| {
        for n in 1..9 {
            let engine = &engine;
            scope.spawn(move || {
                let sequence = "ACDEFGHIKL"[..n].parse().unwrap();
                assert_eq!(engine.predict(&sequence, &Cancel::new()).unwrap().len(), n);
            });
        }
    });
}
