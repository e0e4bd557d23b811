//! `pssp predict` with a program of the operator instead of the network.

use std::os::unix::fs::PermissionsExt;

use crate::support::{pssp, run_with};

/// A method of a class: everything is coil.
const COIL: &str = r#"#!/bin/sh
read -r header < "$1"
sequence=$(tail -n 1 "$1")
{
  echo "$header"
  echo "$sequence"
  for letter in C L E . _ _; do
    echo "$sequence" | tr A-Z "[$letter*]"
  done
} > "$2"
"#;

#[test]
fn a_program_of_the_operator_predicts() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("coil.sh");
    std::fs::write(&script, COIL).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = pssp();
    command
        .env("PSSP_ENGINE", "command")
        .env("PSSP_COMMAND", format!("{} {{input}} {{output}}", script.display()));
    let said = run_with(command, &["predict"], b">mine\nMKVLAW\n").ok();
    assert_eq!(said.out, ">mine\nMKVLAW\nCCCCCC\nLLLLLL\nEEEEEE\n......\n______\n______\n");
}

#[test]
fn a_program_that_is_not_there_is_refused_at_once() {
    let mut command = pssp();
    command.env("PSSP_ENGINE", "command").env("PSSP_COMMAND", "/nowhere/method {input}");
    let said = run_with(command, &["predict"], b">mine\nMKVLAW\n");
    assert!(said.code != 0 && said.err.contains("/nowhere/method is not a program"), "{said:?}");
}
