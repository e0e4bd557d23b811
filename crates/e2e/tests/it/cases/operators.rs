//! Tasks of operators while the service runs.

use pssp_e2e::{Platform, operate, until};
use serde_json::Value;

const TEXT: (&str, &str) = ("content-type", "text/plain");

pub(crate) fn a_notice_pauses_intake(platform: &mut dyn Platform) {
    let before = platform.client().submit("MKVLAAGIVG");
    let _ = operate(platform, &["notice", "set", "new disks", "--until", "1h", "--pause-intake"]);
    let client = platform.client();
    let refused = until("intake to pause", || {
        let answer = client.send("POST", "/v1/jobs", &[TEXT], b"MKVLAAGIVG");
        (answer.status == 503).then_some(answer)
    });
    assert!(refused.text().contains("maintenance"), "{}", refused.text());
    assert!(refused.header("retry-after").parse::<u64>().is_ok(), "{refused:?}");
    assert_eq!(client.finished(&before)["status"], "finished", "reads and workers go on");
    assert!(client.get("/").text().contains("new disks"));
    let _ = operate(platform, &["notice", "clear"]);
    until("intake to open", || {
        (client.send("POST", "/v1/jobs", &[TEXT], b"MKVLAAGIVG").status == 202).then_some(())
    });
}

/// A job that loses its worker at every attempt becomes a dead letter.
pub(crate) fn what_was_given_up_is_sent_again(platform: &mut dyn Platform) {
    let long: String =
        (0..10_000_usize).map(|i| char::from(b"ACDEFGHIKLMNPQRSTVWY"[(i * i + i / 7) % 20])).collect();
    let id = platform.client().submit(&long);
    let path = format!("/v1/jobs/{id}");
    let mut killed = 0;
    until("the job to be given up", || {
        let answer = platform.client().try_send("GET", &path, &[], b"")?;
        let job = (answer.status == 200).then(|| answer.json())?;
        let (status, attempts) = (job["status"].as_str().unwrap(), job["attempts"].as_u64().unwrap());
        // One kill for each attempt: the job stays running until its lease has expired.
        if status == "running" && attempts > killed {
            killed = attempts;
            platform.kill_workers();
            platform.start_workers();
        }
        assert_ne!(status, "finished", "attempt {attempts}, {killed} killed");
        (status == "failed").then_some(())
    });
    let letters = operate(platform, &["--json", "dead", "list"]);
    let letter: Value = serde_json::from_str(letters.lines().next().unwrap()).unwrap();
    assert_eq!(letter["job"], id, "{letters}");
    let _ = operate(platform, &["dead", "redrive", &id]);
    assert_eq!(platform.client().finished(&id)["status"], "finished");
    assert_eq!(operate(platform, &["--json", "dead", "list"]).trim(), "");
}
