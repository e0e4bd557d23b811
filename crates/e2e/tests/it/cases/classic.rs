//! The classic face, as old clients use it.

use pssp_e2e::{Platform, until};

const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];

fn run(platform: &dyn Platform, sequence: &str) -> String {
    let said =
        platform.client().send("POST", "/run", FORM, format!("seq={sequence}").as_bytes()).expect(200).text();
    let id = said.strip_prefix("Job ").and_then(|rest| rest.strip_suffix(" submitted to the queue\n"));
    id.unwrap_or_else(|| panic!("{said:?}")).to_owned()
}

pub(crate) fn a_classic_client_gets_its_result(platform: &mut dyn Platform) {
    let client = platform.client();
    let id = run(platform, "TESTTESTTEST");
    assert_eq!(client.get("/jobs").json()[&id]["status"], "submitted");
    let job = until("the classic job", || {
        let job = client.get(&format!("/jobs/{id}")).json();
        (job["status"] == "finished").then_some(job)
    });
    assert_eq!((job["input"].as_str(), job["image"].as_str()), (Some("TESTTESTTEST"), Some("ready")));
    let result = &job["result"];
    assert_eq!(result["HED"], format!(">JOBID = {id}"));
    assert_eq!((&result["INP"], &result["SS3"]), (&"TESTTESTTEST".into(), &"CCCCCCCCCCCC".into()));
    for line in ["SS8", "ACC", "DIS", "TM2", "TM8"] {
        assert_eq!(result[line].as_str().unwrap().len(), 12, "{line}");
    }
    let image = client.get(&format!("/download/{id}")).expect(200);
    assert_eq!(image.header("content-type"), "image/png");
    assert_eq!(image.header("content-disposition"), format!("attachment; filename={id}.png"));
    assert!(image.body.starts_with(b"\x89PNG\r\n\x1a\n") && image.body.ends_with(b"IEND\xaeB`\x82"));
}

pub(crate) fn classic_errors_say_what_to_do(platform: &mut dyn Platform) {
    let client = platform.client();
    assert!(client.get("/").expect(200).text().contains("Try these routes"));
    assert!(client.get("/run").expect(200).text().contains("POSTing sequences to run"));
    let refused = client.send("POST", "/run", FORM, b"seq=MK%3FL").expect(400).text();
    assert!(refused.contains("column 3") && refused.contains("'?'"), "{refused}");
    assert_eq!(client.send("POST", "/run", FORM, b"other=MKL").status, 400);
    assert_eq!(client.get("/jobs/01a2094a-bb7b-71f1-89bc-447b8ac762bd").expect(200).text().trim(), "{}");
    assert_eq!(client.get("/download/01a2094a-bb7b-71f1-89bc-447b8ac762bd").status, 404);
    let form = "--x\r\ncontent-disposition: form-data; name=\"seq\"\r\n\r\nMKVLAAGIVG\r\n--x--\r\n";
    let multipart = [("content-type", "multipart/form-data; boundary=x")];
    assert!(client.send("POST", "/run", &multipart, form.as_bytes()).expect(200).text().starts_with("Job "));
}

pub(crate) fn classic_delete(platform: &mut dyn Platform) {
    let client = platform.client();
    let (one, two) = (run(platform, "MKVLAAGIVG"), run(platform, "MKVLAAGIVGA"));
    let delete = |what: &str| client.send("DELETE", "/delete", FORM, format!("jobid={what}").as_bytes());
    assert_eq!(delete(&one).expect(200).text(), format!("Job {one} deleted\n"));
    assert_eq!(delete(&one).expect(200).text(), format!("Job {one} deleted\n"));
    assert_eq!(client.get(&format!("/jobs/{one}")).text().trim(), "{}");
    let _ = client.finished(&two);
    assert_eq!(delete("ALL").status, 200);
    // Lists may lag where the store says so.
    until("all jobs to be gone", || (client.get("/jobs").text().trim() == "{}").then_some(()));
}
