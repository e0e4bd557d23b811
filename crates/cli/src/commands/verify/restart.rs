//! `--restart-check`: keeps jobs from one run to the next, to check that they survive a restart.

use std::path::Path;

use pssp_jobs::Timestamp;
use pssp_verify::{CHAIN, Probe, Verdict, Why, ensure, equal, text};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::report::Report;
use crate::exit::Failure;

/// Number of jobs that are kept.
const KEPT_JOBS: usize = 2;

/// The result formats that are compared.
const FORMATS: [&str; 2] = ["json", "txt"];

/// A kept job.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptJob {
    id: String,
    /// Its idempotency key.
    key: String,
    created_at: Timestamp,
    /// The results byte for byte, in the order of [`FORMATS`].
    results: Vec<String>,
}

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
struct File {
    jobs: Vec<KeptJob>,
}

/// Checks the jobs in the file, if there is one. Then replaces them with new ones, unless intake is paused.
/// After a failed check the old jobs are kept, so that an operator can look at them.
pub(crate) fn run(path: &Path, p: &Probe, paused: bool, report: &mut Report) -> Result<(), Failure> {
    let old = load(path)?;
    let mut all_there = true;
    if let Some(old) = &old {
        all_there =
            report.add("restart", "jobs of the run before are there, with the same results", || {
                Ok(old.jobs.iter().try_for_each(|kept| check_survived(p, kept))?)
            })?;
        if !paused {
            all_there &= report
                .add("restart", "their keys still name them", || check_key_is_remembered(p, &old.jobs))?;
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

fn keep(p: &Probe) -> Result<KeptJob, String> {
    let key = format!("pssp-verify-kept-{}", Uuid::new_v4());
    let (_, job) = p.submit_with_key(&key)?;
    let id = text(&job, "id").to_owned();
    let job = p.wait_for(&id)?;
    let created_at = Timestamp::deserialize(&job["created_at"]).map_err(|e| format!("created_at: {e}"))?;
    Ok(KeptJob { results: results(p, &id)?, id, key, created_at })
}

fn check_survived(p: &Probe, kept: &KeptJob) -> Result<(), String> {
    let job = p.get(&format!("/v1/jobs/{}", kept.id))?.expect(&[200])?.json()?;
    equal(&format!("status of {}", kept.id), &text(&job, "status"), &"finished")?;
    equal("length", &job["length"].as_u64(), &Some(CHAIN.len() as u64))?;
    for ((format, before), now) in FORMATS.iter().zip(&kept.results).zip(results(p, &kept.id)?) {
        ensure(*before == now, || format!("result.{format} of {} has changed", kept.id))?;
    }
    Ok(())
}

/// A submission with the key of a kept job returns that job, also after a restart.
fn check_key_is_remembered(p: &Probe, jobs: &[KeptJob]) -> Verdict {
    let remembered_s = p.limit("idempotency_key_ttl_s")?;
    let status = p.get("/v1/status")?.expect(&[200])?.json()?;
    let now = Timestamp::deserialize(&status["now"]).map_err(|e| format!("now: {e}"))?;
    if jobs.iter().any(|kept| now.since(kept.created_at).as_secs() >= remembered_s) {
        return Err(Why::Skipped("the run before is longer ago than keys are remembered".to_owned()));
    }
    for kept in jobs {
        let (_, job) = p.submit_with_key(&kept.key)?;
        let same = equal("id under the key", &text(&job, "id"), &kept.id.as_str());
        p.keep(&kept.id); // new jobs replace it later
        same?;
    }
    Ok(())
}
