//! Reads results from the store and writes them in a format.

use std::sync::Arc;

use pssp_jobs::{Include, Job, JobId, Record, Request, State, Timestamp};
use pssp_predict::Prediction;
use pssp_predict::format::{Entry, Format};
use pssp_predict::sequence::Warning;
use pssp_predict::structure::Structure;

use crate::app::Ctx;
use crate::auth::Caller;
use crate::bounds::Client;
use crate::headers;
use crate::problem::{Kind, Problem};
use crate::view;

/// A finished job, with its input and its prediction.
pub(crate) struct Finished {
    pub(crate) job: Job,
    pub(crate) request: Arc<Request>,
    pub(crate) prediction: Prediction,
    warnings: Vec<Warning>,
}

impl Finished {
    /// Reads a job of the caller with its result.
    ///
    /// # Errors
    /// If the job is not found, not ready, has no result, or its result is unreadable.
    pub(crate) async fn read(ctx: &Ctx, caller: &Caller, id: JobId) -> Result<Self, Problem> {
        let record = ctx.jobs().find_with(&caller.owner, id, Include::ALL).await?;
        Self::of(ctx, &caller.client, record).await
    }

    /// Makes the same from a job that was read with all its parts.
    ///
    /// # Errors
    /// If the job is not ready, has no result, was deleted meanwhile, or its result is unreadable.
    pub(crate) async fn of(ctx: &Ctx, client: &Client, record: Record) -> Result<Self, Problem> {
        finished(&record.job, ctx.jobs().now())?;
        let warnings = record.warnings().to_vec();
        let Record { job, request: Some(request), result: Some(bytes) } = record else {
            return Err(Problem::no_job());
        };
        let prediction =
            ctx.cpu.run_if_large(client, bytes.len(), move || Prediction::decode(&bytes)).await?;
        let prediction = prediction.map_err(|error| {
            tracing::error!(job = %job.id(), "stored result of job {} cannot be read", job.id());
            Problem::internal(&error)
        })?;
        Ok(Self { job, request, prediction, warnings })
    }

    /// The input of the formats, with this id.
    pub(crate) fn entry<'a>(&'a self, id: &'a str) -> Entry<'a> {
        Entry {
            id,
            name: self.job.head.name.as_deref(),
            header: None,
            sequence: &self.request.sequence,
            prediction: &self.prediction,
            edits: &self.request.edits,
            warnings: &self.warnings,
            structure: Structure::default(),
        }
    }

    /// The caller's name of the sequence, else the id of the job.
    pub(crate) fn name(&self) -> String {
        self.job.head.name.clone().unwrap_or_else(|| self.job.id().to_string())
    }

    /// Writes the result in one format, as a complete file.
    pub(crate) fn write(&self, format: Format, structure: Structure<'_>) -> Result<Vec<u8>, Problem> {
        let id = if format.by_name() { self.name() } else { self.job.id().to_string() };
        let header = classic_header(self.job.id());
        let entry = Entry { header: Some(&header), structure, ..self.entry(&id) };
        let mut out = Vec::new();
        pssp_predict::format::write(format, &entry, &mut out).map_err(|e| Problem::internal(&e))?;
        Ok(out)
    }
}

/// The header line of the classic text, without its `>`.
pub(crate) fn classic_header(id: JobId) -> String {
    format!("JOBID = {id}")
}

/// Checks that `job` is finished.
///
/// # Errors
/// If it is not. The problem says whether the job may still finish.
pub(crate) fn finished(job: &Job, now: Timestamp) -> Result<(), Problem> {
    let state = job.state();
    match state {
        State::Finished => Ok(()),
        State::Submitted | State::Running => {
            Err(Problem::new(Kind::NotReady, format!("the job is {state}; try again later"))
                .with_retry_after(headers::poll_again(job, now)))
        }
        State::Cancelled => Err(Problem::new(Kind::NoResult, "the job was cancelled and has no result")),
        State::Failed => {
            let error = view::failure(&job.status);
            let detail = error.map_or("no reason known", |e| e.detail.as_str());
            Err(Problem::new(Kind::NoResult, format!("the job failed: {detail}")).with_error(error))
        }
    }
}
