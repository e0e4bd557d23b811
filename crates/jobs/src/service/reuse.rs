//! For callers and workers: results that answer more than one job.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use pssp_predict::Method;

use super::Jobs;
use crate::error::StoreError;
use crate::id::JobId;
use crate::job::{Job, State};
use crate::ports::{IdempotencyKey, Submission};
use crate::reuse::ResultKey;

/// Results that are read at the same time.
const WIDTH: usize = 16;

impl Jobs {
    /// The same use cases, but results of `method` answer later jobs that ask the same of it: those that are
    /// finished here are stored so, and those that are submitted are looked up. `None` does neither.
    #[must_use]
    pub fn reusing(&self, method: Option<Method>) -> Self {
        Self { reuse: method.map(Arc::new), ..self.clone() }
    }

    /// What is to be created, of at most as many jobs as one creation takes: the jobs as they are, or finished
    /// at once where a stored result answers them. A job that is not to start at once is left as it is: its
    /// caller expects to see it wait.
    ///
    /// A look-up that fails is a job to be computed, not an error.
    pub async fn recall(&self, jobs: Vec<Job>) -> Vec<Submission> {
        let wanted: Vec<Option<ResultKey>> = jobs.iter().map(|job| self.wanted(job)).collect();
        let keys: Vec<ResultKey> = wanted.iter().flatten().copied().collect();
        let mut hints = self.hints(&keys).await.into_iter();
        let hints = wanted.iter().map(|key| key.and_then(|_| hints.next().flatten()));
        let submissions: Vec<_> =
            jobs.into_iter().zip(hints).map(|(job, hint)| self.submission(job, None, hint)).collect();
        stream::iter(submissions).buffered(WIDTH).collect().await
    }

    /// The same for one job, which comes with a key.
    pub async fn recall_one(&self, job: Job, key: Option<IdempotencyKey>) -> Submission {
        let wanted: Vec<ResultKey> = self.wanted(&job).into_iter().collect();
        let hint = self.hints(&wanted).await.pop().flatten();
        self.submission(job, key, hint).await
    }

    /// The key of a result of this job, if it is to be reused.
    pub(super) fn result_key(&self, job: &Job) -> Option<ResultKey> {
        let method = self.reuse.as_deref()?;
        Some(ResultKey::of(&job.head.owner, method, &job.request.sequence))
    }

    fn wanted(&self, job: &Job) -> Option<ResultKey> {
        self.result_key(job).filter(|_| !job.is_delayed())
    }

    /// What the keys lead to, as far as the store can say; nothing where it cannot.
    async fn hints(&self, keys: &[ResultKey]) -> Vec<Option<JobId>> {
        if keys.is_empty() {
            return Vec::new();
        }
        self.backend.store.reusable(keys).await.unwrap_or_else(|error| {
            missed(&error);
            Vec::new()
        })
    }

    /// The result of `id`, if that job really answers `job`.
    async fn answer(&self, job: &Job, id: JobId) -> Option<Bytes> {
        let read = async {
            let Some(earlier) = self.backend.store.get(id).await? else { return Ok(None) };
            let same =
                earlier.head.owner == job.head.owner && earlier.request.sequence == job.request.sequence;
            let stands = earlier.state() == State::Finished && !earlier.status.is_expired(self.now());
            match same && stands {
                true => self.backend.store.result(id).await,
                false => Ok(None),
            }
        };
        read.await.unwrap_or_else(|error| {
            missed(&error);
            None
        })
    }

    /// The job, finished at once if the one that the hint leads to answers it.
    async fn submission(&self, job: Job, key: Option<IdempotencyKey>, hint: Option<JobId>) -> Submission {
        let result = match hint {
            Some(id) => self.answer(&job, id).await,
            None => None,
        };
        let job = if result.is_some() { job.answered(&self.policy) } else { job };
        Submission { job, key, result }
    }
}

fn missed(error: &StoreError) {
    // What passes is known elsewhere; what does not (a right that is missing, say) nobody would notice.
    if error.is_temporary() {
        tracing::debug!(%error, "cannot look for a stored result, will compute: {error}");
    } else {
        tracing::warn!(%error, "cannot look for a stored result, will compute: {error}");
    }
}
