//! `postgres:` and `postgresql:` addresses.

use std::sync::Arc;

use pssp_backend_postgres::{Options, PostgresBackend};
use pssp_jobs::{Backend, Clock};

use crate::OpenError;

/// Opens the backend, which parses the URL itself. Its errors contain no secrets.
pub(crate) async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Backend, OpenError> {
    Ok(Backend::of(PostgresBackend::open(url, clock, Options::default()).await?))
}

/// Refuses a schema without tables.
pub(crate) async fn open_existing(url: &str, clock: Arc<dyn Clock>) -> Result<Backend, OpenError> {
    let options = Options { make_tables: false, ..Options::default() };
    Ok(Backend::of(PostgresBackend::open(url, clock, options).await?))
}
