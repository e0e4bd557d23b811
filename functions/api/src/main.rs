//! `pssp-api`: serves the HTTP interface, with the backend in `PSSP_BACKEND`.

use std::process::ExitCode;

use pssp_host::program::Program;

fn main() -> ExitCode {
    let program = Program {
        name: "pssp-api",
        version: pssp_api::VERSION,
        about: "Takes sequences, tells how their jobs are, hands out results.",
        probe: |settings| Some(settings.addr),
    };
    program.run(|settings| async move { pssp_api::standalone::main(&settings).await })
}
