//! `pssp completions`: prints a completion script for a shell.

use std::io::Write;

use clap_complete::Shell;

use crate::exit::{Exit, Failure};

/// Arguments of `pssp completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, mut command_line: clap::Command) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command_line, "pssp", &mut script);
    std::io::stdout().write_all(&script).map_err(|e| Failure::writing("to stdout", &e))?;
    Ok(Exit::Ok)
}
