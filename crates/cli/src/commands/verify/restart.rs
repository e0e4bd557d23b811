//! `--restart-check`: jobs that are kept from one run to the next, to see that they outlive a restart.

use std::path::Path;

use pssp_jobs::Timestamp;
use pssp_verify::{CHAIN, Probe, Verdict, Why, ensure, equal, text};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::report::Report;
use crate::exit::Failure;

/// Jobs that are kept.
const KEPT_JOBS: usize = 2;

/// The formats of the results that are kept.
const FORMATS: [&str; 2] = ["json", "txt"];

/// A kept job.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    id: String,
    /// Its idempotency key.
    key: String,
    created_at: Timestamp,
    /// The results, to the byte, in the order of [`FORMATS`].
    results: Vec<String>,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct File {
    jobs: Vec<Kept>,
}

/// Checks what the file names, if there is one; then, where jobs are taken, keeps new ones instead.
/// After a failure the old ones stay, to be looked at.
pub(crate) fn run(path: &Path, p: &Probe, paused: bool, report: &mut Report) -> Result<(), Failure> {
    let old = load(path)?;
    let mut all_there = true;
    if let Some(old) = &old {
        all_there =
            report.add("restart", "jobs of the run before are there, with the same results", || {
                Ok(old.jobs.iter().try_for_each(|kept| outlived(p, kept))?)
            })?;
        if !paused {
            all_there &= report.add("restart", "their keys still name them", || remembered(p, &old.jobs))?;
        }
    }
    if paused || !all_there {
        return Ok(());
    }
    let mut new = None;
    let made = report.add("restart", "jobs are kept for the next run", || {
        let jobs = (0..KEPT_JOBS).map(|_| keep(p)).collect::<Result<_, _>>()?;
        new = Some(File { jobs });
        Ok(())
    })?;
    let Some(new) = new.filter(|_| made) else { return Ok(()) };
    store(path, &new)?;
    new.jobs.iter().for_each(|kept| p.keep(&kept.id));
    old.into_iter().flat_map(|old| old.jobs).for_each(|kept| p.note_made(&kept.id));
    Ok(())
}

fn load(path: &Path) -> Result<Option<File>, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => {
            return Err(Failure::usage(
                format!("cannot read {}: {e}", path.display()),
                "choose another file",
            ));
        }
    };
    serde_json::from_str(&text).map(Some).map_err(|e| {
        Failure::usage(
            format!("{} was not written by --restart-check: {e}", path.display()),
            "remove it, or choose another file",
        )
    })
}

fn store(path: &Path, file: &File) -> Result<(), Failure> {
    let text = serde_json::json!(file).to_string();
    std::fs::write(path, text).map_err(|e| {
        Failure::usage(
            format!("cannot write {}: {e}", path.display()),
            "choose another file; the jobs expire",
        )
    })
}

fn results(p: &Probe, id: &str) -> Result<Vec<String>, String> {
    FORMATS
        .iter()
        .map(|format| Ok(p.get(&format!("/v1/jobs/{id}/result.{format}"))?.expect(&[200])?.text()))
        .collect()
}

fn keep(p: &Probe) -> Result<Kept, String> {
    let key = format!("pssp-verify-kept-{}", Uuid::new_v4());
    let (_, job) = p.submit_with_key(&key)?;
    let id = text(&job, "id").to_owned();
    let job = p.wait_for(&id)?;
    let created_at = Timestamp::deserialize(&job["created_at"]).map_err(|e| format!("created_at: {e}"))?;
    Ok(Kept { results: results(p, &id)?, id, key, created_at })
}

fn outlived(p: &Probe, kept: &Kept) -> Result<(), String> {
    let job = p.get(&format!("/v1/jobs/{}", kept.id))?.expect(&[200])?.json()?;
    equal(&format!("status of {}", kept.id), &text(&job, "status"), &"finished")?;
    equal("length", &job["length"].as_u64(), &Some(CHAIN.len() as u64))?;
    for ((format, before), now) in FORMATS.iter().zip(&kept.results).zip(results(p, &kept.id)?) {
        ensure(*before == now, || format!("result.{format} of {} has changed", kept.id))?;
    }
    Ok(())
}

/// Submitting again under the same key changes nothing, also after a restart.
fn remembered(p: &Probe, jobs: &[Kept]) -> Verdict {
    let remembered_s = p.limit("idempotency_key_ttl_s")?;
    let status = p.get("/v1/status")?.expect(&[200])?.json()?;
    let now = Timestamp::deserialize(&status["now"]).map_err(|e| format!("now: {e}"))?;
    if jobs.iter().any(|kept| now.since(kept.created_at).as_secs() >= remembered_s) {
        return Err(Why::Skipped("the run before is longer ago than keys are remembered".to_owned()));
    }
    for kept in jobs {
        let (_, job) = p.submit_with_key(&kept.key)?;
        let same = equal("id under the key", &text(&job, "id"), &kept.id.as_str());
        p.keep(&kept.id); // until new ones take its place
        same?;
    }
    Ok(())
}
