//! Moving what a store keeps to another store: the port [`Transfer`], and the [`Entry`] that crosses.
//!
//! A store is read by [`Transfer::scan`], entry by entry. Each entry *arrives* in the other store by
//! [`Transfer::arrive`]. An arrival happens once: the store keeps a *marker* of it, which outlives the entry. So an
//! arrival can be repeated, at any time, and brings nothing back that was deleted since.
//!
//! Moves are numbered. A marker has the number of its move, and only a later move brings the same entry again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use crate::batch::Batch;
use crate::error::{StoreError, corrupt};
use crate::id::{BatchId, JobId};
use crate::job::{Job, Refused, State};
use crate::notice::Notice;
use crate::policy::Policy;
use crate::ports::{DeadLetter, IdempotencyKey, Record};
use crate::stored_key::StoredKey;
use crate::time::Timestamp;

/// How long a marker of an arrival is kept: longer than a move takes.
pub const MARKERS_KEPT: Duration = Duration::from_hours(90 * 24);

/// One thing that a store keeps, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A job with its request and, if it is finished, its result. (Message and dead letter follow from its status.)
    Job(Box<Record>),
    /// A batch.
    Batch(Batch),
    /// An idempotency key, and the job that it leads to.
    JobKey(IdempotencyKey, JobId),
    /// An idempotency key, and the batch that it leads to.
    BatchKey(IdempotencyKey, BatchId),
    /// A dead letter that belongs to no job.
    Letter {
        /// The letter.
        letter: DeadLetter,
        /// When it may be deleted.
        expires_at: Timestamp,
    },
    /// The outage notice.
    Notice(Notice),
    /// A key of a caller, with the time of its last use.
    ApiKey(StoredKey),
}

/// The kind of an [`Entry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A job.
    Job,
    /// A batch.
    Batch,
    /// An idempotency key of a job or a batch.
    Key,
    /// A dead letter that belongs to no job.
    Letter,
    /// The outage notice.
    Notice,
    /// A key of a caller.
    ApiKey,
}

impl Entry {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Job(_) => Kind::Job,
            Self::Batch(_) => Kind::Batch,
            Self::JobKey(..) | Self::BatchKey(..) => Kind::Key,
            Self::Letter { .. } => Kind::Letter,
            Self::Notice(_) => Kind::Notice,
            Self::ApiKey(_) => Kind::ApiKey,
        }
    }

    /// The name of its marker. An idempotency key has none: nobody deletes it, and it expires soon.
    #[must_use]
    pub fn marker(&self) -> Option<String> {
        Some(match self {
            Self::Job(record) => format!("job/{}", record.job.id()),
            Self::Batch(batch) => format!("batch/{}", batch.id),
            Self::JobKey(..) | Self::BatchKey(..) => return None,
            Self::Letter { letter, .. } => format!("letter/{}", letter.id),
            Self::Notice(_) => "notice".to_owned(),
            Self::ApiKey(key) => format!("api-key/{}", key.id),
        })
    }

    /// When the store may delete it; `None` for what does not expire by itself.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Job(record) => record.job.status.expires_at,
            Self::Batch(batch) => Some(batch.expires_at),
            Self::JobKey(key, _) | Self::BatchKey(key, _) => Some(key.expires_at),
            Self::Letter { expires_at, .. } => Some(*expires_at),
            Self::Notice(_) => None,
            Self::ApiKey(key) => key.terms.expires_at,
        }
    }

    /// The entry as it arrives: a running job is submitted again, with its attempt number, so that its worker
    /// elsewhere cannot finish it here.
    #[must_use]
    pub fn landing(self, now: Timestamp, policy: &Policy) -> Self {
        match self {
            Self::Job(record) if record.job.state() == State::Running => {
                let released: Result<Job, Refused> = record.job.release(now, policy);
                let job = released.unwrap_or_else(|_| record.job.clone());
                Self::Job(Box::new(Record { job, ..*record }))
            }
            other => other,
        }
    }
}

/// A part of a scan.
#[derive(Debug, Default)]
pub struct Scan {
    /// The entries, in the order of the store.
    pub entries: Vec<Entry>,
    /// Records that cannot be read: which, and why.
    pub damaged: Vec<String>,
    /// Where the scan goes on: a text of printable ASCII without blanks. `None` at the end.
    pub next: Option<String>,
}

/// About how many bytes a part of a scan has at most.
pub const PART_BYTES: usize = 4 << 20;

/// For backends: one part of a scan in the making. A backend reads its tables one after the other, each as a *step*; a
/// part has entries of one step.
#[derive(Debug)]
pub struct Part {
    step: usize,
    limit: usize,
    bytes: usize,
    last: Option<String>,
    scan: Scan,
}

impl Part {
    /// The part that begins at `from`, for at most `limit` entries, and the place in its step after which it begins
    /// (empty: at the beginning).
    ///
    /// # Errors
    /// [`StoreError::Refused`] if `from` is no place of a scan.
    pub fn begin(from: Option<&str>, limit: usize) -> Result<(Self, &str), StoreError> {
        let (step, after) = match from {
            None => (0, ""),
            Some(place) => place
                .split_once(':')
                .and_then(|(step, after)| Some((step.parse().ok()?, after)))
                .ok_or_else(|| StoreError::Refused(format!("{place:?} is no place of a scan").into()))?,
        };
        Ok((Self { step, limit: limit.max(1), bytes: 0, last: None, scan: Scan::default() }, after))
    }

    /// The step of this part, from 0.
    #[must_use]
    pub const fn step(&self) -> usize {
        self.step
    }

    /// Whether the part takes no more entries.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.scan.entries.len() + self.scan.damaged.len() >= self.limit || self.bytes >= PART_BYTES
    }

    /// The most entries of this part.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Says where the step goes on, other than after the last entry.
    pub fn go_on_at(&mut self, place: String) {
        self.last = Some(place);
    }

    /// How many records to read for this part: one more than it takes, to see whether there are more.
    #[must_use]
    pub const fn wanted(&self) -> usize {
        self.limit.saturating_add(1)
    }

    /// Adds the record at `place`, which needs about so many bytes. `what` names it, if it cannot be read.
    pub fn add(&mut self, place: String, bytes: usize, what: &str, found: Result<Entry, StoreError>) {
        self.bytes += bytes;
        self.last = Some(place);
        match found {
            Ok(entry) => self.scan.entries.push(entry),
            Err(error) => self.scan.damaged.push(format!("{what}: {error}")),
        }
    }

    /// The part. `more`: whether its step goes on. There are `steps` steps.
    #[must_use]
    pub fn end(self, more: bool, steps: usize) -> Scan {
        let next = if more {
            self.last.map(|last| format!("{}:{last}", self.step))
        } else {
            (self.step + 1 < steps).then(|| format!("{}:", self.step + 1))
        };
        Scan { next, ..self.scan }
    }
}

impl Entry {
    /// The entry of a job.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if its request is missing, or its result does not fit to its state.
    pub fn of_job(record: Record) -> Result<Self, StoreError> {
        let Record { mut job, request, result } = record;
        let finished = job.state() == State::Finished;
        let mut request = request.ok_or_else(|| corrupt("record", "its input is missing"))?;
        if finished && result.is_none() {
            return Err(corrupt("record", "its result is missing"));
        }
        // Release 0.1.0 stored them with the request. There they are read and not written.
        if !request.old_warnings.is_empty() {
            let old = std::mem::take(&mut Arc::make_mut(&mut request).old_warnings);
            if job.head.warnings.is_empty() {
                job.head.warnings = old;
            }
        }
        let result = result.filter(|_| finished);
        Ok(Self::Job(Box::new(Record { job, request: Some(request), result })))
    }
}

/// Bytes as a text for the place of a scan.
#[must_use]
pub fn place_of(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

/// The bytes of such a text.
///
/// # Errors
/// [`StoreError::Refused`] if it is none.
pub fn bytes_of(place: &str) -> Result<Vec<u8>, StoreError> {
    base16ct::lower::decode_vec(place)
        .map_err(|_| StoreError::Refused(format!("{place:?} is no place of a scan").into()))
}

/// The move by which entries arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crossing {
    /// The number of the move, at least 1.
    pub number: u64,
    /// The time of the store.
    pub now: Timestamp,
}

impl Crossing {
    /// Until when the markers of this move are kept.
    #[must_use]
    pub fn markers_until(&self) -> Timestamp {
        self.now.plus(MARKERS_KEPT)
    }
}

/// The outcome of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arrived {
    /// The entry is there now, and durable.
    New,
    /// It arrived by this move or a later one before. Nothing was changed; it may have been deleted since.
    Before,
    /// The store has an entry of this name that arrived by no such move. Nothing was changed, but that the next try
    /// is told [`Arrived::Before`].
    Exists,
}

/// Reading all of a store, and taking what another one had.
#[async_trait]
pub trait Transfer: Send + Sync {
    /// Entries of every kind and owner from `from` on (`None`: from the beginning): about `limit` at most, and fewer
    /// where they are large ([`PART_BYTES`]). A part may be empty and still have a next one.
    ///
    /// An entry that is there for the whole scan is seen, whatever is written meanwhile, and a job is seen once. It
    /// is as the last acknowledged write left it. Idempotency keys and batches come before jobs, so a job of a key
    /// that is seen is seen as well, unless it was deleted. Expired entries may be among them. A scan can go on after
    /// the process has ended; if the store cannot go on at that place any more, it sees some entries again.
    async fn scan(&self, from: Option<&str>, limit: usize) -> Result<Scan, StoreError>;

    /// Takes entries of another store. Returns one outcome for each, in order; they are independent of each other.
    ///
    /// All of an arrival takes effect or nothing: the entry with all that belongs to it (of a job: request, result,
    /// dead letter and message, which is delivered when the job may start), and the marker. The entry stays as it
    /// is: id, owner, times, attempts, expiry. An idempotency key is taken if there is none of its name.
    ///
    /// Callers pass at most [`crate::Capabilities::max_create`] entries, and no job that is running
    /// ([`Entry::landing`]).
    async fn arrive(&self, entries: &[Entry], crossing: Crossing) -> Vec<Result<Arrived, StoreError>>;

    /// The number of the last move by which something arrived; 0 if there was none.
    async fn last_move(&self) -> Result<u64, StoreError>;
}
