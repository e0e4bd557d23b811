//! The `pssp` command: predicts on this machine, runs a service, or calls one.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's output is its result")]

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::Global;
use crate::commands::Command;
use crate::exit::EXIT_CODES;
use crate::ui::Ui;

mod args;
mod client;
mod commands;
mod exit;
mod input;
mod pipeline;
mod ui;
mod warnings;

/// Predicts secondary structure, solvent accessibility, disorder and membrane topology of proteins
#[derive(Debug, Parser)]
#[command(name = "pssp", version, after_help = EXIT_CODES, max_term_width = 100)]
#[command(propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    if let Some(code) = pssp_worker::standalone::launched(std::env::args_os().skip(1)) {
        return code;
    }
    let cli = Cli::parse();
    let ui = Ui { json: cli.global.json, quiet: cli.global.quiet };
    match commands::run(cli.command, &cli.global, ui, Cli::command()) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            ui.failure(&failure);
            failure.exit.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
