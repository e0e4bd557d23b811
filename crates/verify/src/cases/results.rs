//! Results: every format with its content, and the plots.

use pssp_client::ApiRequest;
use serde_json::Value;

use crate::check::{Check, submits};
use crate::labels;
use crate::probe::{CHAIN, Probe};
use crate::text::text;
use crate::verdict::{Verdict, ensure, equal};

/// The columns of the tables.
const COLUMNS: &str = "id pos aa ss3 p_h p_e p_c ss8 acc dis p_dis tm2 tm8";

pub(crate) const CHECKS: &[Check] = &[
    submits("JSON has labels, probabilities, confidence and the method", json),
    submits("classic text has its eight lines", classic),
    submits("ss2 has a row for each residue, in the order C H E", ss2),
    submits("horiz has Conf, Pred and AA in blocks of sixty", horiz),
    submits("TSV and CSV have thirteen columns and a row for each residue", tables),
    submits("FASTA has the sequence and six records of labels", fasta),
    submits("NDJSON is one line", ndjson),
    submits("every format of /v1/limits is there", every_format),
    submits("Accept chooses the format, and is refused where none fits", negotiated),
    submits("a result does not change", unchanged),
    submits("plots come as SVG and PNG, of tracks and composition", plots),
];

fn fetch(p: &Probe, extension: &str, media: &str) -> Result<String, String> {
    let path = format!("/v1/jobs/{}/result.{extension}", p.finished()?);
    Ok(p.get(&path)?.expect(&[200])?.media(media)?.text())
}

fn json(p: &Probe) -> Verdict {
    let result: Value = serde_json::from_str(&fetch(p, "json", "application/json")?)
        .map_err(|e| format!("it is not JSON: {e}"))?;
    equal("sequence", &text(&result, "sequence"), &CHAIN)?;
    for (code, _) in labels::ALPHABETS {
        let track = &result["properties"][code.to_ascii_lowercase()];
        labels::check(code, text(track, "labels"), CHAIN.len())?;
        let confidence = text(track, "confidence");
        let digits = confidence.len() == CHAIN.len() && confidence.bytes().all(|b| b.is_ascii_digit());
        ensure(digits, || format!("{code}: confidence is not a digit for each residue"))?;
        probabilities(code, &track["probabilities"])?;
    }
    let sha256 = text(&result["method"], "sha256").to_owned();
    let response = p.get("/v1/methods")?.expect(&[200])?.json()?;
    let known = response["methods"].as_array().into_iter().flatten().any(|m| text(m, "sha256") == sha256);
    Ok(ensure(known, || format!("/v1/methods does not know the method of the result ({sha256:?})"))?)
}

/// For each residue, the probabilities of the letters add up to one, apart from rounding.
fn probabilities(code: &str, response: &Value) -> Result<(), String> {
    let columns: Vec<Vec<f64>> = response
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_, values)| values.as_array().into_iter().flatten().filter_map(Value::as_f64).collect())
        .collect();
    let complete = !columns.is_empty() && columns.iter().all(|column| column.len() == CHAIN.len());
    ensure(complete, || format!("{code}: probabilities are missing"))?;
    let sums = (0..CHAIN.len()).map(|at| columns.iter().map(|column| column[at]).sum::<f64>());
    let off = sums.enumerate().find(|(_, sum)| (sum - 1.0).abs() > 0.02);
    ensure(off.is_none(), || format!("{code}: probabilities do not make 1 at {off:?}"))
}

fn classic(p: &Probe) -> Verdict {
    let response = fetch(p, "txt", "text/plain")?;
    let lines: Vec<&str> = response.lines().collect();
    equal("lines", &lines.len(), &8)?;
    equal("header", &lines[0], &format!(">JOBID = {}", p.finished()?).as_str())?;
    equal("sequence", &lines[1], &CHAIN)?;
    Ok(labels::check_all(&lines[2..], CHAIN.len())?)
}

fn ss2(p: &Probe) -> Verdict {
    let response = fetch(p, "ss2", "text/plain")?;
    let lines: Vec<&str> = response.lines().collect();
    ensure(response.starts_with("# PSIPRED VFORMAT ("), || "the head is not PSIPRED's".to_owned())?;
    equal("lines", &lines.len(), &(CHAIN.len() + 2))?;
    for (at, (line, residue)) in lines[2..].iter().zip(CHAIN.chars()).enumerate() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let numbers: Vec<f64> = fields.iter().skip(3).filter_map(|f| f.parse().ok()).collect();
        let is_row = fields.len() == 6
            && numbers.len() == 3
            && fields[0] == (at + 1).to_string()
            && fields[1].chars().eq([residue]);
        let best = ["C", "H", "E"].iter().zip(&numbers).max_by(|a, b| a.1.total_cmp(b.1));
        let fits = is_row
            && best.is_some_and(|(letter, top)| {
                fields[2] == *letter || numbers.iter().filter(|n| *n == top).count() > 1
            });
        ensure(fits, || format!("row {}: {line:?}", at + 1))?;
    }
    Ok(())
}

fn horiz(p: &Probe) -> Verdict {
    let response = fetch(p, "horiz", "text/plain")?;
    ensure(response.starts_with("# PSIPRED HFORMAT ("), || "the head is not PSIPRED's".to_owned())?;
    let row = |name: &str| -> String {
        response.lines().filter_map(|line| line.trim_start().strip_prefix(name)).map(str::trim).collect()
    };
    equal("AA", &row("AA:").as_str(), &CHAIN)?;
    labels::check("SS3", &row("Pred:"), CHAIN.len())?;
    let confidence = row("Conf:");
    let digits = confidence.len() == CHAIN.len() && confidence.bytes().all(|b| b.is_ascii_digit());
    Ok(ensure(digits, || format!("Conf is {confidence:?}"))?)
}

fn tables(p: &Probe) -> Verdict {
    for (extension, media, gap) in [("tsv", "text/tab-separated-values", '\t'), ("csv", "text/csv", ',')] {
        let response = fetch(p, extension, media)?;
        let mut rows = response.lines().map(|line| line.split(gap).collect::<Vec<_>>());
        let head = rows.next().unwrap_or_default();
        equal(&format!("columns of {extension}"), &head.join(" ").as_str(), &COLUMNS)?;
        let rows: Vec<_> = rows.collect();
        equal(&format!("rows of {extension}"), &rows.len(), &CHAIN.len())?;
        let odd = rows.iter().enumerate().find(|(at, row)| row.len() != 13 || row[1] != (at + 1).to_string());
        ensure(odd.is_none(), || format!("{extension}: {odd:?}"))?;
        let sequence: String = rows.iter().map(|row| row[2]).collect();
        equal(&format!("residues of {extension}"), &sequence.as_str(), &CHAIN)?;
    }
    Ok(())
}

fn fasta(p: &Probe) -> Verdict {
    let response = fetch(p, "fasta", "text/x-fasta")?;
    let records: Vec<String> =
        response.split('>').skip(1).map(|record| record.lines().skip(1).collect()).collect();
    equal("sequence", &records.first().map(String::as_str), &Some(CHAIN))?;
    let labels: Vec<&str> = records[1..].iter().map(String::as_str).collect();
    Ok(labels::check_all(&labels, CHAIN.len())?)
}

fn ndjson(p: &Probe) -> Verdict {
    let response = fetch(p, "ndjson", "application/x-ndjson")?;
    equal("lines", &response.lines().count(), &1)?;
    let result: Value = serde_json::from_str(&response).map_err(|e| format!("it is not JSON: {e}"))?;
    Ok(equal("sequence", &text(&result, "sequence"), &CHAIN)?)
}

fn every_format(p: &Probe) -> Verdict {
    let limits = p.get("/v1/limits")?.expect(&[200])?.json()?;
    let formats = limits["formats"].as_array().cloned().unwrap_or_default();
    ensure(formats.len() >= 7, || format!("formats are {}", limits["formats"]))?;
    for format in formats.iter().filter_map(Value::as_str) {
        let answer = p.get(&format!("/v1/jobs/{}/result.{format}", p.finished()?))?.expect(&[200])?;
        ensure(!answer.body.is_empty(), || format!("result.{format} is empty"))?;
    }
    Ok(())
}

fn negotiated(p: &Probe) -> Verdict {
    let path = format!("/v1/jobs/{}/result", p.finished()?);
    p.get(&path)?.expect(&[200])?.media("application/json")?;
    let csv =
        p.send(&ApiRequest::get(&path).header("accept", "text/csv"))?.expect(&[200])?.media("text/csv")?;
    equal("result by Accept", &csv.text(), &fetch(p, "csv", "text/csv")?)?;
    p.send(&ApiRequest::get(&path).header("accept", "image/png"))?.problem(406)?;
    Ok(())
}

fn unchanged(p: &Probe) -> Verdict {
    let first = fetch(p, "json", "application/json")?;
    Ok(ensure(first == fetch(p, "json", "application/json")?, || "read twice, it differs".to_owned())?)
}

fn plots(p: &Probe) -> Verdict {
    for kind in ["tracks", "composition"] {
        let path = |image| Ok::<_, String>(format!("/v1/jobs/{}/plot.{image}?kind={kind}", p.finished()?));
        let svg = p.get(&path("svg")?)?.expect(&[200])?.media("image/svg+xml")?;
        svg.contains("<svg")?;
        svg.needed("content-security-policy")?;
        let png = p.get(&path("png")?)?.expect(&[200])?.media("image/png")?;
        labels::png_size(&png.body)?;
    }
    p.get(&format!("/v1/jobs/{}/plot.svg?kind=nonsense", p.finished()?))?.problem(400)?;
    Ok(())
}
