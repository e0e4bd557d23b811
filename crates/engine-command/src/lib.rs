//! The `command` engine: a program that the operator chooses makes the prediction, one run for each job.
//!
//! The program gets a FASTA file in a new scratch folder and returns the 8 lines of the classic format.
//! It runs without a shell, with an almost empty environment, and within limits on time, memory and output.
//! Processes that it leaves running are killed. `docs/command-engine.md` is the guide for operators.
//!
//! - [`Command`]: the command line, parsed and checked
//! - [`Options`] and [`CommandEngine`]: the engine
//! - [`launch`]: the function that a program with this engine must call first
//!
//! Limits must be set between `fork` and `exec`, and code that runs there needs `unsafe`. So the engine starts
//! *this* program again in one of two roles ([`launch`]): a supervisor, which adopts every process of the job
//! and ends them all, and as its child a starter, which sets limits on itself and then becomes the operator's
//! program.

mod answer;
mod command;
mod engine;
pub mod launch;
mod processes;
mod run;
mod scratch;
mod tail;

pub use command::{BadCommand, Command};
pub use engine::{CommandEngine, Options};
