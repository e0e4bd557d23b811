//! `aws:` addresses.

use std::sync::Arc;

use pssp_backend_aws::{AwsBackend, Options};
use pssp_jobs::{Backend, Clock};

use crate::OpenError;

/// Opens the backend, which parses the URL itself. The URL has no credentials.
pub(crate) async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Backend, OpenError> {
    Ok(Backend::of(AwsBackend::open(url, clock, Options::default()).await?))
}

/// Like [`open`], without a call to the table or the queue.
pub(crate) async fn connect(url: &str, clock: Arc<dyn Clock>) -> Result<Backend, OpenError> {
    Ok(Backend::of(pssp_backend_aws::connect(url, clock, Options::default()).await?))
}
