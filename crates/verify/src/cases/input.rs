//! Input: what the service cleans, and what it refuses with place and hint.

use serde_json::{Value, json};

use crate::check::{Check, reads};
use crate::probe::{FASTA, FORM, JSON, Probe};
use crate::text::text;
use crate::verdict::{Verdict, ensure, equal};

pub(crate) const CHECKS: &[Check] = &[
    reads("letters, gaps, numbers and a last * are cleaned, and every edit is listed", cleaned),
    reads("B Z J U O X become X, each with its position", replaced),
    reads("what is no protein is refused with place and hint", refused),
    reads("what looks like nucleotides is refused unless forced", nucleotides),
    reads("a sequence over the limit is refused with the limit", too_long),
    reads("a short chain and an odd FASTA id are taken with a warning", warned),
];

fn validate(p: &Probe, body: &[u8]) -> Result<Value, String> {
    p.post("/v1/validate", FASTA, body)?.expect(&[200])?.json()
}

fn kinds(response: &Value) -> Vec<&str> {
    response["edits"].as_array().into_iter().flatten().map(|edit| text(edit, "kind")).collect()
}

fn cleaned(p: &Probe) -> Verdict {
    const SENT: [(&str, &str, usize); 8] = [
        ("mkvla", "MKVLA", 1),
        ("MKV LA\tGI\r\nVG", "MKVLAGIVG", 1),
        ("\u{feff}MKVLA", "MKVLA", 0), // a byte order mark is removed without a remark
        ("MK\u{a0}V\u{200b}LA", "MKVLA", 1),
        ("MK-V.LA", "MKVLA", 1),
        ("        1 mkvlaagivg lllaqwkde\n       61 mkvla", "MKVLAAGIVGLLLAQWKDEMKVLA", 3),
        ("MKVLA*", "MKVLA", 1),
        (">a protein\nMKV\nLA\n", "MKVLA", 0),
    ];
    for (sent, clean, edits) in SENT {
        let response = validate(p, sent.as_bytes())?;
        equal(&format!("{sent:?} cleaned"), &text(&response, "sequence"), &clean)?;
        let found = kinds(&response);
        ensure(found.len() >= edits, || format!("{sent:?}: edits told are {found:?}"))?;
    }
    let response = p.post("/v1/validate", JSON, br#"{"sequence": "mkvla"}"#)?.expect(&[200])?.json()?;
    equal("from JSON", &text(&response, "sequence"), &"MKVLA")?;
    let response = p.post("/v1/validate", FORM, b"seq=mkvla")?.expect(&[200])?.json()?;
    Ok(equal("from a form", &text(&response, "sequence"), &"MKVLA")?)
}

fn replaced(p: &Probe) -> Verdict {
    let response = validate(p, b"MBKZVJLUAOGXM")?;
    equal("cleaned", &text(&response, "sequence"), &"MXKXVXLXAXGXM")?;
    for (letter, position) in [("B", 2), ("Z", 4), ("J", 6), ("U", 8), ("O", 10)] {
        let edits = response["edits"].as_array().into_iter().flatten();
        let mut of_letter = edits.filter(|edit| text(edit, "from") == letter);
        let positions = of_letter.next().map(|edit| edit["positions"].clone());
        equal(&format!("positions of {letter}"), &positions, &Some(json!([position])))?;
    }
    Ok(())
}

/// The line of an error, and its column if there is one.
type Place = (u64, Option<u64>);

/// Kind of error, invalid input, and the place of the error.
const REFUSED: [(&str, &[u8], Option<Place>); 9] = [
    ("an odd character", b">a\nMKV\nLA?GI\n", Some((3, Some(3)))),
    ("an inner stop", b"MK*VL", Some((1, Some(3)))),
    ("a record without residues", b">a\n", Some((2, None))),
    ("an empty body", b"", None),
    ("white space alone", b" \n\t\n", None),
    ("not UTF-8", b"MK\xffVL", Some((1, Some(3)))),
    ("NUL", b"MK\0VL", Some((1, Some(3)))),
    ("HTML", b"<script>alert(1)</script>", Some((1, Some(1)))),
    ("two records", b">a\nMKV\n>b\nMKV\n", Some((3, None))),
];

fn refused(p: &Probe) -> Verdict {
    for (what, body, place) in REFUSED {
        let problem =
            p.post("/v1/validate", FASTA, body)?.problem(422).map_err(|why| format!("{what}: {why}"))?;
        let error = &problem["errors"][0];
        for field in ["code", "detail", "hint"] {
            ensure(!text(error, field).is_empty(), || format!("{what}: the error has no {field}"))?;
        }
        let Some((line, column)) = place else { continue };
        equal(&format!("{what}: line"), &error["line"].as_u64(), &Some(line))?;
        if column.is_some() {
            equal(&format!("{what}: column"), &error["column"].as_u64(), &column)?;
        }
    }
    Ok(())
}

fn nucleotides(p: &Probe) -> Verdict {
    let gene = "ACGT".repeat(10);
    p.post("/v1/validate", FASTA, gene.as_bytes())?.problem(422)?;
    let forced = p.post("/v1/validate?force=true", FASTA, gene.as_bytes())?.expect(&[200])?.json()?;
    equal("forced", &text(&forced, "sequence"), &gene.as_str())?;
    let body = json!({ "sequence": gene, "options": { "force": true } }).to_string();
    p.post("/v1/validate", JSON, body.as_bytes())?.expect(&[200])?;
    Ok(())
}

fn too_long(p: &Probe) -> Verdict {
    let most = usize::try_from(p.limit("max_residues")?).unwrap_or(usize::MAX).min(1 << 20);
    let chain: String = "MKVLAEWDRSTYFHINPQCG".chars().cycle().take(most + 1).collect();
    let answer = p.post("/v1/validate", FASTA, chain.as_bytes())?;
    let status = if answer.status == 413 { 413 } else { 422 };
    let problem = answer.problem(status)?;
    ensure(problem.to_string().contains(&most.to_string()), || {
        format!("the limit of {most} is not told: {}", text(&problem, "detail"))
    })?;
    let response = validate(p, &chain.as_bytes()[1..])?;
    Ok(equal("length at the limit", &response["length"], &json!(most))?)
}

fn warned(p: &Probe) -> Verdict {
    for (sent, what) in [("MKVL", "four residues"), (">\nMKVLA", "a missing id")] {
        let response = validate(p, sent.as_bytes())?;
        let warnings = response["warnings"].as_array().map_or(0, Vec::len);
        ensure(warnings > 0, || format!("{what}: no warning"))?;
    }
    Ok(())
}
