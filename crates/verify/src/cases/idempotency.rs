//! `Idempotency-Key`: the same key is the same job.

use pssp_client::ApiRequest;
use uuid::Uuid;

use crate::answer::Answer;
use crate::check::{Check, submits};
use crate::probe::{CHAIN, FASTA, Probe};
use crate::text::text;
use crate::verdict::{Verdict, ensure, equal};

pub(crate) const CHECKS: &[Check] = &[
    submits("a repeated POST returns the first job", replayed),
    submits("a key with another body is refused: 422", reused),
    submits("a batch is replayed likewise", batch),
    submits("the key of a deleted job makes no new one: 410", deleted),
];

fn post(p: &Probe, path: &str, key: &str, body: &str) -> Result<Answer, String> {
    p.send(&ApiRequest::post(path, FASTA, body.as_bytes()).header("idempotency-key", key))
}

fn new_key() -> String {
    format!("pssp-verify-{}", Uuid::new_v4())
}

fn replayed(p: &Probe) -> Verdict {
    let key = new_key();
    let (first, job) = p.submit_with_key(&key)?;
    equal("Idempotent-Replayed at first", &first.header("idempotent-replayed"), &None)?;
    let (again, same) = p.submit_with_key(&key)?;
    equal("id", &text(&same, "id"), &text(&job, "id"))?;
    equal("Idempotent-Replayed", &again.needed("idempotent-replayed")?, &"true")?;
    p.wait_for(text(&job, "id"))?;
    let (done, _) = p.submit_with_key(&key)?;
    Ok(done.expect(&[201]).map(drop)?)
}

fn reused(p: &Probe) -> Verdict {
    let key = new_key();
    p.submit_with_key(&key)?;
    let problem = post(p, "/v1/jobs", &key, &CHAIN[1..])?.problem(422)?;
    let kind = text(&problem, "type");
    ensure(kind.ends_with(":key-reused"), || format!("type is {kind:?}"))?;
    p.send(&ApiRequest::post("/v1/jobs", FASTA, CHAIN.as_bytes()).header("idempotency-key", "no key"))?
        .problem(400)?;
    Ok(())
}

fn batch(p: &Probe) -> Verdict {
    let (key, body) = (new_key(), format!(">a\n{CHAIN}\n"));
    let first = post(p, "/v1/batches", &key, &body)?.expect(&[202])?.json()?;
    let again = post(p, "/v1/batches", &key, &body)?.expect(&[202])?;
    crate::cases::batch::note_jobs(p, text(&first, "id"))?;
    equal("id", &text(&again.json()?, "id"), &text(&first, "id"))?;
    Ok(equal("Idempotent-Replayed", &again.needed("idempotent-replayed")?, &"true")?)
}

fn deleted(p: &Probe) -> Verdict {
    let key = new_key();
    let (_, job) = p.submit_with_key(&key)?;
    p.delete(&format!("/v1/jobs/{}", text(&job, "id")))?.expect(&[204])?;
    post(p, "/v1/jobs", &key, CHAIN)?.problem(410)?;
    Ok(())
}
