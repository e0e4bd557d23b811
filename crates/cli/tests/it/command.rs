//! `pssp predict` with an external program instead of the built-in network.

use std::os::unix::fs::PermissionsExt;

use crate::support::{pssp, run_with};

/// A program that predicts coil for every residue.
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
fn an_external_program_predicts() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("coil.sh");
    std::fs::write(&script, COIL).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = pssp();
    command
        .env("PSSP_ENGINE", "command")
        .env("PSSP_COMMAND", format!("{} {{input}} {{output}}", script.display()));
    let output = run_with(command, &["predict"], b">mine\nMKVLAW\n").ok();
    assert_eq!(output.out, ">mine\nMKVLAW\nCCCCCC\nLLLLLL\nEEEEEE\n......\n______\n______\n");
}

#[test]
fn a_missing_program_is_refused_at_once() {
    let mut command = pssp();
    command.env("PSSP_ENGINE", "command").env("PSSP_COMMAND", "/nowhere/method {input}");
    let output = run_with(command, &["predict"], b">mine\nMKVLAW\n");
    assert!(output.code != 0 && output.err.contains("/nowhere/method is not a program"), "{output:?}");
}
