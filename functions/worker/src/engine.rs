//! The engine that the settings name, and whether its results are reused.

use std::sync::Arc;

use anyhow::Context as _;
use pssp_engine_command::{Command, CommandEngine, Options};
use pssp_host::Settings;
use pssp_host::settings::{CommandSettings, EngineSettings};
use pssp_jobs::Jobs;
use pssp_predict::Engine;
use pssp_predict::engine::Neural;

/// The engine of the settings.
///
/// # Errors
/// If the model in the program is damaged, or the operator's command cannot be used.
pub fn load(settings: &EngineSettings) -> anyhow::Result<Arc<dyn Engine>> {
    Ok(match settings {
        EngineSettings::Neural => Arc::new(Neural::load().context("cannot load the model")?),
        EngineSettings::Command(command) => Arc::new(command_engine(command).context("PSSP_COMMAND")?),
    })
}

/// The use cases of a worker with this engine. Its results are reused for later jobs, if the settings allow it.
pub(crate) fn reusing(settings: &Settings, jobs: &Jobs, engine: &dyn Engine) -> Jobs {
    jobs.reusing((settings.reuse && engine.is_repeatable()).then(|| engine.method().clone()))
}

fn command_engine(settings: &CommandSettings) -> anyhow::Result<CommandEngine> {
    let mut options = Options::new(Command::parse(&settings.line)?)?;
    if let Some(scratch) = &settings.scratch {
        options.scratch.clone_from(scratch);
    }
    let CommandSettings { timeout, memory, output, file_size, .. } = *settings;
    let version = settings.version.clone();
    Ok(CommandEngine::new(Options { version, timeout, memory, output, file_size, ..options })?)
}
