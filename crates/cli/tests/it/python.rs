//! Runs the example client in Python against a real service. These tests fail if `python3` is not installed.

use std::process::Command;

use crate::support::{CommandOutput, Server, root, run_with};

/// Runs Python in the folder of the client.
fn python(server: &Server, args: &[&str]) -> CommandOutput {
    let mut command = Command::new("python3");
    assert!(
        Command::new("python3").arg("--version").output().is_ok(),
        "python3 is not installed: the example client cannot be tested"
    );
    command.current_dir(root().join("examples/python")).env("PSSP_URL", &server.url);
    command.env_remove("PSSP_API_KEY").env("PYTHONDONTWRITEBYTECODE", "1");
    run_with(command, args, b"")
}

#[test]
fn the_command_line_client_predicts_one_sequence_and_a_batch() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let output = python(&server, &["client.py", "predict", "MKVLAAGIVGLLLAQWKDE"]).ok();
    let lines: Vec<&str> = output.out.lines().collect();
    assert_eq!((lines.len(), lines[1]), (8, "MKVLAAGIVGLLLAQWKDE"));

    let fasta = dir.path().join("three.fasta");
    std::fs::write(&fasta, ">a\nMKVLAAGIVG\n>b\nMK?LA\n>c\nMKVLA\n").unwrap();
    let output = python(&server, &["client.py", "batch", fasta.to_str().unwrap(), "--format", "tsv"]).ok();
    assert!(output.err.contains("record 2 refused: '?' cannot stand"), "{output:?}");
    assert!(output.out.contains("\nc\t5\tA\t"), "{output:?}");

    let output = python(&server, &["client.py", "predict", "MK?LA"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output.err.contains("Not a protein sequence (422)") && !output.err.contains("Traceback"),
        "{output:?}"
    );
}

#[test]
fn the_client_works_as_a_module() {
    const SCRIPT: &str = r#"
from client import Client, PsspError
pssp = Client()
first = pssp.submit("MKVLAAGIVG", name="mine", key="k1")
assert pssp.submit("MKVLAAGIVG", name="mine", key="k1")["id"] == first["id"]
job = pssp.wait(first["id"], timeout_s=60)
assert (job["status"], job["name"]) == ("finished", "mine"), job
result = pssp.result(job["id"])
assert len(result["properties"]["ss3"]["labels"]) == 10, result
assert pssp.result(job["id"], "ss2").startswith('# PSIPRED VFORMAT')
batch = pssp.submit_batch(">a\nMKVLAAGIVG\n>b\nMK?LA\n")
assert pssp.wait_batch(batch["id"], timeout_s=60)["counts"]["finished"] == 1
told = [(r["name"], r["status"]) for r in pssp.batch_results(batch["id"])]
assert told == [("a", "finished"), ("b", "rejected")], told
try:
    pssp.submit("MK?LA")
    raise SystemExit("what is no protein was taken")
except PsspError as refused:
    assert refused.status == 422 and refused.errors[0]["column"] == 3, refused.problem
pssp.delete(job["id"])
try:
    pssp.job(job["id"])
    raise SystemExit("the job is still there")
except PsspError as gone:
    assert gone.status == 404
"#;
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    python(&server, &["-c", SCRIPT]).ok();
}
