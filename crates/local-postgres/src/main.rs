//! Starts a PostgreSQL on this machine, prints its address for `PSSP_BACKEND`, and stops it when the input ends.

#![allow(clippy::print_stdout, reason = "the address is the result")]

use std::io::Read as _;

fn main() -> std::io::Result<()> {
    let server = pssp_local_postgres::Server::start(&[]);
    println!("{}", server.url("pssp"));
    std::io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
