//! The worker as a function on AWS Lambda: the events of the host call the handler.

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use pssp_host::Settings;
use pssp_host::lambda::event::Submit;
use pssp_host::lambda::worker::{Function, Host};
use pssp_jobs::intake::{Intake, Rules};
use pssp_jobs::{Handler, Jobs, SystemClock};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{SubmitEvent, Worker, WorkerOptions};

struct OnLambda {
    worker: Worker,
    jobs: Jobs,
    intake: Intake,
}

#[async_trait]
impl Function for OnLambda {
    fn handler(&self, release: CancellationToken) -> Arc<dyn Handler> {
        Arc::new(self.worker.releasing_on(release))
    }

    async fn idle(&self) {
        self.worker.idle().await;
    }

    async fn submit(&self, event: Submit) -> anyhow::Result<Value> {
        let key = format!("event {} {}", event.source, event.id);
        let data: SubmitEvent = serde_json::from_value(event.data)
            .context("the data of the event must be an object of sequence, name and owner")?;
        let job = data.submit(&self.jobs, key, &self.intake).await?;
        tracing::info!(job = %job.id(), "event {} of {} submitted job {}", event.id, event.source, job.id());
        Ok(json!({ "job": job.id() }))
    }
}

/// Handles events until the platform ends the process.
pub(crate) async fn main(settings: &Settings) -> anyhow::Result<()> {
    let clock = Arc::new(SystemClock);
    let backend = pssp_backends::open_lazily(settings.backend.as_str(), clock.clone()).await?;
    let jobs = Jobs::new(backend, clock, settings.policy.clone())?;
    host(settings, jobs, crate::engine::load(&settings.engine)?).run().await
}

fn host(
    settings: &Settings,
    jobs: Jobs,
    engine: Arc<dyn pssp_predict::Engine>,
) -> Host<impl Function + use<>> {
    let jobs = crate::engine::reusing(settings, &jobs, &*engine);
    let options = WorkerOptions { threads: settings.worker.threads };
    let worker = Worker::new(jobs.clone(), engine, options, CancellationToken::new());
    let rules =
        Rules { max_residues: settings.api.max_residues, max_records: settings.api.max_batch_records };
    let function = OnLambda { worker, jobs: jobs.clone(), intake: Intake::new(rules) };
    Host::new(jobs, function, settings.worker.slots)
}
