//! The `pssp` command: predict here, serve, or talk to a service.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's output is its result")]

use std::process::ExitCode;

use clap::Parser;

mod args;
mod client;
mod commands;
mod exit;
mod input;
mod pipeline;
mod ui;

fn main() -> ExitCode {
    if let Some(code) = pssp_worker::standalone::launched(std::env::args_os().skip(1)) {
        return code;
    }
    let cli = args::Cli::parse();
    let ui = ui::Ui { json: cli.global.json, quiet: cli.global.quiet };
    match commands::run(cli.command, &cli.global, ui) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            ui.failure(&failure);
            failure.exit.into()
        }
    }
}
