//! Shared parts of routes: ids and extensions in the path, and the limit on a body.

use axum::extract::{FromRequestParts, Path};
use http::Uri;
use http::request::Parts;
use pssp_jobs::{BatchId, JobId};

use crate::app::Ctx;
use crate::body::Limit;
use crate::problem::{Kind, Problem};

/// The job id in a path. For an id that is not a UUID there is no job.
pub(super) struct JobPath(pub(super) JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| Problem::no_job())?;
        id.parse().map(Self).map_err(|_| Problem::no_job())
    }
}

/// The batch id in a path.
pub(super) struct BatchPath(pub(super) BatchId);

impl<S: Send + Sync> FromRequestParts<S> for BatchPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let none = || Problem::new(Kind::NotFound, "no batch of yours has this id; ids are UUIDs");
        let Path(id) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| none())?;
        id.parse().map(Self).map_err(|_| none())
    }
}

/// The file extension at the end of a path.
pub(super) fn extension(uri: &Uri) -> Option<&str> {
    let (_, file) = uri.path().rsplit_once('/')?;
    file.split_once('.').map(|(_, extension)| extension)
}

/// The limit on the body of a batch.
pub(super) fn batch_limit(ctx: &Ctx) -> Limit {
    Limit { bytes: ctx.config().max_batch_bytes, name: "max_batch_bytes" }
}

/// The limit on the body of a request other than a batch.
pub(super) fn single_limit(ctx: &Ctx) -> Limit {
    Limit { bytes: ctx.config().max_body_bytes, name: "max_body_bytes" }
}
