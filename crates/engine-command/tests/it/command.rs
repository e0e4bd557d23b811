//! Command lines: which are accepted, what they mean, and the errors of refused ones.

use pssp_engine_command::{Command, CommandEngine, Options};

use crate::support::FIXTURE;

fn check_refused(line: &str, expected: &str) {
    let refused = Command::parse(line).expect_err("it should be refused").to_string();
    assert!(refused.contains(expected), "{refused}");
}

#[test]
fn unusable_command_lines_are_refused() {
    check_refused("", "no program is named");
    check_refused("[]", "no program is named");
    check_refused("[1]", "not a JSON list of strings");
    check_refused("cat 'open {input}", "a quote is not closed");
    check_refused("cat", "no argument holds {input}");
    check_refused("./cat {input}", "relative path");
    check_refused("/nowhere/cat {input}", "/nowhere/cat is not a program that may be run");
    check_refused("no-such-program-at-all {input}", "in /usr/local/bin:/usr/bin:/bin");
    check_refused("/etc/passwd {input}", "is not a program that may be run");
    check_refused("/etc {input}", "is not a program that may be run");
}

#[test]
fn shell_words_and_json_lists_mean_the_same() {
    let words = Command::parse(&format!("{FIXTURE} 'a b' {{input}}")).unwrap();
    let list = Command::parse(&serde_json::to_string(&[FIXTURE, "a b", "{input}"]).unwrap()).unwrap();
    assert_eq!(format!("{words:?}"), format!("{list:?}"));
}

#[test]
fn the_digest_covers_the_program_and_its_files() {
    let alone = Command::parse(&format!("{FIXTURE} {{input}}")).unwrap();
    let script = tempfile::NamedTempFile::new().unwrap();
    let line = format!("{FIXTURE} {} {{input}}", script.path().display());
    let before = Command::parse(&line).unwrap();
    std::fs::write(script.path(), "x").unwrap();
    let after = Command::parse(&line).unwrap();
    let digests = [alone.sha256(), before.sha256(), after.sha256()];
    assert!(digests.iter().all(|d| d.len() == 64));
    assert!(digests[0] != digests[1] && digests[1] != digests[2], "{digests:?}");
}

#[test]
fn a_start_without_scratch_or_launcher_is_refused() {
    let command = || Command::parse(&format!("{FIXTURE} {{input}}")).unwrap();
    let options = Options { scratch: "/nowhere".into(), ..Options::new(command()).unwrap() };
    assert!(CommandEngine::new(options).unwrap_err().to_string().contains("no scratch folder in /nowhere"));
    let options = Options { launcher: "/nowhere/pssp".into(), ..Options::new(command()).unwrap() };
    assert!(CommandEngine::new(options).unwrap_err().to_string().contains("launcher /nowhere/pssp"));
}

/// An executable script with this first line.
fn script(first_line: &str) -> tempfile::TempPath {
    use std::os::unix::fs::PermissionsExt;
    let script = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    std::fs::write(&script, format!("{first_line}cat $1\n")).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    script
}

#[test]
fn a_script_without_its_interpreter_is_refused() {
    for (first_line, expected) in [
        ("#!/bin/sh\r\n", "the interpreter /bin/sh and ends with CR LF"),
        ("#!/usr/bin/env python3\r\n", "the interpreter /usr/bin/env and ends with CR LF"),
        ("#!/nowhere/python\n", "the interpreter /nowhere/python, which is not there"),
    ] {
        let script = script(first_line);
        check_refused(&format!("{} {{input}}", script.display()), expected);
    }
    for first_line in ["#!/bin/sh\n", "#! /bin/sh -e\n", ""] {
        let script = script(first_line);
        assert!(Command::parse(&format!("{} {{input}}", script.display())).is_ok(), "{first_line:?}");
    }
}
