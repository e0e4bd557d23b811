//! The notice board: the operator's notice, read from the store every other second at most.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pssp_jobs::{Jobs, Notice, StoreError};

use crate::problem::{Kind, Problem};

/// How long a notice that was read stands before it is read again. A notice posted through another
/// process takes that long to be seen here.
const FRESH: Duration = Duration::from_secs(2);

/// When to ask again where nobody knows how long the pause lasts.
const PAUSE: Duration = Duration::from_mins(5);

/// What was read last.
#[derive(Default)]
pub(crate) struct Board(Mutex<Option<(Instant, Option<Notice>)>>);

impl Board {
    /// The notice in force, if any. A store that does not answer hides no notice that was known.
    pub(crate) async fn notice(&self, jobs: &Jobs) -> Option<Notice> {
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

    /// Puts a notice up, or takes it down; seen here at once.
    pub(crate) async fn post(&self, jobs: &Jobs, notice: Option<&Notice>) -> Result<(), StoreError> {
        jobs.post(notice).await?;
        self.keep(notice.cloned());
        Ok(())
    }

    /// Refuses new jobs while intake is paused.
    pub(crate) async fn admit(&self, jobs: &Jobs) -> Result<(), Problem> {
        let Some(notice) = self.notice(jobs).await else { return Ok(()) };
        let Some(lasts) = notice.pause(jobs.now()) else { return Ok(()) };
        let detail = format!("no new jobs are taken at the moment: {}", notice.text);
        Err(Problem::new(Kind::Maintenance, detail).with_retry_after(lasts.unwrap_or(PAUSE)))
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
