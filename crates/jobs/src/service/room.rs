//! Room for what was accepted: new jobs are refused before the store is full.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Jobs;
use crate::error::StoreError;
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
    /// [`StoreError::Full`] if not; errors of the backend.
    pub(super) async fn keep_room(
        &self,
        lengths: impl Iterator<Item = usize> + Send,
    ) -> Result<(), StoreError> {
        let (jobs, residues) = lengths.fold((0, 0), |(n, sum), length| (n + 1, sum + length as u64));
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
            return Err(StoreError::Full(text.into()));
        }
        known.accepted += needed;
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
