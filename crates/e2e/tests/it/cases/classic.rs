//! `jobid=ALL` of the classic API. The acceptance cases never send it, since other clients may use the same service.

use pssp_e2e::{Platform, until};

const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];

fn run(platform: &dyn Platform, sequence: &str) -> String {
    let said =
        platform.client().send("POST", "/run", FORM, format!("seq={sequence}").as_bytes()).expect(200).text();
    let id = said.strip_prefix("Job ").and_then(|rest| rest.strip_suffix(" submitted to the queue\n"));
    id.unwrap_or_else(|| panic!("{said:?}")).to_owned()
}

pub(crate) fn delete_all(platform: &mut dyn Platform) {
    let client = platform.client();
    let (one, two) = (run(platform, "MKVLAAGIVG"), run(platform, "MKVLAAGIVGA"));
    let delete = |what: &str| client.send("DELETE", "/delete", FORM, format!("jobid={what}").as_bytes());
    let _ = (client.finished(&one), client.finished(&two));
    assert_eq!(delete("ALL").status, 200);
    // On some stores, lists show changes with a delay.
    until("all jobs to be gone", || (client.get("/jobs").text().trim() == "{}").then_some(()));
}
