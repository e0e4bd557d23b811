//! The operator's notice, read from the store every other second at most.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::StoreError;
use crate::notice::Notice;
use crate::service::Jobs;

/// How long a notice that was read is used before it is read again. A notice that is posted through another
/// process takes that long to be seen here.
const FRESH: Duration = Duration::from_secs(2);

/// The notice as it was read last.
#[derive(Debug, Default)]
pub struct NoticeCache(Mutex<Option<(Instant, Option<Notice>)>>);

impl NoticeCache {
    /// The notice in force, if there is one. While the store does not answer, the notice read last stays.
    pub async fn notice(&self, jobs: &Jobs) -> Option<Notice> {
        let (known, fresh) = self.known();
        let notice = if fresh {
            known
        } else {
            match jobs.notice().await {
                Ok(notice) => {
                    self.keep(notice.clone());
                    notice
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot read the notice: {error}");
                    known
                }
            }
        };
        notice.filter(|notice| !notice.is_over(jobs.now()))
    }

    /// Posts a notice, or clears it; seen in this process at once.
    ///
    /// # Errors
    /// As for [`Jobs::post`].
    pub async fn post(&self, jobs: &Jobs, notice: Option<&Notice>) -> Result<(), StoreError> {
        jobs.post(notice).await?;
        self.keep(notice.cloned());
        Ok(())
    }

    fn known(&self) -> (Option<Notice>, bool) {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((at, notice)) => (notice.clone(), at.elapsed() < FRESH),
            None => (None, false),
        }
    }

    fn keep(&self, notice: Option<Notice>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), notice));
    }
}
