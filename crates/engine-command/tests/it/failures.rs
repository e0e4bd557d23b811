//! Programs that fail, return wrong answers, or do not stop: the class and the text of each failure.

use std::time::Duration;

use pssp_predict::{Cancel, Engine, EngineError};

use crate::support::{engine, options, predict, sequence};

/// Checks that a run with `arguments` ends in a failure of the method whose text contains `expected`.
fn check_method(arguments: &[&str], expected: &str) {
    match predict(arguments) {
        Err(EngineError::Method(text)) => assert!(text.contains(expected), "{text}"),
        other => panic!("{arguments:?}: {other:?}"),
    }
}

#[test]
fn wrong_answers_are_refused() {
    check_method(&["wrong-length", "{input}"], "15 labels of SS3 for 16 residues");
    check_method(&["wrong-letter", "{input}"], "not in 8 lines");
    check_method(&["wrong-sequence", "{input}"], "about another sequence");
    check_method(&["garbage", "{input}"], "not text");
    check_method(&["writes-nothing", "{input}"], "0 lines instead of 8");
    check_method(&["writes-nothing", "{input}", "{output}"], "wrote no result");
    check_method(&["writes-a-link", "{input}", "{output}"], "not a plain file");
}

#[test]
fn an_empty_answer_comes_with_what_the_program_wrote_on_standard_error() {
    let stderr =
        "(standard error ends: Traceback: | File \"run.py\", line 3 | RuntimeError: CUDA out of memory)";
    for arguments in [&["complains", "{input}"][..], &["complains", "{input}", "{output}"]] {
        check_method(arguments, stderr);
    }
    check_method(&["complains", "{input}"], "0 lines instead of 8");
    check_method(&["complains", "{input}", "{output}"], "wrote no result");
}

#[test]
fn a_crash_is_the_methods_failure() {
    check_method(&["crashes", "{input}"], "died of signal 6");
    check_method(
        &["ends", "{input}", "3"],
        "ended with code 3 (standard error ends: first line | went wrong with 3)",
    );
}

#[test]
fn exit_codes_decide_the_class_of_the_failure() {
    let input = predict(&["ends", "{input}", "65"]);
    assert!(
        matches!(&input, Err(EngineError::Input(text)) if text.contains("went wrong with 65")),
        "{input:?}"
    );
    for code in ["71", "75"] {
        let system = predict(&["ends", "{input}", code]);
        assert!(matches!(system, Err(EngineError::System(_))), "{system:?}");
    }
}

#[test]
fn a_kill_from_outside_is_the_systems_failure() {
    let killed = predict(&["kills-itself", "{input}"]);
    assert!(matches!(killed, Err(EngineError::System(_))), "{killed:?}");
}

#[test]
fn too_much_output_is_stopped() {
    check_method(&["floods", "{input}"], "wrote more than 65536 bytes");
    check_method(&["fills-a-file", "{input}"], "a file of more than 1048576 bytes");
}

#[test]
fn memory_is_limited() {
    check_method(
        &["eats-memory", "{input}"],
        "ended with code 1 (standard error ends: fixture: memory allocation failed",
    );
}

#[test]
fn time_is_limited() {
    let mut options = options(&["hangs", "{input}"]);
    options.timeout = Duration::from_millis(200);
    let hung = engine(options).predict(&sequence(), &Cancel::new());
    assert!(matches!(&hung, Err(EngineError::Method(t)) if t.contains("longer than 200ms")), "{hung:?}");
}

#[test]
fn a_removed_or_changed_program_is_the_systems_failure() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    std::fs::write(&script, "1").unwrap();
    let path = script.to_str().unwrap();
    let engine = engine(options(&["works", "{input}", path]));
    engine.predict(&sequence(), &Cancel::new()).unwrap();
    std::fs::write(&script, "another").unwrap();
    let changed = engine.predict(&sequence(), &Cancel::new());
    assert!(matches!(&changed, Err(EngineError::System(t)) if t.contains("restart it")), "{changed:?}");
    std::fs::remove_file(&script).unwrap();
    let gone = engine.predict(&sequence(), &Cancel::new());
    assert!(matches!(gone, Err(EngineError::System(_))), "{gone:?}");
}
