//! A batch: a handle over the jobs of one FASTA (or list) of many.

use pssp_predict::sequence::InputErrors;
use serde::{Deserialize, Serialize};

use crate::id::{BatchId, JobId, Owner};
use crate::time::Timestamp;

/// What became of one record of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchItem {
    /// Accepted as this job.
    Job(JobId),
    /// Refused; the other records are not touched by it.
    Rejected {
        /// The record's id, if it had one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Why.
        errors: InputErrors,
    },
}

/// One submission of many records; keeps their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The batch's id.
    pub id: BatchId,
    /// Who it belongs to.
    pub owner: Owner,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When the handle may be forgotten. Its jobs expire on their own.
    pub expires_at: Timestamp,
    /// Whether every job it names has been made. Until then the request that makes them is under way,
    /// or was cut off.
    pub sealed: bool,
    /// One item a record, in the order of the input.
    pub items: Vec<BatchItem>,
}

impl Batch {
    /// The jobs, in the order of the input.
    pub fn jobs(&self) -> impl Iterator<Item = JobId> + '_ {
        self.items.iter().filter_map(|item| match item {
            BatchItem::Job(id) => Some(*id),
            BatchItem::Rejected { .. } => None,
        })
    }
}
