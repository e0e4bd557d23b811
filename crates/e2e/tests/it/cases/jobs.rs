//! Single jobs, where the acceptance cases are not enough.

use std::collections::BTreeSet;

use pssp_e2e::client::REUSE;
use pssp_e2e::{Client, Platform, pssp, until};

const UBIQUITIN: &str = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG";
const TEXT: (&str, &str) = ("content-type", "text/plain");

/// A chain that takes a good part of a second to predict.
fn long() -> String {
    (0..10_000_usize).map(|i| char::from(b"ACDEFGHIKLMNPQRSTVWY"[(i * i + i / 7) % 20])).collect()
}

pub(crate) fn a_result_is_that_of_a_prediction_on_this_machine(platform: &mut dyn Platform) {
    let client = platform.client();
    let id = client.submit(UBIQUITIN);
    let job = client.finished(&id);
    assert_eq!((&job["status"], &job["attempts"]), (&"finished".into(), &1.into()), "{job}");
    // Apart from the header, the result has the same bytes as a local prediction.
    let lines = |text: String| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let served = client.get(&format!("/v1/jobs/{id}/result.txt")).expect(200).text();
    assert_eq!(lines(served), lines(pssp(platform, &["predict", UBIQUITIN])));
}

pub(crate) fn watching_ends_with_the_job(platform: &mut dyn Platform) {
    let client = platform.client();
    let id = client.submit(&long());
    let watched = pssp(platform, &["watch", &id, "--timeout", "60s"]);
    assert!(watched.lines().last().unwrap().contains("finished"), "{watched}");
    // A stream that begins after the end of the job still has its last event.
    let events = client.get(&format!("/v1/jobs/{id}/events")).expect(200);
    assert!(events.header("content-type").starts_with("text/event-stream"), "{events:?}");
    assert!(events.text().contains("finished"), "{}", events.text());
}

pub(crate) fn racing_submissions_with_one_key_are_one_job(platform: &mut dyn Platform) {
    let client = platform.client();
    let submit = |client: &Client, sequence: &str| {
        client.send("POST", "/v1/jobs", &[TEXT, ("idempotency-key", "once")], sequence.as_bytes())
    };
    let racing: Vec<_> = (0..8).map(|_| client.clone()).collect();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let started: Vec<_> = racing.iter().map(|c| scope.spawn(|| submit(c, UBIQUITIN))).collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let ids: BTreeSet<String> = answers
        .iter()
        .map(|a| a.json()["id"].as_str().unwrap_or_else(|| panic!("{a:?}")).to_owned())
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let _ = client.finished(ids.first().unwrap());
    assert!(matches!(submit(&client, UBIQUITIN).status, 200..=202));
    assert_eq!(submit(&client, "MKVLAAGIVG").status, 422);
}

pub(crate) fn a_reused_result_outlives_its_source(platform: &mut dyn Platform) {
    let client = platform.client();
    let again = |sequence: &str| client.send("POST", "/v1/jobs", &[TEXT, REUSE], sequence.as_bytes());
    let first = again(UBIQUITIN).expect(202).json()["id"].as_str().unwrap().to_owned();
    let _ = client.finished(&first);
    let answered = again(&UBIQUITIN.to_lowercase()).expect(201).json();
    let id = answered["id"].as_str().unwrap();
    assert!(id != first && answered["reused"] == true && answered["status"] == "finished", "{answered}");
    let lines = |id: &str| {
        let text = client.get(&format!("/v1/jobs/{id}/result.txt")).expect(200).text();
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(id), lines(&first));
    // Records of a batch get stored results too, unless the caller asks for a new one. The copy outlives the first job.
    let fasta = format!(">a\n{UBIQUITIN}\n>b\n{UBIQUITIN}\n");
    let batch =
        client.send("POST", "/v1/batches", &[("content-type", "text/x-fasta"), REUSE], fasta.as_bytes());
    assert_eq!(batch.expect(202).json()["counts"]["finished"], 2);
    let anew = client.submit(UBIQUITIN);
    assert_eq!(client.finished(&anew)["reused"], false);
    let kept = lines(id);
    assert_eq!(client.send("DELETE", &format!("/v1/jobs/{first}"), &[], b"").status, 204);
    assert_eq!(lines(id), kept);
}

pub(crate) fn lists_page_through_all_jobs(platform: &mut dyn Platform) {
    let client = platform.client();
    let mut made: Vec<String> =
        (0..7).map(|i| client.submit(&format!("MKVLAAGIVG{}", "A".repeat(i)))).collect();
    for id in &made {
        let _ = client.finished(id);
    }
    made.reverse();
    let listed = || {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = client.get(&format!("/v1/jobs?limit=3&status=finished{cursor}")).expect(200).json();
            let ids =
                page["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned());
            all.extend(ids);
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    };
    until("the list to show all", || (listed() == made).then_some(()));
}

pub(crate) fn cancelled_stays_cancelled(platform: &mut dyn Platform) {
    platform.kill_workers();
    let client = platform.client();
    let id = client.submit(&long());
    let cancel = || client.send("POST", &format!("/v1/jobs/{id}/cancel"), &[], b"");
    assert_eq!(cancel().status, 202);
    assert_eq!(cancel().status, 200);
    platform.start_workers();
    let other = client.submit(UBIQUITIN);
    assert_eq!(client.finished(&other)["status"], "finished");
    assert_eq!(client.finished(&id)["status"], "cancelled");
    assert_eq!(client.send("POST", &format!("/v1/jobs/{other}/cancel"), &[], b"").status, 409);
}

pub(crate) fn the_longest_chain(platform: &mut dyn Platform) {
    let client = platform.client();
    let sequence = long();
    let id = client.submit(&sequence);
    let job = client.finished(&id);
    assert_eq!((&job["status"], &job["length"]), (&"finished".into(), &10_000.into()), "{job}");
    let result = client.get(&format!("/v1/jobs/{id}/result.json")).expect(200).json();
    assert_eq!(result["sequence"], sequence);
    assert_eq!(client.get(&format!("/v1/jobs/{id}/result.tsv")).text().lines().count(), 10_001);
    let one_more = client.send("POST", "/v1/jobs", &[TEXT], format!("{sequence}A").as_bytes());
    assert_eq!(one_more.status, 422, "{}", one_more.text());
}

pub(crate) fn bad_input_creates_nothing(platform: &mut dyn Platform) {
    let client = platform.client();
    for (body, status) in [
        (&b"MK?LA"[..], 422),
        (b"", 422),
        (b"\xff\xfeMKVLA", 422),
        (b"MKV\0LA", 422),
        (b"ACGTACGTACGTACGTACGTACGTACGTACGTACGT", 422),
    ] {
        let answer = client.send("POST", "/v1/jobs", &[TEXT], body);
        assert_eq!(answer.status, status, "{body:?}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json", "{body:?}");
        let problem = answer.json();
        assert!(problem["detail"].is_string() && problem["retryable"] == false, "{problem}");
    }
    assert_eq!(client.get("/v1/jobs/not-an-id").status, 404);
    assert_eq!(client.get("/v1/jobs").json()["jobs"].as_array().unwrap().len(), 0);
}

pub(crate) fn a_live_verification_passes(platform: &mut dyn Platform) {
    let report = pssp(platform, &["verify", "--expect-version", env!("CARGO_PKG_VERSION")]);
    assert!(report.lines().last().unwrap().contains(" 0 failed"), "{report}");
}
