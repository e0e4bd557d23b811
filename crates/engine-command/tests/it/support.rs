//! Engines that run the fixture program.

use std::time::Duration;

use pssp_engine_command::{Command, CommandEngine, Options};
use pssp_predict::{Cancel, Engine, EngineError, Prediction, Sequence};

/// The fixture: launcher and operator's program in one.
pub(crate) const FIXTURE: &str = env!("CARGO_BIN_EXE_pssp-command-fixture");

pub(crate) fn sequence() -> Sequence {
    "MKVLAAGIVGLLLAQW".parse().expect("clean residues")
}

/// Small limits, so that tests are quick, but much time, because the machine may be busy.
pub(crate) fn options(arguments: &[&str]) -> Options {
    let words: Vec<&str> = [FIXTURE].iter().chain(arguments).copied().collect();
    let line = serde_json::to_string(&words).expect("JSON");
    let command = Command::parse(&line).expect("a command line");
    Options {
        timeout: Duration::from_secs(60),
        memory: 1 << 30,
        output: 1 << 16,
        file_size: 1 << 20,
        launcher: FIXTURE.into(),
        version: "2.5".to_owned(),
        ..Options::new(command).expect("options")
    }
}

pub(crate) fn engine(options: Options) -> CommandEngine {
    CommandEngine::new(options).expect("an engine")
}

pub(crate) fn predict(arguments: &[&str]) -> Result<Prediction, EngineError> {
    engine(options(arguments)).predict(&sequence(), &Cancel::new())
}
