//! API keys: without a key, or with a wrong one, callers are refused.

use pssp_client::ApiRequest;

use crate::check::{Check, reads};
use crate::probe::Probe;
use crate::verdict::{Verdict, Why, equal};

pub(crate) const CHECKS: &[Check] = &[
    reads("without a key nothing of anybody's is told", |p| stranger(p, None)),
    reads("a wrong key is no key", |p| stranger(p, Some("certainly-not-a-key-of-this-service"))),
    reads("notices are for the operator alone", admin),
];

fn stranger(p: &Probe, key: Option<&str>) -> Verdict {
    let first = p.send_with_key(key, &ApiRequest::get("/v1/jobs?limit=1"))?;
    if first.status == 200 {
        return Err(Why::Skipped("the service is open to everybody".to_owned()));
    }
    first.problem(401)?;
    for api_request in [
        ApiRequest::get("/jobs"),
        ApiRequest::get("/v1/jobs/00000000-0000-7000-8000-000000000000"),
        ApiRequest::post("/run", crate::probe::FORM, b"seq=MKVLA"),
        ApiRequest::post("/v1/jobs", crate::probe::FASTA, b"MKVLA"),
        ApiRequest::post("/v1/batches", crate::probe::FASTA, b">a\nMKVLA\n"),
        ApiRequest::post("/v1/validate", crate::probe::FASTA, b"MKVLA"),
    ] {
        p.send_with_key(key, &api_request)?.expect(&[401])?.needed("www-authenticate")?;
    }
    for open in ["/", "/healthz", "/v1/status"] {
        p.send_with_key(key, &ApiRequest::get(open))?.expect(&[200])?;
    }
    Ok(())
}

/// The status is 401, or 403 if the service has no admin key. The notice is invalid, so that it is never set.
fn admin(p: &Probe) -> Verdict {
    let put = ApiRequest::new(ureq::http::Method::PUT, "/v1/admin/notice").body(crate::probe::JSON, b"{}");
    let status = p.send_with_key(None, &put)?.expect(&[401, 403])?.status;
    let wrong = p.send_with_key(Some("certainly-not-the-admin-key"), &put)?.expect(&[401, 403])?.status;
    Ok(equal("status with a wrong key", &wrong, &status)?)
}
