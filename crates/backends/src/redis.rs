//! `redis:` and `rediss:` addresses.

use std::sync::Arc;

use pssp_backend_redis::{Options, RedisBackend};
use pssp_jobs::{Backend, Clock};

use crate::OpenError;

/// Opens the backend, which parses the URL itself. Its errors contain no secrets.
pub(crate) async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Backend, OpenError> {
    Ok(Backend::of(RedisBackend::open(url, clock, Options::default()).await?))
}
