//! `pssp-worker`: takes jobs from the backend that `PSSP_BACKEND` names and predicts them.

use std::process::ExitCode;

use pssp_host::program::Program;

fn main() -> ExitCode {
    if let Some(code) = pssp_worker::standalone::launched(std::env::args_os().skip(1)) {
        return code;
    }
    let program = Program {
        name: "pssp-worker",
        version: env!("CARGO_PKG_VERSION"),
        about: "Takes jobs from the queue and predicts them.",
        probe: |settings| settings.worker_addr,
    };
    program.run(|settings| async move { pssp_worker::standalone::main(&settings).await })
}
