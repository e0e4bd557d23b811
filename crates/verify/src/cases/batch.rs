//! `/v1/batches`: many records, some of which may be invalid.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use pssp_client::ApiRequest;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::check::{Check, submits};
use crate::pace::Pace;
use crate::probe::{CHAIN, FASTA, JSON, Probe};
use crate::text::text;
use crate::verdict::{Verdict, Why, ensure, equal};

/// Three records; the second is not a protein sequence.
const ONE_BAD: &str = ">a\nMKVLAAGIVG\n>b\nMK?LA\n>c\nMKVLAAGIVGLLLAQWKDE\n";

pub(crate) const CHECKS: &[Check] = &[
    submits("a bad record is told with its place and does not sink the batch", one_bad),
    submits("results come in the order of the input", in_order),
    submits("a gzip batch is taken, as is a JSON list", packed),
    submits("a batch of bad records alone tells all of them", all_bad),
];

fn post(p: &Probe, api_request: &ApiRequest<'_>) -> Result<Value, String> {
    let answer = p.send(api_request)?.expect(&[202])?;
    let batch = answer.json()?;
    let id = text(&batch, "id");
    equal("Location", &answer.needed("location")?, &format!("/v1/batches/{id}").as_str())?;
    note_jobs(p, id)?;
    Ok(batch)
}

fn results(p: &Probe, id: &str) -> Result<Answer, String> {
    p.get(&format!("/v1/batches/{id}/results"))?.expect(&[200])?.media("application/x-ndjson")
}

fn lines(answer: &Answer) -> Result<Vec<Value>, String> {
    let response = answer.text();
    response.lines().map(|line| serde_json::from_str(line).map_err(|e| format!("NDJSON: {e}"))).collect()
}

/// Notes the jobs of the batch, so that they are deleted at the end.
pub(crate) fn note_jobs(p: &Probe, id: &str) -> Result<(), String> {
    for line in lines(&results(p, id)?)? {
        if let Some(job) = line["id"].as_str() {
            p.note_made(job);
        }
    }
    Ok(())
}

/// Waits until the jobs of all records are done.
fn done(p: &Probe, id: &str) -> Result<Value, Why> {
    let limit = p.job_timeout();
    let mut pace = Pace::start();
    loop {
        let answer = p.get(&format!("/v1/batches/{id}"))?.expect(&[200])?;
        let batch = answer.json()?;
        if text(&batch, "status") == "finished" {
            return Ok(batch);
        }
        answer.retry_after()?;
        if !pace.wait(limit) {
            p.note_stuck();
            return Err(
                format!("batch {id} is not done after {} s: {}", limit.as_secs(), batch["counts"]).into()
            );
        }
    }
}

fn one_bad(p: &Probe) -> Verdict {
    let batch = post(p, &ApiRequest::post("/v1/batches", FASTA, ONE_BAD.as_bytes()))?;
    equal("total", &batch["total"], &json!(3))?;
    equal("rejected", &batch["counts"]["rejected"], &json!(1))?;
    let rejected = &batch["rejected"][0];
    equal("index of the bad record", &rejected["index"], &json!(1))?;
    let error = &rejected["errors"][0];
    let place = [&error["record"], &error["line"], &error["column"]].map(Value::as_u64);
    equal("record, line and column", &place, &[Some(2), Some(4), Some(3)])?;
    let batch = done(p, text(&batch, "id"))?;
    equal("finished", &batch["counts"]["finished"], &json!(2))?;
    Ok(())
}

fn in_order(p: &Probe) -> Verdict {
    let batch = post(p, &ApiRequest::post("/v1/batches", FASTA, ONE_BAD.as_bytes()))?;
    let id = text(&batch, "id");
    done(p, id)?;
    let lines = lines(&results(p, id)?)?;
    let response: Vec<(Option<u64>, &str, &str)> =
        lines.iter().map(|l| (l["index"].as_u64(), text(l, "name"), text(l, "status"))).collect();
    let expected = [(Some(0), "a", "finished"), (Some(1), "b", "rejected"), (Some(2), "c", "finished")];
    equal("index, name and status", &response.as_slice(), &expected.as_slice())?;
    let classic = p.get(&format!("/v1/batches/{id}/results.txt"))?.expect(&[200])?;
    equal("PSSP-Skipped", &classic.needed("pssp-skipped")?, &"1")?;
    let response = classic.text();
    let sequences: Vec<&str> = response.lines().skip(1).step_by(8).collect();
    Ok(equal("sequences", &sequences, &vec!["MKVLAAGIVG", "MKVLAAGIVGLLLAQWKDE"])?)
}

/// Compresses `bytes` with gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).and_then(|()| packed.finish()).map_err(|e| format!("packing failed: {e}"))
}

fn packed(p: &Probe) -> Verdict {
    let body = gzip(format!(">a\n{CHAIN}\n>b\n{CHAIN}\n").as_bytes())?;
    let encoded = post(p, &ApiRequest::post("/v1/batches", FASTA, &body).header("content-encoding", "gzip"))?;
    equal("records of a gzip encoding", &encoded["total"], &json!(2))?;
    let typed = post(p, &ApiRequest::post("/v1/batches", "application/gzip", &body))?;
    equal("records of a gzip file", &typed["total"], &json!(2))?;
    let list = json!([{ "name": "a", "sequence": CHAIN }, { "sequence": CHAIN }]).to_string();
    let listed = post(p, &ApiRequest::post("/v1/batches", JSON, list.as_bytes()))?;
    equal("records of a JSON list", &listed["total"], &json!(2))?;
    let counts = done(p, text(&listed, "id"))?["counts"].take();
    Ok(equal("finished", &counts["finished"], &json!(2))?)
}

/// The service may refuse the whole batch or each record. Either way it lists each bad record.
fn all_bad(p: &Probe) -> Verdict {
    let answer = p.post("/v1/batches", FASTA, b">a\nMK?\n>b\nM!\n")?.expect(&[202, 422])?;
    let response = answer.json()?;
    if answer.status == 202 {
        note_jobs(p, text(&response, "id"))?;
    }
    let field = if answer.status == 202 { "rejected" } else { "errors" };
    let count = response[field].as_array().map_or(0, Vec::len);
    Ok(ensure(count == 2, || format!("{count} of 2 bad records are told"))?)
}
