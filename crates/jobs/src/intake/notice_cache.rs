//! A cache of the operator's notice. It reads the store at most every two seconds.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::StoreError;
use crate::notice::Notice;
use crate::service::Jobs;

/// How long a notice is used before it is read again. If another process posts a notice, this process sees it
/// after at most this time.
const MAX_AGE: Duration = Duration::from_secs(2);

/// The last notice that was read.
#[derive(Debug, Default)]
pub struct NoticeCache(Mutex<Option<(Instant, Option<Notice>)>>);

impl NoticeCache {
    /// The notice in force, if there is one. If the store does not respond, this is the last notice that was
    /// read.
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

    /// Posts a notice, or clears it. This process sees the change at once.
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
            Some((at, notice)) => (notice.clone(), at.elapsed() < MAX_AGE),
            None => (None, false),
        }
    }

    fn keep(&self, notice: Option<Notice>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), notice));
    }
}
