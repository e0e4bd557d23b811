//! Room for what was accepted: new jobs are refused before the store is full.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Jobs, JobsError};
use crate::error::StoreError;
use crate::id::Owner;
use crate::ports::Room;

/// How long an answer of the store counts. Meanwhile this process adds what it accepts.
const FRESH: Duration = Duration::from_millis(500);

/// About the bytes of the record of a job, without input and result: its state, the errors of its attempts, its
/// places in indexes and in the queue.
const RECORD_BYTES: u64 = 1500;

/// Bytes of the input for each residue: as it was sent and as it was read, with room for edits.
const INPUT_BYTES_PER_RESIDUE: u64 = 3;

/// What is known of the room in the store.
#[derive(Default)]
pub(super) struct KnownRoom(Mutex<Known>);

#[derive(Default)]
struct Known {
    room: Option<Room>,
    read_at: Option<Instant>,
    /// Bytes that were accepted since.
    accepted: u64,
}

/// How long a count of the jobs of an owner counts.
const COUNTED: Duration = Duration::from_secs(10);

/// Most owners whose jobs are counted. Then all are counted again.
const MAX_COUNTED: usize = 10_000;

/// About how many jobs some owners have.
#[derive(Default)]
pub(super) struct KnownOwned(std::sync::Mutex<HashMap<Owner, (Instant, u64)>>);

impl KnownOwned {
    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, (Instant, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, owner: &Owner) -> Option<u64> {
        self.lock().get(owner).filter(|(at, _)| at.elapsed() < COUNTED).map(|(_, has)| *has)
    }

    fn keep(&self, owner: &Owner, has: u64, is_counted: bool) {
        let mut all = self.lock();
        if all.len() >= MAX_COUNTED {
            all.clear();
        }
        let entry = all.entry(owner.clone()).or_insert((Instant::now(), has));
        *entry = (if is_counted { Instant::now() } else { entry.0 }, has);
    }

    /// Counts again the next time, because jobs were deleted.
    pub(super) fn forget(&self, owner: &Owner) {
        self.lock().remove(owner);
    }
}

impl Jobs {
    /// How full the store is, as of a moment ago. `None` if it has no limit that is known.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn room(&self) -> Result<Option<Room>, StoreError> {
        self.refresh(&mut *self.room.0.lock().await).await
    }

    /// Checks that new jobs of these lengths, in residues, and their results fit into the store.
    ///
    /// # Errors
    /// [`StoreError::Full`] if not; [`JobsError::TooMany`] if the owner has too many jobs; errors of the backend.
    pub(super) async fn keep_room(
        &self,
        owner: &Owner,
        lengths: impl Iterator<Item = usize> + Send,
    ) -> Result<(), JobsError> {
        let (jobs, residues) = lengths.fold((0, 0), |(n, sum), length| (n + 1, sum + length as u64));
        self.keep_to_quota(owner, jobs).await?;
        let record = RECORD_BYTES * jobs + INPUT_BYTES_PER_RESIDUE * residues;
        let needed = record + Room::of_results(jobs, residues);
        let known = &mut *self.room.0.lock().await;
        let Some(room) = self.refresh(known).await? else { return Ok(()) };
        let usable = room.limit / 100 * u64::from(self.policy.high_water_percent);
        let taken = room.used.saturating_add(room.reserved).saturating_add(known.accepted);
        if taken.saturating_add(needed) > usable {
            let text = format!(
                "{} of {} MB are in use and {} MB are kept for the results of accepted jobs; new jobs are taken up to \
                 {} %, when others have expired or are deleted",
                room.used >> 20,
                room.limit >> 20,
                (room.reserved + known.accepted) >> 20,
                self.policy.high_water_percent,
            );
            return Err(StoreError::Full(text.into()).into());
        }
        known.accepted += needed;
        Ok(())
    }

    /// Checks that the owner may have so many jobs more. What it has is counted now and then; meanwhile this process
    /// adds what it accepts.
    async fn keep_to_quota(&self, owner: &Owner, jobs: u64) -> Result<(), JobsError> {
        let Some(most) = self.policy.max_owned else { return Ok(()) };
        let known = self.owned.known(owner);
        let has = match known {
            Some(has) => has,
            None => self.backend.store.owned(owner).await?,
        };
        if has.saturating_add(jobs) > most {
            return Err(JobsError::TooMany { has, most });
        }
        self.owned.keep(owner, has + jobs, known.is_none());
        Ok(())
    }

    async fn refresh(&self, known: &mut Known) -> Result<Option<Room>, StoreError> {
        if known.read_at.is_none_or(|at| at.elapsed() >= FRESH) {
            *known =
                Known { room: self.backend.store.room().await?, read_at: Some(Instant::now()), accepted: 0 };
        }
        Ok(known.room)
    }
}
