//! The same text has the same outcome on every route and in every form of body.

use serde_json::{Value, json};

use crate::support::{Answer, Service, service};

const FORM: &str = "application/x-www-form-urlencoded";

/// The outcome for a text: the residues with the codes of the warnings, or the code of the first error.
type Outcome = Result<(String, Vec<String>), String>;

/// Texts that people send: some are accepted, some accepted with a warning, some refused.
const TEXTS: &[&str] = &[
    "MKVLTAYGKL",
    "mkvlt aygkl*\n",
    ">a protein\nMKVLT\nAYGKL\n",
    "\u{feff}>a\r\nMKVLT\r\nAYGKL\r\n",
    "\n \n>a\nMKVLTAYGKL",
    ";comment\n>a\nMKVLTAYGKL\n",
    ">a\n;comment\nMKVLTAYGKL\n",
    ">P1;INS\ninsulin chain A - human\nGIVEQCCTSICSLYQLENYCN*\n",
    "insulin human\nGIVEQCCTSICSLYQLENYCN\n",
    "MKVLT--AYGKL",
    " 2 30\nHuman MKVLTAYGKLMKVLTAYGKL\nMouse MKVLTAYGKLMKVLTAYGKL\n",
    "GlyIleValGluGlnCysCysThrSerIleCysSerLeu",
    "1 mkvltaygkl\n11 mkvltaygkl\n",
    "MKVUTAYGKL",
    "MK",
    "MK?LTAYGKL",
    ">a\nMKVLT\nAY!KL\n",
    "MKV*LTAYGKL",
    ">a\n\n",
    "",
    " \n",
    "MKV\0LT",
    "ACGTACGTACGTACGTACGTACGTACGTACGTACGT",
];

fn codes(list: &Value) -> Vec<String> {
    let codes = list.as_array().unwrap().iter().map(|entry| entry["code"].as_str().unwrap().to_owned());
    // Only a record of a batch gets this warning.
    codes.filter(|code| code != "missing_id").collect()
}

/// The outcome, as stored in the job.
async fn stored(service: &Service, id: &str) -> Outcome {
    let job = service.get(&format!("/v1/jobs/{id}")).await.is(200).json();
    service.work(id).await;
    let fasta = service.get(&format!("/v1/jobs/{id}/result.json")).await.is(200).json();
    Ok((fasta["sequence"].as_str().unwrap().to_owned(), codes(&job["warnings"])))
}

fn refused(answer: &Answer) -> Outcome {
    assert_eq!(answer.status, 422, "{}", answer.text());
    Err(answer.json()["errors"][0]["code"].as_str().unwrap().to_owned())
}

async fn single(service: &Service, media: &str, body: String) -> Outcome {
    let answer = service.post("/v1/jobs", media, body).await;
    if answer.status != 202 {
        return refused(&answer);
    }
    stored(service, answer.json()["id"].as_str().unwrap()).await
}

async fn batch(service: &Service, media: &str, body: String) -> Outcome {
    let answer = service.post("/v1/batches", media, body).await;
    if answer.status != 202 {
        return refused(&answer);
    }
    let list = service.get("/v1/jobs?limit=1").await.json();
    stored(service, list["jobs"][0]["id"].as_str().unwrap()).await
}

async fn validated(service: &Service, text: &str) -> Outcome {
    let answer = service.post("/v1/validate", "text/plain", text.to_owned()).await;
    if answer.status != 200 {
        return refused(&answer);
    }
    let body = answer.json();
    Ok((body["sequence"].as_str().unwrap().to_owned(), codes(&body["warnings"])))
}

/// The classic API has no error codes, so only acceptance or refusal can be compared.
async fn classic_accepts(service: &Service, text: &str) -> bool {
    let answer = service.post("/run", FORM, form(text)).await;
    assert!(matches!(answer.status.as_u16(), 200 | 400), "{}", answer.text());
    answer.status == 200
}

fn form(text: &str) -> String {
    let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("seq={escaped}")
}

#[tokio::test]
async fn every_route_has_the_same_outcome() {
    for text in TEXTS {
        let service = service();
        let expected = single(&service, "text/plain", (*text).to_owned()).await;
        // For a record without residues, a batch has the error that a single job has for an empty input.
        let empty = Err("empty_body".to_owned());
        for (route, found) in [
            (
                "/v1/jobs as JSON",
                single(&service, "application/json", json!({ "sequence": text }).to_string()).await,
            ),
            ("/v1/jobs as a form", single(&service, FORM, form(text)).await),
            ("/v1/batches", batch(&service, "text/plain", (*text).to_owned()).await),
            (
                "/v1/batches as JSON",
                batch(&service, "application/json", json!([{ "sequence": text }]).to_string()).await,
            ),
            ("/v1/batches as a form", batch(&service, FORM, form(text)).await),
            ("/v1/validate", validated(&service, text).await),
        ] {
            assert_eq!(found, expected, "{text:?} on {route}");
        }
        assert_eq!(classic_accepts(&service, text).await, expected.is_ok(), "{text:?} on /run");
        assert!(!text.trim().is_empty() || expected == empty, "{text:?}: {expected:?}");
    }
}
