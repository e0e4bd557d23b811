//! Ids as they are stored.

use pssp_jobs::JobId;
use uuid::Uuid;

/// An id as it is stored.
pub(crate) type IdBytes = [u8; 16];

pub(crate) fn job_id(bytes: IdBytes) -> JobId {
    JobId::from(Uuid::from_bytes(bytes))
}
