//! For callers and workers: a stored result answers later jobs.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use pssp_predict::Method;

use super::Jobs;
use crate::error::StoreError;
use crate::id::JobId;
use crate::job::{Job, Request, State};
use crate::ports::{Include, Submission};
use crate::reuse::ResultKey;

/// Results that are read at the same time.
const WIDTH: usize = 16;

impl Jobs {
    /// The same use cases, but results of `method` answer later jobs that ask the same of it: results are stored
    /// under a key, and new jobs are looked up by it. `None` does neither.
    #[must_use]
    pub fn reusing(&self, method: Option<Method>) -> Self {
        Self { reuse: method.map(Arc::new), ..self.clone() }
    }

    /// Looks for stored results that answer these new jobs, at most as many as one creation takes. A job
    /// that is answered comes back finished, with the result. A job that is not to start at once stays as it
    /// is: its caller expects to see it wait.
    ///
    /// A look-up that fails is no error: the job is computed.
    pub(super) async fn lookup_cached(&self, submissions: Vec<Submission>) -> Vec<Submission> {
        let wanted: Vec<Option<ResultKey>> = submissions
            .iter()
            .map(|new| self.result_key(&new.job, &new.request).filter(|_| !new.job.is_delayed()))
            .collect();
        let keys: Vec<ResultKey> = wanted.iter().flatten().copied().collect();
        if keys.is_empty() {
            return submissions;
        }
        let found = self.backend.store.reusable(&keys).await.unwrap_or_else(|error| {
            log_miss(&error);
            Vec::new()
        });
        let mut found = found.into_iter();
        let hints = wanted.iter().map(|key| key.and_then(|_| found.next().flatten()));
        let answered: Vec<_> =
            submissions.into_iter().zip(hints).map(|(new, hint)| self.with_answer(new, hint)).collect();
        stream::iter(answered).buffered(WIDTH).collect().await
    }

    /// Under which key the result of this job is stored, if it is to be reused.
    pub(super) fn result_key(&self, job: &Job, request: &Request) -> Option<ResultKey> {
        let method = self.reuse.as_deref()?;
        Some(ResultKey::of(&job.head.owner, method, &request.sequence))
    }

    /// The new job, finished at once if the job that the hint leads to answers it.
    async fn with_answer(&self, new: Submission, hint: Option<JobId>) -> Submission {
        let Some(id) = hint else { return new };
        let result = self.answer(&new, id).await.unwrap_or_else(|error| {
            log_miss(&error);
            None
        });
        match result {
            Some(result) => {
                let job = new.job.finished_from_cache(&self.policy);
                Submission { job, result: Some(result), ..new }
            }
            None => new,
        }
    }

    /// The result of job `id`, if that job has the same owner and sequence and still stands.
    async fn answer(&self, new: &Submission, id: JobId) -> Result<Option<Bytes>, StoreError> {
        let Some(earlier) = self.backend.store.read(id, Include::ALL).await? else { return Ok(None) };
        let same_owner = earlier.job.head.owner == new.job.head.owner;
        let same_sequence = earlier.request.is_some_and(|request| request.sequence == new.request.sequence);
        let stands = earlier.job.state() == State::Finished && !earlier.job.status.is_expired(self.now());
        Ok(earlier.result.filter(|_| same_owner && same_sequence && stands))
    }
}

fn log_miss(error: &StoreError) {
    // A passing fault is logged elsewhere. A lasting one (a missing right) would go unnoticed.
    if error.is_temporary() {
        tracing::debug!(%error, "cannot look for a stored result, will compute: {error}");
    } else {
        tracing::warn!(%error, "cannot look for a stored result, will compute: {error}");
    }
}
