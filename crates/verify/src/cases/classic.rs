//! The classic API: texts and JSON fields that old clients rely on.

use pssp_client::ApiRequest;
use serde_json::Value;
use ureq::http::Method;

use crate::check::{Check, reads, submits};
use crate::labels;
use crate::pace::Pace;
use crate::probe::{ClassicJob, FORM, Probe};
use crate::text::text;
use crate::verdict::{Verdict, Why, ensure, equal};

/// A sequence whose prediction is coil for every residue.
const COIL: &str = "TESTTESTTEST";

/// No job has this id.
const UNKNOWN_ID: &str = "00000000-0000-7000-8000-000000000000";

pub(crate) const CHECKS: &[Check] = &[
    reads("GET / lists the routes", |p| page(p, "/", &["Try these routes"])),
    reads("GET /run tells how to submit", |p| page(p, "/run", &["POSTing sequences to run", "curl"])),
    reads("GET /delete tells how to delete", |p| page(p, "/delete", &["DELETE-ing former jobs"])),
    submits("POST /run answers with the id of the job", |p| {
        posted(p)?;
        Ok(())
    }),
    submits("the job is seen submitted in /jobs, with exactly two keys", seen),
    submits("the job becomes finished", |p| finished(p).map(drop)),
    submits("its result has the eight keys, their alphabets and lengths", result),
    submits("TESTTESTTEST is all coil", coil),
    submits("/download is a PNG of 640x480 to be saved as <id>.png", download),
    submits("a multipart form is taken, and DELETE /delete deletes", delete),
    reads("an unknown id is {} and has no image", unknown),
    reads("POST /run without seq, or without a protein, is 400 and says why", refused),
];

fn page(p: &Probe, path: &str, parts: &[&str]) -> Verdict {
    let answer = p.send(&ApiRequest::get(path).header("accept", "text/plain"))?.expect(&[200])?;
    let answer = answer.media("text/plain")?;
    Ok(parts.iter().try_for_each(|part| answer.contains(part))?)
}

fn run(p: &Probe, content_type: &str, body: &[u8]) -> Result<String, String> {
    let answer = p.post("/run", content_type, body)?.expect(&[200])?;
    let said = answer.text();
    let id = said.strip_prefix("Job ").and_then(|rest| rest.strip_suffix(" submitted to the queue\n"));
    let id = id.ok_or_else(|| format!("POST /run: not what old clients read: {said:?}"))?;
    ensure(id.parse::<pssp_jobs::JobId>().is_ok(), || format!("POST /run: {id:?} is no UUID"))?;
    Ok(id.to_owned())
}

fn posted(p: &Probe) -> Result<&ClassicJob, String> {
    let made = p.classic.get_or_init(|| {
        let id = run(p, FORM, format!("seq={COIL}").as_bytes())?;
        let mut list = p.get("/jobs")?.expect(&[200])?.json()?;
        Ok(ClassicJob { row: list[&id].take(), id })
    });
    made.as_ref().map_err(|why| format!("there is no job of the classic face: {why}"))
}

fn seen(p: &Probe) -> Verdict {
    let row = &posted(p)?.row;
    let keys: Vec<&str> = row.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    equal("keys", &keys, &vec!["datetime", "status"])?;
    let datetime = text(row, "datetime");
    let digits = datetime.replace(|c: char| c.is_ascii_digit(), "9");
    equal("form of datetime", &digits.as_str(), &"9999-99-99 99:99:99.999999")?;
    Ok(ensure(text(row, "status") == "submitted", || {
        format!(
            "status is {:?}; old clients expect a moment as submitted (PSSP_CLASSIC_DELAY)",
            text(row, "status")
        )
    })?)
}

/// Waits for the job, and returns it as `/jobs/<id>` shows it.
fn finished(p: &Probe) -> Result<Value, Why> {
    let path = format!("/jobs/{}", posted(p)?.id);
    let limit = p.job_timeout();
    let mut pace = Pace::start();
    loop {
        let job = p.get(&path)?.expect(&[200])?.media("application/json")?.json()?;
        match text(&job, "status") {
            "finished" => return Ok(job),
            "submitted" if pace.wait(limit) => {}
            "submitted" => {
                p.note_stuck();
                let seconds = limit.as_secs();
                return Err(
                    format!("GET {path}: still submitted after {seconds} s; does a worker run?").into()
                );
            }
            other => return Err(format!("GET {path}: status {other:?}: {}", job["error"]).into()),
        }
    }
}

fn result(p: &Probe) -> Verdict {
    let job = finished(p)?;
    let keys = |json: &Value| -> Vec<String> {
        json.as_object().into_iter().flatten().map(|(k, _)| k.clone()).collect()
    };
    equal(
        "keys",
        &keys(&job),
        &["datetime", "image", "input", "result", "status"].map(String::from).to_vec(),
    )?;
    equal("image", &text(&job, "image"), &"ready")?;
    equal("input", &text(&job, "input"), &COIL)?;
    let result = &job["result"];
    let expected = ["ACC", "DIS", "HED", "INP", "SS3", "SS8", "TM2", "TM8"].map(String::from).to_vec();
    equal("keys of result", &keys(result), &expected)?;
    equal("HED", &text(result, "HED"), &format!(">JOBID = {}", posted(p)?.id).as_str())?;
    equal("INP", &text(result, "INP"), &COIL)?;
    Ok(labels::ALPHABETS
        .iter()
        .try_for_each(|(code, _)| labels::check(code, text(result, code), COIL.len()))?)
}

fn coil(p: &Probe) -> Verdict {
    let job = finished(p)?;
    Ok(equal("SS3", &text(&job["result"], "SS3"), &"C".repeat(COIL.len()).as_str())?)
}

fn download(p: &Probe) -> Verdict {
    finished(p)?;
    let id = &posted(p)?.id;
    let answer = p.get(&format!("/download/{id}"))?.expect(&[200])?.media("image/png")?;
    let saved = answer.needed("content-disposition")?;
    equal("Content-Disposition", &saved, &format!("attachment; filename={id}.png").as_str())?;
    Ok(equal("size", &labels::png_size(&answer.body)?, &(640, 480))?)
}

/// Deletes one job by its id. Never sends `jobid=ALL`, since the service might allow it.
fn delete(p: &Probe) -> Verdict {
    let body = "--x\r\nContent-Disposition: form-data; name=\"seq\"\r\n\r\nMKVLAAGIVG\r\n--x--\r\n";
    let id = run(p, "multipart/form-data; boundary=x", body.as_bytes())?;
    let form = format!("jobid={id}");
    for time in ["once", "twice"] {
        let answer = p
            .send(&ApiRequest::new(Method::DELETE, "/delete").body(FORM, form.as_bytes()))?
            .expect(&[200])?;
        equal(&format!("answer to deleting {time}"), &answer.text(), &format!("Job {id} deleted\n"))?;
    }
    let read = p.get(&format!("/jobs/{id}"))?.expect(&[200])?.json()?;
    Ok(equal("the deleted job", &read, &serde_json::json!({}))?)
}

fn unknown(p: &Probe) -> Verdict {
    for id in [UNKNOWN_ID, "no-uuid"] {
        let read = p.get(&format!("/jobs/{id}"))?.expect(&[200])?.json()?;
        equal(&format!("/jobs/{id}"), &read, &serde_json::json!({}))?;
        p.get(&format!("/download/{id}"))?.expect(&[404])?.media("text/plain")?;
    }
    Ok(())
}

fn refused(p: &Probe) -> Verdict {
    for (form, said) in
        [("", "seq"), ("sequel=MKV", "seq"), ("seq=", "no"), ("seq=MKV%3FLA", "line 1, column 4")]
    {
        let answer = p.post("/run", FORM, form.as_bytes())?;
        if answer.status == 503 {
            return Err(Why::Skipped("intake is paused".to_owned()));
        }
        answer.expect(&[400])?.media("text/plain")?.contains(said)?;
    }
    Ok(())
}
