//! Tasks of operators while the service runs.

use pssp_e2e::{Embedded, Platform, operate, pssp, until};
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

/// The archive of a service fills a store on another platform, where the service goes on: results are the same to the
/// byte, what waited is finished, and a repeated request finds its job.
pub(crate) fn an_archive_moves_the_service(platform: &mut dyn Platform) {
    let key = [TEXT, ("idempotency-key", "before-the-move")];
    let done = platform.client().submit("MKVLAAGIVGSSSWWWLLLKK");
    let _ = platform.client().finished(&done);
    let result = format!("/v1/jobs/{done}/result.json");
    let before = platform.client().get(&result).expect(200);
    platform.kill_workers();
    let waiting = platform.client().send("POST", "/v1/jobs", &key, b"MKVLAAGIVG").expect(202).json();
    let waiting = waiting["id"].as_str().unwrap().to_owned();

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (archive, other) = (path("archive.pssp.gz"), format!("sqlite:{}", path("jobs.db")));
    let (here, back) = (platform.backend(), path("back.pssp.gz"));
    let _ = pssp(platform, &["export", &here, "-o", &archive]);
    assert!(pssp(platform, &["archive", &archive]).contains("2 jobs (1 submitted, 1 finished)"));
    let _ = pssp(platform, &["import", &other, &archive]);
    let _ = pssp(platform, &["import", "--check", &other, &archive]);
    let _ = pssp(platform, &["export", &other, "-o", &back]);

    // Where anybody may call from the network, callers own what they send from their address.
    let is_public = here.starts_with("aws:");
    let moved = Embedded::start_in(folder, if is_public { &[("PSSP_ACCESS", "unlisted")] } else { &[] });
    let client = moved.client();
    assert_eq!(client.get(&result).expect(200).body, before.body);
    assert_eq!(client.finished(&waiting)["status"], "finished");
    let again = client.send("POST", "/v1/jobs", &key, b"MKVLAAGIVG");
    assert_eq!(again.json()["id"], *waiting, "{}", again.text());

    // Back where everything is still, the archive changes nothing.
    platform.start_workers();
    let _ = platform.client().finished(&waiting);
    let back = pssp(platform, &["import", &here, &back, "--json"]);
    let back: Value = serde_json::from_str(&back).unwrap();
    assert_eq!(
        (&back["counts"]["job"]["new"], &back["counts"]["job"]["existing"]),
        (&0.into(), &2.into()),
        "{back}"
    );
    assert_eq!(platform.client().get(&result).expect(200).body, before.body);
}
