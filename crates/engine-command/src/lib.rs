//! The `command` engine: a program of the operator's choice makes the prediction, one run a job.
//!
//! The program gets a FASTA file in a fresh scratch folder and answers with the classic 8 lines.
//! It runs without a shell, with an empty environment, and within limits of time, memory and output.
//! Whatever it leaves running is killed. `docs/command-engine.md` is the guide for operators.
//!
//! - [`Command`]: the command line, taken apart and checked
//! - [`Options`] and [`CommandEngine`]: the engine
//! - [`launch`]: what the program that embeds this engine must call first
//!
//! Limits must be set between `fork` and `exec`, which is unsafe to do from a library. So the engine
//! starts *this* program again in a role of its own ([`launch`]): as a supervisor, which adopts every
//! process of the job and ends them all, and below it as a starter, which limits itself and then
//! becomes the operator's program.

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
