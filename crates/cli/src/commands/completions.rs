//! `pssp completions`: a completion script for a shell.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::{Exit, Failure};

/// Arguments of `pssp completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pssp", &mut script);
    std::io::stdout().write_all(&script).map_err(|e| Failure::writing("to stdout", &e))?;
    Ok(Exit::Ok)
}
