//! The classic API: the exact texts and fields that old clients rely on.

use std::time::Duration;

use pssp_api::Config;

use crate::support::{Service, UNKNOWN_ID, service, service_with};

const FORM: &str = "application/x-www-form-urlencoded";

async fn run(service: &Service, form: &str) -> String {
    let answer = service.post("/run", FORM, form.to_owned()).await.is(200);
    let text = answer.text();
    let id = text.strip_prefix("Job ").unwrap().strip_suffix(" submitted to the queue\n").unwrap();
    assert_eq!(id.len(), 36, "{text}");
    id.to_owned()
}

#[tokio::test]
async fn help_texts() {
    let service = service();
    assert!(service.get("/").await.is(200).text().lines().any(|l| l == "Try these routes"));
    let run = service.get("/run").await.is(200);
    assert!(run.text().contains("POSTing sequences to run") && run.text().contains("curl "));
    assert!(service.get("/delete").await.is(200).text().contains("DELETE-ing former jobs"));
    assert_eq!(run.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[tokio::test]
async fn head_works_wherever_get_does() {
    let service = service();
    for path in ["/", "/run", "/jobs", "/delete", "/v1/jobs", "/healthz"] {
        let answer = service.ask("HEAD", path).send().await.is(200);
        assert!(answer.body.is_empty(), "{path}");
    }
    let answer = service.ask("HEAD", "/v1/nothing").send().await.is(404);
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn from_submission_to_result() {
    let service = service();
    let id = run(&service, "seq=testtest+TEST%0A").await;
    let list = service.get("/jobs").await.is(200);
    insta::assert_json_snapshot!("classic_list", one_row(&list.json(), &id));
    service.clock.advance(Duration::from_secs(1));
    let before = service.get(&format!("/jobs/{id}")).await.is(200).json();
    insta::assert_json_snapshot!("classic_submitted", before);

    let claimed = service.claim(&id).await;
    let running = service.get(&format!("/jobs/{id}")).await.is(200).json();
    assert_eq!(running["status"], "submitted");
    service.finish(&claimed).await;

    let done = service.get(&format!("/jobs/{id}")).await.is(200);
    assert_eq!(done.header("content-type"), Some("application/json"));
    assert_eq!(done.header("x-content-type-options"), Some("nosniff"));
    let done = done.json();
    assert_eq!(done["result"]["HED"], format!(">JOBID = {id}"));
    insta::assert_json_snapshot!("classic_finished", done, { ".result.HED" => ">JOBID = [id]" });
}

fn one_row(list: &serde_json::Value, id: &str) -> serde_json::Value {
    assert_eq!(list.as_object().unwrap().len(), 1);
    list[id].clone()
}

#[tokio::test]
async fn warnings_about_changed_residues_are_below_the_answer() {
    let service = service();
    for (form, warns) in
        [("seq=TESTTESTTEST", false), ("seq=MK", false), ("seq=MKVU", true), ("seq=MKVLT-AYGKL", true)]
    {
        let answer = service.post("/run", FORM, form).await.is(200);
        let lines: Vec<&str> = answer.text().lines().collect();
        assert!(lines[0].starts_with("Job ") && lines[0].ends_with(" submitted to the queue"), "{form}");
        assert_eq!(lines.len() > 1, warns, "{form}: {}", answer.text());
        assert!(lines[1..].iter().all(|line| line.starts_with("Warning: ")), "{form}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_job_starts_after_the_classic_delay() {
    let service = service();
    let id = run(&service, "seq=TESTTESTTEST").await;
    service.clock.advance(Duration::from_millis(999));
    assert!(matches!(
        service.jobs.claim(id.parse().unwrap()).await.unwrap(),
        pssp_jobs::service::Claim::Wait(left) if left == Duration::from_millis(1)
    ));
    service.clock.advance(Duration::from_millis(1));
    service.work(&id).await;
}

#[tokio::test]
async fn multipart_forms() {
    let service = service();
    let body = "--b\r\nContent-Disposition: form-data; name=\"seq\"; filename=\"a.fasta\"\r\n\r\n>a\r\nTESTTEST\r\n\r\n--b--\r\n";
    service.post("/run", "multipart/form-data; boundary=b", body).await.is(200);
    service.post("/run", "multipart/form-data", body).await.is(400);
    service.post("/run", "multipart/form-data; boundary=c", body).await.is(400);
}

#[tokio::test]
async fn refusals_name_the_reason() {
    let service = service();
    for (form, reason) in [
        ("", "no field seq"),
        ("sequenz=TEST", "no field seq"),
        ("seq=", "no sequence"),
        ("seq=MK%3FLT", "'?'"),
        ("seq=MK*LT", "*"),
        ("seq=%00", "NUL"),
        ("seq=%FF", "UTF-8"),
    ] {
        let answer = service.post("/run", FORM, form).await.is(400);
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(answer.text().contains(reason), "{form}: {}", answer.text());
    }
    assert_eq!(service.get("/jobs").await.text(), "{}");
}

#[tokio::test]
async fn unknown_ids_are_empty() {
    let service = service();
    for id in [UNKNOWN_ID, "42", "%3Cscript%3E", "%FF", "a%2Fb"] {
        assert_eq!(service.get(&format!("/jobs/{id}")).await.is(200).text(), "{}", "{id}");
        let image = service.get(&format!("/download/{id}")).await.is(404);
        assert!(image.text().contains("there is no job of yours with this id"), "{}", image.text());
        assert!(!image.text().contains("not finished"), "{}", image.text());
    }
}

#[tokio::test]
async fn failed_and_cancelled_are_failed_with_a_reason() {
    let service = service();
    let (failed, cancelled) = (service.submit("MKVLT").await, service.submit("MKVLT").await);
    service.fail(&failed).await;
    service.ask("POST", &format!("/v1/jobs/{cancelled}/cancel")).send().await.is(202);
    for (id, reason) in [(failed, "the method gave up"), (cancelled, "cancelled")] {
        let job = service.get(&format!("/jobs/{id}")).await.json();
        assert_eq!((&job["status"], &job["error"]), (&"failed".into(), &reason.into()));
        assert_eq!(service.get("/jobs").await.json()[&id]["status"], "failed");
        let image = service.get(&format!("/download/{id}")).await.is(404);
        assert!(image.text().contains("it failed") || image.text().contains("it was cancelled"));
    }
}

#[tokio::test]
async fn download_is_a_picture_of_a_finished_job() {
    let service = service();
    let id = service.submit("TESTTESTTEST").await;
    let path = format!("/download/{id}");
    assert!(service.get(&path).await.is(404).text().contains("not finished"));
    service.work(&id).await;
    let image = service.get(&path).await.is(200);
    assert_eq!(image.header("content-type"), Some("image/png"));
    assert_eq!(image.header("content-disposition"), Some(&*format!("attachment; filename={id}.png")));
    assert!(image.body.starts_with(b"\x89PNG\r\n"));
    assert_eq!(
        (&image.body[16..20], &image.body[20..24]),
        (&640_u32.to_be_bytes()[..], &480_u32.to_be_bytes()[..])
    );
}

#[tokio::test]
async fn delete_answers_the_same_for_every_id() {
    let service = service();
    let id = service.submit("TESTTESTTEST").await;
    for _ in 0..2 {
        let answer = service.ask("DELETE", "/delete").body(FORM, format!("jobid={id}")).send().await.is(200);
        assert_eq!(answer.text(), format!("Job {id} deleted\n"));
    }
    assert!(service.job(&id).await.is_none());
    let answer = service.ask("DELETE", "/delete?jobid=42").send().await.is(200);
    assert_eq!(answer.text(), "Job 42 deleted\n");
    service.ask("DELETE", "/delete").send().await.is(400);
    service.ask("DELETE", "/delete").body(FORM, "jobid=").send().await.is(400);
}

#[tokio::test]
async fn delete_all_only_where_allowed() {
    let closed = service();
    let id = closed.submit("MKVLT").await;
    closed.ask("DELETE", "/delete").body(FORM, "jobid=ALL").send().await.is(403);
    assert!(closed.job(&id).await.is_some());

    let open = service_with(Config { allow_delete_all: true, ..Config::default() });
    for _ in 0..205 {
        open.submit("MKVLT").await;
    }
    let answer = open.ask("DELETE", "/delete").body(FORM, "jobid=ALL").send().await.is(200);
    assert_eq!(answer.text(), "Job ALL deleted\n");
    assert_eq!(open.get("/jobs").await.text(), "{}");
}

#[tokio::test]
async fn the_list_is_limited_to_the_newest_jobs() {
    let service = service_with(Config { classic_list: 150, ..Config::default() });
    let mut ids = Vec::new();
    for _ in 0..160 {
        ids.push(service.submit("MKVLT").await);
    }
    let list = service.get("/jobs").await.json();
    let shown = list.as_object().unwrap();
    assert_eq!(shown.len(), 150);
    assert!(ids[10..].iter().all(|id| shown.contains_key(id)));
}
