//! Intake: makes a job that can be submitted from the request of a caller.
//!
//! The routes of the API, the events of other systems and the command line all use this module. So the same
//! text is parsed, checked, named and refused in the same way, wherever it comes from.
//!
//! - [`Rules`]: the limits; [`Rules::job`] takes one sequence, [`Rules::batch`] and [`Rules::list`] take many
//! - [`Records`]: the records of a FASTA input one by one
//! - [`Intake`]: the rules together with the notice that may pause intake ([`NoticeCache`])
//! - [`gunzip`]: decompresses gzip

mod batch;
mod error;

mod gzip;
mod notice_cache;
mod records;

use pssp_predict::fasta::MAX_RECORD_BYTES;
use pssp_predict::name;
use pssp_predict::sequence::{CleanOptions, Cleaned, clean_single};

pub use batch::{BatchJobs, List, Listed, ParsedBatch};
pub use error::{IntakeError, Paused};
pub use gzip::{Gunzip, gunzip};
pub use notice_cache::NoticeCache;
pub use records::{NumberedRecord, Records};

use crate::digest::FieldDigest;
use crate::job::Request;
use crate::service::{Jobs, NewJob};

/// Bytes of a FASTA record that are kept for each residue, including blanks, numbering and line ends.
const BYTES_PER_RESIDUE: usize = 16;

/// The limits on requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Most residues in a sequence.
    pub max_residues: usize,
    /// Most records in a batch.
    pub max_records: usize,
}

/// One sequence as the caller sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// The name that the caller gives. If it is missing, the name in the FASTA header is used, if there is one.
    pub name: Option<String>,
    /// The text: residues alone, or a FASTA record.
    pub input: Vec<u8>,
    /// Whether a sequence that looks like nucleotides is accepted.
    pub force: bool,
}

/// A job that can be submitted, and the digest of its request.
#[derive(Debug, Clone)]
pub struct ParsedJob {
    /// The job.
    pub job: NewJob,
    /// Digest of name, text and options as the caller sent them, for an idempotency key.
    pub digest: [u8; 32],
}

/// The rules, and the notice by which an operator may pause intake. There is one for each process.
#[derive(Debug)]
pub struct Intake {
    /// The limits.
    pub rules: Rules,
    /// The operator's notice.
    pub notices: NoticeCache,
}

impl Intake {
    /// An intake with these rules. It has not read the notice yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, notices: NoticeCache::default() }
    }

    /// Refuses new jobs while intake is paused.
    ///
    /// # Errors
    /// [`Paused`].
    pub async fn admit(&self, jobs: &Jobs) -> Result<(), Paused> {
        let Some(notice) = self.notices.notice(jobs).await else { return Ok(()) };
        match notice.pause(jobs.now()) {
            Some(left) => Err(Paused { text: notice.text, left }),
            None => Ok(()),
        }
    }
}

impl Rules {
    /// The options for cleaning a sequence.
    #[must_use]
    pub const fn clean(&self, force: bool) -> CleanOptions {
        CleanOptions { max_residues: self.max_residues, force }
    }

    /// Most bytes of a FASTA record that are kept.
    fn record_bytes(&self) -> usize {
        self.max_residues.saturating_mul(BYTES_PER_RESIDUE).max(MAX_RECORD_BYTES)
    }

    /// Checks and cleans one sequence.
    ///
    /// # Errors
    /// [`IntakeError::Name`] and [`IntakeError::Input`].
    pub fn job(&self, draft: Draft) -> Result<ParsedJob, IntakeError> {
        let Draft { name, input, force } = draft;
        let name = name.map(|name| name::clean(&name)).transpose().map_err(IntakeError::Name)?.flatten();
        let (header, cleaned) = clean_single(&input, &self.clean(force))?;
        let digest = FieldDigest::of("job").flag(force).optional(name.as_deref()).bytes(&input).finish();
        let name = name.or_else(|| header.and_then(|header| header.id));
        Ok(ParsedJob { job: new_job(name, input, cleaned), digest })
    }
}

fn new_job(name: Option<String>, input: Vec<u8>, cleaned: Cleaned) -> NewJob {
    let Cleaned { sequence, edits, warnings } = cleaned;
    NewJob { name, request: Request::new(text(input), sequence, edits), warnings }
}

/// The input as text. The cleaner accepts only UTF-8, so no byte is replaced.
fn text(input: Vec<u8>) -> String {
    String::from_utf8(input).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
