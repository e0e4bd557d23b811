//! Faults: killed processes, a restarted store, lost messages. No accepted job may be lost, and none may be done twice.

use std::collections::BTreeSet;

use pssp_e2e::{Client, Platform, until};

use super::batches::{chains, done, send};

const FASTA: (&str, &str) = ("content-type", "text/x-fasta");
const TEXT: (&str, &str) = ("content-type", "text/plain");

/// FASTA records with chains that take a good part of a second each to predict.
fn long_chains(n: usize) -> String {
    let chain = |c: usize| {
        (0..10_000_usize)
            .map(|i| char::from(b"ACDEFGHIKLMNPQRSTVWY"[(i * i + i / 7 + c) % 20]))
            .collect::<String>()
    };
    (0..n).map(|c| format!(">long{c}\n{}\n", chain(c))).collect()
}

fn count(client: &Client, path: &str, state: &str) -> u64 {
    let answer = client.try_send("GET", path, &[], b"").filter(|answer| answer.status == 200);
    answer.map_or(0, |answer| answer.json()["counts"][state].as_u64().unwrap())
}

pub(crate) fn a_killed_worker_loses_nothing(platform: &mut dyn Platform) {
    let path = send(&platform.client(), &[FASTA], long_chains(6).as_bytes());
    until("a job to be finished and one to be running", || {
        let client = platform.client();
        (count(&client, &path, "finished") >= 1 && count(&client, &path, "running") >= 1).then_some(())
    });
    platform.kill_workers();
    let left = count(&platform.client(), &path, "finished");
    assert!(left < 6, "killed too late: all jobs were finished");
    platform.start_workers();
    assert_eq!(done(&platform.client(), &path)["finished"], 6);
    let results = platform.client().get(&format!("{path}/results")).expect(200).text();
    assert_eq!(results.lines().count(), 6, "each result once");
}

pub(crate) fn a_killed_api_loses_and_doubles_nothing(platform: &mut dyn Platform) {
    // A caller that gets no answer repeats the request with the same key.
    let submit = |client: &Client, n: usize| {
        until("an answer", || {
            let (key, body) = (format!("request-{n}"), format!("MKVLAAGIVG{}", "A".repeat(n)));
            let headers = [TEXT, ("idempotency-key", key.as_str())];
            let answer = client.try_send("POST", "/v1/jobs", &headers, body.as_bytes())?;
            matches!(answer.status, 200..=202).then(|| answer.json()["id"].as_str().unwrap().to_owned())
        })
    };
    let client = platform.client();
    let ids: Vec<String> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|caller| {
                let client = client.clone();
                scope.spawn(move || (0..15).map(|i| submit(&client, caller * 15 + i)).collect::<Vec<_>>())
            })
            .collect();
        platform.restart_api();
        platform.restart_api();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    let client = platform.client();
    for id in &ids {
        assert_eq!(client.finished(id)["status"], "finished");
    }
    let unique: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), 60);
    until("the list to show all, and no more", || {
        let listed = client.get("/v1/jobs?limit=100").json()["jobs"].as_array().unwrap().len();
        assert!(listed <= 60, "{listed} jobs of 60 requests");
        (listed == 60).then_some(())
    });
}

pub(crate) fn a_store_that_restarts_keeps_what_was_accepted(platform: &mut dyn Platform) {
    let path = send(&platform.client(), &[FASTA], chains(40).as_bytes());
    platform.restart_store();
    let one = until("the service to take jobs again", || {
        let answer = platform.client().try_send("POST", "/v1/jobs", &[TEXT], b"MKVLAAGIVG")?;
        (answer.status == 202).then(|| answer.json()["id"].as_str().unwrap().to_owned())
    });
    assert_eq!(done(&platform.client(), &path)["finished"], 40);
    assert_eq!(platform.client().finished(&one)["status"], "finished");
}

pub(crate) fn lost_messages_are_sent_again(platform: &mut dyn Platform) {
    platform.kill_workers();
    let ids: Vec<String> =
        (0..5).map(|i| platform.client().submit(&format!("MKVLAAGIVG{}", "A".repeat(i)))).collect();
    platform.lose_messages();
    platform.start_workers();
    for id in &ids {
        let job = platform.client().finished(id);
        // No attempt failed. There may be two: a worker gives back what it took ahead of a free thread (ADR 11).
        assert_eq!(
            (&job["status"], &job["last_error"]),
            (&"finished".into(), &serde_json::Value::Null),
            "{job}"
        );
    }
}
