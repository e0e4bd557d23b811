//! Errors: RFC 9457 problem details, each with the right status.

use pssp_client::ApiRequest;
use ureq::http::Method;

use crate::check::{Check, reads};
use crate::probe::{CHAIN, FASTA, JSON, Probe};
use crate::text::text;
use crate::verdict::{Verdict, Why, ensure, equal};

/// No job has this id.
const UNKNOWN_ID: &str = "00000000-0000-7000-8000-000000000000";

/// Larger body limits are not tested, since sending the body would take too long.
const LARGEST_TESTED_LIMIT: u64 = 64 << 20;

pub(crate) const CHECKS: &[Check] = &[
    reads("an unknown job, batch or route is 404", not_found),
    reads("another verb is 405 with Allow", method),
    reads("an unknown body is 415", media),
    reads("a body over the limit is 413 with the limit, also when packed small", too_large),
    reads("JSON that cannot be read is 400 with its place", unparsable),
    reads("POST /v1/jobs refuses what is no protein: 422 with place and hint", refused),
];

fn not_found(p: &Probe) -> Verdict {
    for path in ["/v1/no-such-route", "/v1/jobs/no-uuid"] {
        p.get(path)?.problem(404)?;
    }
    for rest in ["", "/events", "/result", "/result.ss2", "/plot.png"] {
        p.get(&format!("/v1/jobs/{UNKNOWN_ID}{rest}"))?.problem(404)?;
    }
    p.post(&format!("/v1/jobs/{UNKNOWN_ID}/cancel"), JSON, b"")?.problem(404)?;
    p.get(&format!("/v1/batches/{UNKNOWN_ID}"))?.problem(404)?;
    p.delete(&format!("/v1/jobs/{UNKNOWN_ID}"))?.expect(&[204])?;
    Ok(())
}

fn method(p: &Probe) -> Verdict {
    let answer = p.send(&ApiRequest::new(Method::PUT, "/v1/jobs").body(JSON, b"{}"))?;
    let allow = answer.needed("allow")?.to_owned();
    ensure(allow.contains("POST") && allow.contains("GET"), || format!("Allow is {allow:?}"))?;
    answer.problem(405)?;
    Ok(())
}

fn media(p: &Probe) -> Verdict {
    p.post("/v1/validate", "image/png", b"MKVLA")?.problem(415)?;
    let packed = ApiRequest::post("/v1/validate", FASTA, b"MKVLA").header("content-encoding", "br");
    p.send(&packed)?.problem(415)?;
    Ok(())
}

/// The body is sent as gzip. If a service refuses a body by its length, it may not read the body to its end.
fn too_large(p: &Probe) -> Verdict {
    let limit = p.limit("max_body_bytes")?;
    if limit > LARGEST_TESTED_LIMIT {
        return Err(Why::Skipped(format!("the limit of {limit} bytes is too large to go over")));
    }
    let body = crate::cases::batch::gzip(&vec![b'A'; usize::try_from(limit + 1).unwrap_or_default()])?;
    let problem = p
        .send(&ApiRequest::post("/v1/validate", FASTA, &body).header("content-encoding", "gzip"))?
        .problem(413)?;
    equal("limit.name", &text(&problem["limit"], "name"), &"max_body_bytes")?;
    Ok(equal("limit.value", &problem["limit"]["value"].as_u64(), &Some(limit))?)
}

fn unparsable(p: &Probe) -> Verdict {
    for body in ["{\"sequence\": ", "[\"MKVLA\"]", "{\"sequence\": \"MKVLA\", \"colour\": 1}"] {
        let problem = p.post("/v1/validate", JSON, body.as_bytes())?.problem(400)?;
        ensure(problem["errors"][0]["line"].is_u64(), || format!("{body}: no place is told"))?;
    }
    let body = ApiRequest::post("/v1/validate", FASTA, CHAIN.as_bytes()).header("content-encoding", "gzip");
    p.send(&body)?.problem(400)?;
    Ok(())
}

fn refused(p: &Probe) -> Verdict {
    let answer = p.post("/v1/jobs", FASTA, b">a\nMKV\nLA?GI\n")?;
    if answer.status == 503 {
        return Err(Why::Skipped("intake is paused".to_owned()));
    }
    let problem = answer.problem(422)?;
    let error = &problem["errors"][0];
    let place = [&error["line"], &error["column"]].map(serde_json::Value::as_u64);
    equal("line and column", &place, &[Some(3), Some(3)])?;
    ensure(!text(error, "hint").is_empty(), || "there is no hint".to_owned())?;
    Ok(equal("retryable", &problem["retryable"], &false.into())?)
}

/// The case for a service whose intake is paused.
pub(crate) fn paused(p: &Probe) -> Verdict {
    for path in ["/v1/jobs", "/v1/batches"] {
        let answer = p.post(path, FASTA, b">a\nMKVLA\n")?.expect(&[503])?;
        answer.retry_after()?;
        let problem = answer.problem(503)?;
        let kind = text(&problem, "type");
        ensure(kind.ends_with(":maintenance"), || format!("type is {kind:?}"))?;
    }
    p.post("/run", crate::probe::FORM, b"seq=MKVLA")?.expect(&[503])?.retry_after()?;
    p.get("/jobs")?.expect(&[200])?;
    p.get("/v1/jobs")?.expect(&[200])?;
    Ok(())
}
