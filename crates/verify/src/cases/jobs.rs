//! `/v1/jobs`: submit, wait, read again, list, cancel, delete.

use std::time::Duration;

use pssp_client::ApiRequest;
use pssp_jobs::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::check::{Check, submits};
use crate::probe::{CHAIN, FASTA, FORM, JOB_NAME, JSON, Probe};
use crate::text::text;
use crate::verdict::{Verdict, Why, ensure, equal};

/// The fields of every job.
const FIELDS: &[&str] = &[
    "id",
    "status",
    "created_at",
    "started_at",
    "finished_at",
    "expires_at",
    "attempts",
    "reused",
    "name",
    "length",
    "warnings",
    "error",
    "links",
];

/// How many jobs are submitted at most until one is cancelled before it finishes.
const CANCEL_TRIES: usize = 5;

/// How many jobs are submitted at most until a stored result is reused.
const REUSE_TRIES: usize = 3;

pub(crate) const CHECKS: &[Check] = &[
    submits("POST /v1/jobs answers 202 with Location, Retry-After and the job", submit),
    submits("Prefer: wait holds the answer until the job is finished", wait),
    submits("a finished job tells its times in order, and when it expires", times),
    submits("the same sequence again is answered at once by the stored result", reuse),
    submits("FASTA, plain text and forms are taken as well as JSON", bodies),
    submits("ETag and If-None-Match: 304 without a body", etag),
    submits("a list goes on where its cursor says, newest first", list),
    submits("a list by status has that status only", by_status),
    submits("cancel is 202, then 200, and the job stays cancelled", cancel),
    submits("a finished job cannot be cancelled: 409", too_late),
    submits("delete is 204, again 204, and the job is gone", delete),
];

fn request(sequence: &str) -> String {
    json!({ "sequence": sequence, "name": JOB_NAME }).to_string()
}

fn submit(p: &Probe) -> Verdict {
    let body = request(CHAIN);
    let (answer, job) = p.submit(&ApiRequest::post("/v1/jobs", JSON, body.as_bytes()))?;
    let answer = answer.expect(&[202])?.media("application/json")?;
    let this = format!("/v1/jobs/{}", text(&job, "id"));
    equal("Location", &answer.needed("location")?, &this.as_str())?;
    answer.retry_after()?;
    let missing = FIELDS.iter().find(|field| job.get(field).is_none());
    ensure(missing.is_none(), || format!("the job does not tell {missing:?}"))?;
    equal("name", &text(&job, "name"), &JOB_NAME)?;
    equal("length", &job["length"], &json!(CHAIN.len()))?;
    for link in ["self", "result", "plot", "events", "cancel"] {
        let leads = text(&job["links"], link).starts_with(&this);
        ensure(leads, || format!("links.{link} is {}", job["links"][link]))?;
    }
    Ok(())
}

/// Uses a job of the classic API, which starts after a pause. Another job might finish before the wait begins.
fn wait(p: &Probe) -> Verdict {
    let id = delayed(p, CHAIN)?;
    let path = format!("/v1/jobs/{id}");
    let answer = p.send(&ApiRequest::get(&path).header("prefer", "wait=20"))?.expect(&[200])?;
    let status = text(&answer.json()?, "status").to_owned();
    if status != "finished" {
        answer.retry_after()?;
        return Ok(p.wait_for(&id).map(drop)?);
    }
    let applied = answer.needed("preference-applied")?;
    Ok(ensure(applied.starts_with("wait="), || format!("Preference-Applied is {applied:?}"))?)
}

/// Submits a job that starts after the pause of the classic API, and returns its id.
fn delayed(p: &Probe, sequence: &str) -> Result<String, String> {
    let form = format!("seq={sequence}");
    let said = p.post("/run", FORM, form.as_bytes())?.expect(&[200])?.text();
    Ok(said.split(' ').nth(1).unwrap_or_default().to_owned())
}

fn times(p: &Probe) -> Verdict {
    let job = read(p, p.finished()?)?.json()?;
    let fields = ["created_at", "started_at", "finished_at", "expires_at"];
    let mut last: Option<Timestamp> = None;
    for field in fields {
        let time = Timestamp::deserialize(&job[field])
            .map_err(|_| format!("{field} is no RFC 3339 time: {}", job[field]))?;
        ensure(last.is_none_or(|last| last <= time), || format!("{field} comes before the time before it"))?;
        ensure(text(&job, field).ends_with('Z'), || format!("{field} is not UTC"))?;
        last = Some(time);
    }
    Ok(ensure(job["attempts"].as_u64() >= Some(1), || format!("attempts is {}", job["attempts"]))?)
}

/// The same sequence in lower case gets a new job, marked as reused, with the same result.
fn reuse(p: &Probe) -> Verdict {
    let limits = p.get("/v1/limits")?.expect(&[200])?.json()?;
    if limits["reuse_results"] == json!(false) {
        return Err(Why::Skipped("results are not reused here".to_owned()));
    }
    let first = p.finished()?;
    let body = request(&CHAIN.to_lowercase());
    let api_request =
        ApiRequest::post("/v1/jobs", JSON, body.as_bytes()).header("cache-control", "max-age=604800");
    let mut tries = 0..REUSE_TRIES;
    let (answer, job) = loop {
        let (answer, job) = p.submit(&api_request)?;
        // The job with the stored result may belong to another client, which deletes it. Then the next try finds the
        // result of this job.
        if answer.status == 201 || tries.next().is_none() {
            break (answer, job);
        }
        p.wait_for(text(&job, "id"))?;
    };
    answer.expect(&[201])?;
    let id = text(&job, "id");
    ensure(id != first, || "it is the earlier job itself".to_owned())?;
    equal("status", &text(&job, "status"), &"finished")?;
    equal("reused", &job["reused"], &json!(true))?;
    // The first line contains the job's id.
    let result = |id: &str| {
        let text = p.get(&format!("/v1/jobs/{id}/result.txt"))?.expect(&[200])?.text();
        Ok::<_, String>(text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
    };
    Ok(ensure(result(id)? == result(first)?, || "its result is another".to_owned())?)
}

fn read(p: &Probe, id: &str) -> Result<Answer, String> {
    p.get(&format!("/v1/jobs/{id}"))?.expect(&[200])?.media("application/json")
}

fn bodies(p: &Probe) -> Verdict {
    let fasta = format!(">{} of a chain\n{CHAIN}\n", JOB_NAME.replace(' ', "-"));
    let form = format!("seq={CHAIN}");
    for (kind, body, name) in [
        (FASTA, fasta.as_str(), json!("pssp-verify")),
        ("text/plain", CHAIN, json!(null)),
        (FORM, &form, json!(null)),
    ] {
        let (_, job) = p.submit(&ApiRequest::post("/v1/jobs", kind, body.as_bytes()))?;
        equal(&format!("length from {kind}"), &job["length"], &json!(CHAIN.len()))?;
        equal(&format!("name from {kind}"), &job["name"], &name)?;
    }
    Ok(())
}

fn etag(p: &Probe) -> Verdict {
    let path = format!("/v1/jobs/{}", p.finished()?);
    let first = p.get(&path)?.expect(&[200])?;
    let tag = first.needed("etag")?;
    let again = p.send(&ApiRequest::get(&path).header("if-none-match", tag))?.expect(&[304])?;
    ensure(again.body.is_empty(), || "304 has a body".to_owned())?;
    equal("ETag of 304", &again.needed("etag")?, &tag)?;
    let other = p.send(&ApiRequest::get(&path).header("if-none-match", "\"another\""))?.expect(&[200])?;
    Ok(equal("the job, asked again", &other.json()?, &first.json()?)?)
}

/// Other clients may submit jobs at the same time, so the case checks only the order of the two newest jobs.
fn list(p: &Probe) -> Verdict {
    p.finished()?;
    p.new_job(CHAIN)?;
    let first = p.get("/v1/jobs?limit=1")?.expect(&[200])?;
    let page = first.json()?;
    let next = text(&page, "next").to_owned();
    ensure(!next.is_empty(), || "there are two jobs, and a page of one has no next".to_owned())?;
    let link = first.needed("link")?;
    ensure(link.contains(&next) && link.contains("rel=\"next\""), || format!("Link is {link:?}"))?;
    let following = text(&page["links"], "next");
    let second = p.get(following)?.expect(&[200])?.json()?;
    let (one, two) = (only(&page)?, only(&second)?);
    ensure(one["id"] != two["id"], || "the second page repeats the first".to_owned())?;
    let newest_first = text(one, "created_at") >= text(two, "created_at");
    ensure(newest_first, || "the second page is newer than the first".to_owned())?;
    p.get("/v1/jobs?cursor=nonsense")?.problem(400)?;
    Ok(())
}

fn only(page: &Value) -> Result<&Value, String> {
    match page["jobs"].as_array().map(Vec::as_slice) {
        Some([job]) => Ok(job),
        other => Err(format!("a page of one has {} jobs", other.map_or(0, <[Value]>::len))),
    }
}

fn by_status(p: &Probe) -> Verdict {
    p.finished()?;
    let page = p.get("/v1/jobs?status=finished&limit=50")?.expect(&[200])?.json()?;
    let jobs = page["jobs"].as_array().cloned().unwrap_or_default();
    ensure(!jobs.is_empty(), || "a job is finished, and none is listed".to_owned())?;
    for job in &jobs {
        equal("status", &text(job, "status"), &"finished")?;
    }
    p.get("/v1/jobs?status=nonsense")?.problem(400)?;
    Ok(())
}

fn cancel(p: &Probe) -> Verdict {
    for _ in 0..CANCEL_TRIES {
        let id = delayed(p, CHAIN)?;
        let path = format!("/v1/jobs/{id}");
        let first = p.post(&format!("{path}/cancel"), JSON, b"")?.expect(&[202, 409])?;
        if first.status == 409 {
            continue; // the job finished first
        }
        equal("status", &text(&first.json()?, "status"), &"cancelled")?;
        p.post(&format!("{path}/cancel"), JSON, b"")?.expect(&[200])?;
        let held = p.send(&ApiRequest::get(&path).header("prefer", "wait=2"))?.expect(&[200])?.json()?;
        equal("status afterwards", &text(&held, "status"), &"cancelled")?;
        p.get(&format!("{path}/result"))?.problem(409)?;
        let old = p.get(&format!("/jobs/{id}"))?.expect(&[200])?.json()?;
        equal("status in the classic API", &text(&old, "status"), &"failed")?;
        return Ok(());
    }
    Err(Why::Skipped("jobs were finished before they could be cancelled".to_owned()))
}

fn too_late(p: &Probe) -> Verdict {
    let path = format!("/v1/jobs/{}/cancel", p.finished()?);
    p.post(&path, JSON, b"")?.problem(409)?;
    Ok(())
}

fn delete(p: &Probe) -> Verdict {
    let id = p.new_job(CHAIN)?;
    p.wait_for(&id)?;
    let path = format!("/v1/jobs/{id}");
    for _ in 0..2 {
        p.delete(&path)?.expect(&[204])?;
    }
    for rest in ["", "/result", "/result.txt", "/plot.svg", "/events"] {
        p.get(&format!("{path}{rest}"))?.problem(404)?;
    }
    // The service does not hold a wait for a deleted job.
    let since = std::time::Instant::now();
    p.send(&ApiRequest::get(&path).header("prefer", "wait=20"))?.problem(404)?;
    Ok(ensure(since.elapsed() < Duration::from_secs(10), || "a deleted job is waited for".to_owned())?)
}
