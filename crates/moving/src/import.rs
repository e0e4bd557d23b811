//! Brings an archive into a store.

use std::collections::{BTreeMap, HashSet};
use std::io::BufRead;
use std::time::Duration;

use pssp_jobs::transfer::Kind;
use pssp_jobs::{
    Arrived, Backend, Clock, Crossing, Entry, Include, Policy, Record, State, StoreError, Timestamp,
};
use serde::Serialize;

use crate::archive::{ArchiveError, End, Header, Reader};
use crate::export::{MoveError, patiently, time_of};

/// Entries that arrive in one call.
const GROUP: usize = 256;

/// Most failures that are told one by one.
const MAX_TOLD: usize = 20;

/// What an import did, or would find.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Arrived now.
    pub new: u64,
    /// Had arrived by an earlier import of the same number. It may have been deleted since.
    pub before: u64,
    /// Something of this name was there already, and stays.
    pub existing: u64,
    /// Had expired.
    pub expired: u64,
    /// Could not be stored.
    pub failed: u64,
}

/// The outcome of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// The number of this move.
    pub number: u64,
    /// Counts of each kind.
    pub counts: BTreeMap<Kind, Counts>,
    /// The first entries that could not be stored: which, and why.
    pub failures: Vec<String>,
}

impl Imported {
    /// The sum of one count over all kinds.
    #[must_use]
    pub fn sum(&self, of: impl Fn(&Counts) -> u64) -> u64 {
        self.counts.values().map(of).sum()
    }
}

/// Brings all entries of an archive into a store, each once. What has expired is left out, and a running job arrives as
/// submitted. Calls that fail for now are repeated. At most `rate` entries arrive a second. `tell` is called after each
/// group, with what was done so far.
///
/// Each chunk of the archive is checked before anything of it arrives. If the import ends early, it can be repeated: what
/// has arrived is passed over.
///
/// # Errors
/// [`MoveError`]: the archive is damaged, the store is full or does not answer. An entry that the store cannot take (it is
/// too large there) is no error of the import; it is told in [`Imported::failures`].
pub async fn import<R: BufRead>(
    backend: &Backend,
    clock: &dyn Clock,
    policy: &Policy,
    mut archive: Reader<R>,
    rate: Option<u32>,
    mut tell: impl FnMut(&Imported),
) -> Result<Imported, MoveError> {
    let mut imported = Imported { number: archive.header().last_move + 1, ..Imported::default() };
    let mut pace = Pace::new(rate);
    while let Some(chunk) = archive.chunk()? {
        let now = time_of(backend, clock).await?;
        let crossing = Crossing { number: imported.number, now };
        for group in groups(chunk.entries, now, policy, &mut imported) {
            pace.wait(group.len()).await;
            arrive(backend, &group, crossing, &mut imported).await?;
            tell(&imported);
        }
    }
    Ok(imported)
}

/// Groups of entries that can arrive together: none has two of one name. Expired entries are counted and left out.
fn groups(entries: Vec<Entry>, now: Timestamp, policy: &Policy, imported: &mut Imported) -> Vec<Vec<Entry>> {
    let (mut groups, mut group, mut names) = (Vec::new(), Vec::new(), HashSet::new());
    for entry in entries {
        if entry.expires_at().is_some_and(|at| at <= now) {
            imported.counts.entry(entry.kind()).or_default().expired += 1;
            continue;
        }
        let fresh = names.insert(name(&entry));
        if !fresh || group.len() == GROUP {
            groups.push(std::mem::take(&mut group));
            names.clear();
            names.insert(name(&entry));
        }
        group.push(entry.landing(now, policy));
    }
    groups.push(group);
    groups.retain(|group: &Vec<Entry>| !group.is_empty());
    groups
}

/// What no two entries of a call have in common.
fn name(entry: &Entry) -> String {
    match entry {
        Entry::JobKey(key, _) => format!("job-key/{}/{}", key.owner.as_str(), key.key),
        Entry::BatchKey(key, _) => format!("batch-key/{}/{}", key.owner.as_str(), key.key),
        other => other.marker().unwrap_or_default(),
    }
}

async fn arrive(
    backend: &Backend,
    group: &[Entry],
    crossing: Crossing,
    imported: &mut Imported,
) -> Result<(), StoreError> {
    let outcomes = backend.transfer.arrive(group, crossing).await;
    for (entry, outcome) in group.iter().zip(outcomes) {
        let outcome = match outcome {
            Err(StoreError::Unavailable(_)) => {
                let again = std::slice::from_ref(entry);
                let missing = || StoreError::Unavailable("the store gave no answer".into());
                patiently(async || {
                    let outcome = backend.transfer.arrive(again, crossing).await.pop();
                    outcome.unwrap_or_else(|| Err(missing()))
                })
                .await
            }
            outcome => outcome,
        };
        let counts = imported.counts.entry(entry.kind()).or_default();
        match outcome {
            Ok(Arrived::New) => counts.new += 1,
            Ok(Arrived::Before) => counts.before += 1,
            Ok(Arrived::Exists) => counts.existing += 1,
            // What one entry is must not keep the others out. What the store is stops the import.
            Err(error @ (StoreError::TooLarge(_) | StoreError::Corrupt(_) | StoreError::Conflict(_))) => {
                counts.failed += 1;
                if imported.failures.len() < MAX_TOLD {
                    imported.failures.push(format!("{}: {error}", name(entry)));
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// At most so many entries a second.
struct Pace {
    rate: Option<u32>,
    next: tokio::time::Instant,
}

impl Pace {
    fn new(rate: Option<u32>) -> Self {
        Self { rate, next: tokio::time::Instant::now() }
    }

    async fn wait(&mut self, entries: usize) {
        let Some(rate) = self.rate else { return };
        tokio::time::sleep_until(self.next).await;
        let seconds = entries as f64 / f64::from(rate.max(1));
        self.next = self.next.max(tokio::time::Instant::now()) + Duration::from_secs_f64(seconds);
    }
}

/// Reads an archive to its end without a store.
///
/// # Errors
/// [`ArchiveError`], with the place.
pub fn verify<R: BufRead>(archive: Reader<R>) -> Result<(Header, End), ArchiveError> {
    archive.verify()
}

/// How the entries of an archive stand in a store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// As in the archive.
    pub same: u64,
    /// There, and otherwise than in the archive.
    pub differ: u64,
    /// Not there: never arrived, deleted, or expired.
    pub missing: u64,
    /// Had expired by now, so not looked for.
    pub expired: u64,
    /// The first names of those that are missing.
    pub examples: Vec<String>,
}

/// Compares jobs, batches, keys of callers and the notice of an archive with what a store has now. Writes nothing.
///
/// # Errors
/// [`MoveError`].
pub async fn compare<R: BufRead>(
    backend: &Backend,
    clock: &dyn Clock,
    mut archive: Reader<R>,
    mut tell: impl FnMut(&Compared),
) -> Result<Compared, MoveError> {
    let mut compared = Compared::default();
    while let Some(chunk) = archive.chunk()? {
        let now = time_of(backend, clock).await?;
        for entry in chunk.entries {
            if entry.expires_at().is_some_and(|at| at <= now) {
                compared.expired += 1;
                continue;
            }
            match stands(backend, &entry).await? {
                None => {}
                Some(Standing::Same) => compared.same += 1,
                Some(Standing::Differs) => compared.differ += 1,
                Some(Standing::Missing) => {
                    compared.missing += 1;
                    if compared.examples.len() < MAX_TOLD {
                        compared.examples.push(name(&entry));
                    }
                }
            }
        }
        tell(&compared);
    }
    Ok(compared)
}

enum Standing {
    Same,
    Differs,
    Missing,
}

impl Standing {
    fn of<T: PartialEq>(wanted: &T, found: Option<&T>) -> Self {
        match found {
            None => Self::Missing,
            Some(found) if found == wanted => Self::Same,
            Some(_) => Self::Differs,
        }
    }
}

/// `None` for kinds that cannot be looked up by their name.
async fn stands(backend: &Backend, entry: &Entry) -> Result<Option<Standing>, StoreError> {
    Ok(Some(match entry {
        Entry::Job(record) => job_stands(backend, record).await?,
        Entry::Batch(batch) => {
            let found = patiently(async || backend.batches.batch(batch.id).await).await?;
            Standing::of(batch, found.as_ref())
        }
        Entry::ApiKey(key) => {
            let found = patiently(async || backend.keys.key(&key.id).await).await?;
            // The last use moves on.
            let found = found.map(|found| pssp_jobs::stored_key::StoredKey { used_at: key.used_at, ..found });
            Standing::of(key, found.as_ref())
        }
        Entry::Notice(notice) => {
            let found = patiently(async || backend.notices.notice().await).await?;
            Standing::of(notice, found.as_ref())
        }
        Entry::Letter { .. } | Entry::JobKey(..) | Entry::BatchKey(..) => return Ok(None),
    }))
}

async fn job_stands(backend: &Backend, wanted: &Record) -> Result<Standing, StoreError> {
    let id = wanted.job.id();
    let found = patiently(async || backend.store.read(id, Include::ALL).await).await?;
    let Some(found) = found else { return Ok(Standing::Missing) };
    let (now, then) = (&found.job.status, &wanted.job.status);
    // A running job waits where it has arrived.
    let landed =
        then.state() == State::Running && now.state() == State::Submitted && now.attempt == then.attempt;
    let same = found.job.head == wanted.job.head
        && (now == then || landed)
        && found.request == wanted.request
        && found.result == wanted.result;
    Ok(if same { Standing::Same } else { Standing::Differs })
}
