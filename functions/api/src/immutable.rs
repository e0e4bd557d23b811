//! Caching of what never changes: the result of a finished job in one form.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use pssp_jobs::{Job, JobId};

use crate::app::Ctx;
use crate::auth::Caller;
use crate::headers;
use crate::problem::Problem;
use crate::render;

/// The longest time that a cache may keep an answer without asking.
const MAX_AGE: Duration = Duration::from_hours(24 * 7);

/// The tag of one form of a result: a format, or a picture.
pub(crate) struct Tag(String);

impl Tag {
    /// The tag of the `form` of a job's result. The version is a part of it, since a release may write a form in
    /// another way. It is weak: compression changes the bytes.
    pub(crate) fn new(id: JobId, form: &str) -> Self {
        Self(format!("W/\"{id}-{form}-{}\"", crate::VERSION))
    }

    /// The answer 304 if the caller has this form already. It reads the job, but no result.
    ///
    /// # Errors
    /// If the job is not found, or not finished.
    pub(crate) async fn known(
        &self,
        ctx: &Ctx,
        caller: &Caller,
        id: JobId,
        headers: &HeaderMap,
    ) -> Result<Option<(StatusCode, HeaderMap)>, Problem> {
        if !headers::none_match(headers, self.0.trim_start_matches("W/")) {
            return Ok(None);
        }
        let job = ctx.jobs().find(&caller.owner, id).await?;
        render::finished(&job, ctx.jobs().now())?;
        Ok(Some((StatusCode::NOT_MODIFIED, self.headers(ctx, &job))))
    }

    /// The headers `ETag` and `Cache-Control`. Only the cache of the caller may keep the answer, for as long as the
    /// job is kept.
    pub(crate) fn headers(&self, ctx: &Ctx, job: &Job) -> HeaderMap {
        let left = job.status.expires_at.map_or(MAX_AGE, |at| at.since(ctx.jobs().now()).min(MAX_AGE));
        let mut headers = HeaderMap::new();
        for (name, text) in [
            (header::ETAG, self.0.clone()),
            (header::CACHE_CONTROL, format!("private, max-age={}", left.as_secs())),
        ] {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
        headers
    }
}
