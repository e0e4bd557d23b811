//! A batch: one handle for the jobs that are made from an input of many records (FASTA or a list).

use pssp_predict::sequence::InputErrors;
use serde::{Deserialize, Serialize};

use crate::id::{BatchId, JobId, Owner};
use crate::time::Timestamp;

/// The outcome of one record of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchItem {
    /// The record is accepted as this job.
    Job(JobId),
    /// The record is refused. The other records are not affected.
    Rejected {
        /// The record's id, if it had one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Why the record is refused.
        errors: InputErrors,
    },
}

/// One submission of many records, in the order of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The batch's id.
    pub id: BatchId,
    /// The owner of the batch.
    pub owner: Owner,
    /// When the batch was accepted.
    pub created_at: Timestamp,
    /// After this time the handle may be deleted. The jobs expire on their own.
    pub expires_at: Timestamp,
    /// Whether all jobs of the batch exist. While this is false, the request that creates them is still
    /// running, or it was interrupted.
    pub sealed: bool,
    /// One item for each record, in the order of the input.
    pub items: Vec<BatchItem>,
}

impl Batch {
    /// The ids of the jobs, in the order of the input.
    pub fn jobs(&self) -> impl Iterator<Item = JobId> + '_ {
        self.items.iter().filter_map(|item| match item {
            BatchItem::Job(id) => Some(*id),
            BatchItem::Rejected { .. } => None,
        })
    }
}
