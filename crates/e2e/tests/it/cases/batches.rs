//! Batches: many records in one request.

use pssp_e2e::{Client, Platform, until};
use serde_json::Value;

const FASTA: (&str, &str) = ("content-type", "text/x-fasta");

/// FASTA records with `n` different chains of 50 residues.
pub(super) fn chains(n: usize) -> String {
    let residue =
        |c: usize, i: usize| char::from(b"ACDEFGHIKLMNPQRSTVWY"[(i * i + i / 7 + c * 13 + c / 20) % 20]);
    let chain = |c: usize| (0..50).map(|i| residue(c, i)).collect::<String>();
    (0..n).map(|c| format!(">chain{c}\n{}\n", chain(c))).collect()
}

/// Sends a batch and returns the path of its handle.
pub(super) fn send(client: &Client, headers: &[(&str, &str)], body: &[u8]) -> String {
    let answer = client.send("POST", "/v1/batches", headers, body).expect(202);
    format!("/v1/batches/{}", answer.json()["id"].as_str().unwrap())
}

/// Waits until all jobs of the batch are done, and returns its counts.
pub(super) fn done(client: &Client, path: &str) -> Value {
    until("the batch to end", || {
        let answer = client.try_send("GET", path, &[], b"")?;
        let counts = (answer.status == 200).then(|| answer.json()["counts"].clone())?;
        (counts["submitted"] == 0 && counts["running"] == 0).then_some(counts)
    })
}

pub(crate) fn a_batch_comes_back_in_order(platform: &mut dyn Platform) {
    let client = platform.client();
    let fasta = chains(120);
    let path = send(&client, &[FASTA], fasta.as_bytes());
    assert_eq!(done(&client, &path)["finished"], 120);
    let results =
        client.send("GET", &format!("{path}/results"), &[("accept", "text/plain")], b"").expect(200);
    let sequences: Vec<String> = results.text().lines().skip(1).step_by(8).map(str::to_owned).collect();
    assert_eq!(sequences, fasta.lines().skip(1).step_by(2).collect::<Vec<_>>());
    let lines = client.get(&format!("{path}/results")).expect(200).text();
    assert_eq!(lines.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count(), 120);
}
