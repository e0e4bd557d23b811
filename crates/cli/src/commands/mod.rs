//! The commands, one file each, and the list of them.

use clap::Subcommand;

use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

mod archive;
mod cancel;
mod compare;
mod completions;
mod conform;
mod dead;
mod delete;
mod export;
mod import;
mod keys;
mod list;
mod methods;
mod notice;
mod operator;
mod predict;
mod result;
mod serve;
mod settings;
mod status;
mod submit;
mod validate;
mod verify;
mod watch;

/// Every command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Predict here, without a service, on all cores
    Predict(predict::Args),
    /// Set classic results beside known structures, and tell how well they agree
    Compare(compare::Args),
    /// Run the whole service in this process: API, worker and clean-up
    Serve(serve::Args),
    /// Send sequences to a service; prints the id of the job or batch
    Submit(submit::Args),
    /// Show how jobs or batches stand
    Status(status::Args),
    /// Follow a job or batch until it is done
    Watch(watch::Args),
    /// Fetch the result of a job or batch
    Result(result::Args),
    /// List your jobs, newest first
    List(list::Args),
    /// Call jobs off
    Cancel(cancel::Args),
    /// Delete jobs with their results
    Delete(delete::Args),
    /// Check sequences as the service would, and tell every edit
    Validate(validate::Args),
    /// Show the methods that the service predicts with
    Methods(methods::Args),
    /// Test a live service from outside: every route, bad input, formats, events, clean-up
    Verify(verify::Args),
    /// Tell all callers of an outage, and pause intake meanwhile (for operators, with the admin key)
    Notice(notice::Args),
    /// Make, list, rotate and revoke keys of callers
    Keys(keys::Args),
    /// Look at jobs that were given up, and send them again (for operators, on PSSP_BACKEND)
    Dead(dead::Args),
    /// Write everything that a store keeps into an archive: a backup, or to move (for operators)
    Export(export::Args),
    /// Bring an archive into a store, each entry once (for operators)
    Import(import::Args),
    /// Check an archive, and tell what it has
    Archive(archive::Args),
    /// Test whether a store keeps what pssp needs of it, in namespaces that are removed (for operators)
    Conform(conform::Args),
    /// Show every setting of the service
    Settings(settings::Args),
    /// Print a completion script for your shell
    Completions(completions::Args),
}

/// Runs one command. `command_line` is the definition of the whole command line.
pub(crate) fn run(
    command: Command,
    global: &Global,
    ui: Ui,
    command_line: clap::Command,
) -> Result<Exit, Failure> {
    match command {
        Command::Predict(args) => predict::run(&args, ui),
        Command::Serve(args) => serve::run(&args, ui),
        Command::Submit(args) => submit::run(&args, global, ui),
        Command::Status(args) => status::run(&args, global, ui),
        Command::Watch(args) => watch::run(&args, global, ui),
        Command::Result(args) => result::run(&args, global, ui),
        Command::List(args) => list::run(&args, global, ui),
        Command::Cancel(args) => cancel::run(&args, global, ui),
        Command::Delete(args) => delete::run(&args, global, ui),
        Command::Validate(args) => validate::run(&args, global, ui),
        Command::Methods(args) => methods::run(&args, global, ui),
        Command::Verify(args) => verify::run(&args, global, ui),
        Command::Notice(args) => notice::run(&args, global, ui),
        Command::Keys(args) => keys::run(&args, global, ui),
        Command::Dead(args) => dead::run(args, ui),
        Command::Export(args) => export::run(&args, ui),
        Command::Import(args) => import::run(&args, ui),
        Command::Archive(args) => archive::run(&args, ui),
        Command::Conform(args) => conform::run(&args, ui),
        Command::Settings(args) => settings::run(&args, ui),
        Command::Completions(args) => completions::run(&args, command_line),
        Command::Compare(args) => compare::run(&args, ui),
    }
}
