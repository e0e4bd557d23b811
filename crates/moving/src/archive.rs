//! The archive: a file with everything that a store keeps.
//!
//! It is a sequence of *chunks*. A chunk is a gzip member of about 4 MiB of text, so the whole file is a gzip file that
//! `zcat` reads. The text has a JSON object a line:
//!
//! | line | where |
//! |---|---|
//! | `{"archive":{"format":1,"program":"0.1.0","made_at":"…","home":"redis://…","last_move":0}}` | the first one of the file |
//! | `{"job_key":…}`, `{"batch_key":…}`, `{"batch":…}`, `{"job":…}`, `{"letter":…}`, `{"notice":…}`, `{"api_key":…}` | one for each entry |
//! | `{"chunk":{"number":7,"lines":512,"sha256":"…","next":"…"}}` | the last one of each chunk |
//! | `{"end":{"totals":{…},"damaged":[]}}` | the last but one of the file |
//!
//! `sha256` is over the `sha256` of the chunk before (32 bytes; zeros before the first chunk) and the lines of this chunk
//! before that line, with their ends. So chunks cannot be lost, doubled or exchanged unseen. `next` is the place from which
//! the scan of the store goes on, with which an interrupted export is resumed.
//!
//! Names never change their meaning. Fields that a reader does not know are skipped, new ones have a default; whatever
//! older readers would get wrong needs a new `format`.

mod line;
mod read;
mod write;

use pssp_jobs::Timestamp;
use serde::{Deserialize, Serialize};

pub use read::{Chunk, Position, Reader};
pub use write::Writer;

use crate::totals::Totals;

/// The version of the format that is written here.
pub const FORMAT: u32 = 1;

/// About how much text a chunk has, in bytes.
const CHUNK_BYTES: usize = 4 << 20;

/// More text than a chunk of ours ever has: a result of 64 MiB in base64, and an input, in one line.
const MAX_CHUNK_BYTES: usize = 160 << 20;

/// What an archive says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub format: u32,
    /// The release that wrote it.
    pub program: String,
    /// When the export began.
    pub made_at: Timestamp,
    /// The store, without secrets.
    pub home: String,
    /// The number of the last move by which something had arrived in that store.
    pub last_move: u64,
}

impl Header {
    /// What stands in the place of a header that was not read yet.
    fn unread() -> Self {
        let (program, home) = (String::new(), String::new());
        Self { format: FORMAT, program, made_at: Timestamp::from_millis(0), home, last_move: 0 }
    }
}

/// The end of a complete archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// What it has.
    pub totals: Totals,
    /// Records that the store could not read: they are missing.
    #[serde(default)]
    pub damaged: Vec<String>,
}

/// Why an archive cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The file cannot be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is something else.
    #[error("this is no archive of pssp: {0}")]
    Foreign(String),
    /// A later release wrote it.
    #[error(
        "the archive has the format {found}, and this release reads {FORMAT} and older: import it with pssp {program} or a later release"
    )]
    Later {
        /// Its format.
        found: u32,
        /// The release that wrote it.
        program: String,
    },
    /// It was altered, or damaged on its way.
    #[error("chunk {chunk} of the archive, from byte {offset} on, is damaged: {why}")]
    Damaged {
        /// The chunk, from 1.
        chunk: u64,
        /// Where it begins in the file.
        offset: u64,
        /// What is wrong with it.
        why: String,
    },
    /// It ends too early.
    #[error(
        "the archive is cut short: it ends at byte {offset} after {chunks} whole chunks, without its end: export it again, or go on with --resume"
    )]
    Truncated {
        /// Whole chunks.
        chunks: u64,
        /// Where the last whole chunk ends.
        offset: u64,
    },
}

/// The digest of the chunk before the first one.
const NO_CHUNK: [u8; 32] = [0; 32];
