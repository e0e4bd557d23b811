//! For callers and workers: reuse of stored results.

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

/// Number of results that are read at the same time.
const READ_CONCURRENCY: usize = 16;

impl Jobs {
    /// The same use cases with reuse: results of `method` are stored under a key, and new jobs are looked up by
    /// it. `None` turns both off.
    #[must_use]
    pub fn reusing(&self, method: Option<Method>) -> Self {
        Self { reuse: method.map(Arc::new), ..self.clone() }
    }

    /// Looks up stored results for these new jobs, at most as many as one creation takes. A job with a stored
    /// result is returned finished, with the result. A delayed job stays as it is, because its caller expects
    /// it to wait.
    ///
    /// A failed lookup is not an error: the job is computed.
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
        let answered: Vec<_> = submissions
            .into_iter()
            .zip(hints)
            .map(|(new, hint)| self.with_stored_result(new, hint))
            .collect();
        stream::iter(answered).buffered(READ_CONCURRENCY).collect().await
    }

    /// The key under which the result of this job is stored; `None` if it is not to be reused.
    pub(super) fn result_key(&self, job: &Job, request: &Request) -> Option<ResultKey> {
        let method = self.reuse.as_deref()?;
        Some(ResultKey::of(&job.head.owner, method, &request.sequence))
    }

    /// The new job, finished at once if the job of the hint has a result for it.
    async fn with_stored_result(&self, new: Submission, hint: Option<JobId>) -> Submission {
        let Some(id) = hint else { return new };
        let result = self.stored_result(&new, id).await.unwrap_or_else(|error| {
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

    /// The result of job `id`, if that job has the same owner and sequence, and has not expired.
    async fn stored_result(&self, new: &Submission, id: JobId) -> Result<Option<Bytes>, StoreError> {
        let Some(earlier) = self.backend.store.read(id, Include::ALL).await? else { return Ok(None) };
        let same_owner = earlier.job.head.owner == new.job.head.owner;
        let same_sequence = earlier.request.is_some_and(|request| request.sequence == new.request.sequence);
        let stands = earlier.job.state() == State::Finished && !earlier.job.status.is_expired(self.now());
        Ok(earlier.result.filter(|_| same_owner && same_sequence && stands))
    }
}

fn log_miss(error: &StoreError) {
    // A temporary error is logged elsewhere. A lasting one, such as a missing permission, would otherwise go
    // unnoticed.
    if error.is_temporary() {
        tracing::debug!(%error, "cannot look for a stored result, will compute: {error}");
    } else {
        tracing::warn!(%error, "cannot look for a stored result, will compute: {error}");
    }
}
